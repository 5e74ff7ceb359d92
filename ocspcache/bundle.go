package ocspcache

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"time"

	"seihon/artifact"
)

// Layout of a bundle; docs/formats-ocsp.md is the description for others. All
// numbers are big-endian. The sections follow each other without gaps, and their
// sizes follow from the numbers in the head, so that the head is all that opening
// a bundle has to look at.
const (
	bundleMagic = artifact.BundleMagic // "SEIHONB1"

	headSize   = 256
	groupSize  = 144
	entrySize  = 88
	fanoutSize = 4
	slotSize   = 4

	headTotal      = 8
	headCount      = 16
	headShard      = 20
	headGroups     = 22
	headBucketBits = 24
	headIssuerSize = 28
	headNext       = 32
	headThis       = 40
	headReserved   = 48
	headIssuer     = 128

	entryOffset     = 0
	entryLength     = 8
	entryGroup      = 12
	entrySerialSize = 14
	entrySerial     = 16
	entryThis       = 40
	entryNext       = 48
	entryDigest     = 56
)

// Caps of a bundle: more belongs into more shards.
const (
	maxBundleCount = 1 << 24
	maxBundleBytes = 64 << 30
	maxGroups      = 64
	maxBucketBits  = 24
	maxBucket      = 64 // entries of one bucket; the writer refuses more
)

// A Bundle is an open bundle file. Its methods are safe for concurrent use until
// Close; the slices it hands out end with it.
type Bundle struct {
	data    []byte
	release func() error

	issuer        string
	shard         uint16
	count         int
	bucketShift   uint
	next, this    int64
	groups        []group
	fanout, slots []byte
	entries       []byte
	responses     []byte
}

// A group is one CertID form of the issuer: a hash algorithm with the hashes of
// its name and key.
type group struct {
	id             hashID
	name, key      []byte
	first, entries uint32
}

// An entry is what the index says of one response.
type entry struct {
	group                  uint16
	serial                 []byte
	thisUpdate, nextUpdate int64
	digest                 []byte
	der                    []byte
}

// OpenBundle maps the bundle file at path. Opening looks at the head only, so its
// cost does not depend on the size; [Bundle.Check] looks at everything.
func OpenBundle(path string) (*Bundle, error) {
	data, release, err := mapFile(path)
	if err != nil {
		return nil, fmt.Errorf("opening OCSP bundle: %w", err)
	}
	b, err := ParseBundle(data)
	if err != nil {
		_ = release() // the reason to refuse the file is the error that counts
		return nil, fmt.Errorf("opening OCSP bundle %q: %w", path, err)
	}
	b.release = release
	return b, nil
}

// ParseBundle reads a bundle held in memory. It keeps data.
func ParseBundle(data []byte) (*Bundle, error) {
	if len(data) < headSize || string(data[:len(bundleMagic)]) != bundleMagic {
		return nil, fmt.Errorf("parsing OCSP bundle: the first bytes are not %s and its head", bundleMagic)
	}
	b := &Bundle{data: data}
	if err := b.readHead(data[:headSize]); err != nil {
		return nil, fmt.Errorf("parsing OCSP bundle: %w", err)
	}
	if err := b.readGroups(); err != nil {
		return nil, fmt.Errorf("parsing OCSP bundle: %w", err)
	}
	return b, nil
}

func (b *Bundle) readHead(head []byte) error {
	total := binary.BigEndian.Uint64(head[headTotal:])
	count := binary.BigEndian.Uint32(head[headCount:])
	groups := binary.BigEndian.Uint16(head[headGroups:])
	bits := binary.BigEndian.Uint32(head[headBucketBits:])
	name := binary.BigEndian.Uint32(head[headIssuerSize:])
	switch {
	case total != uint64(len(b.data)):
		return fmt.Errorf("head says %d bytes, there are %d: the file is cut off or has grown", total, len(b.data))
	case count > maxBundleCount:
		return fmt.Errorf("%d responses, at most %d are possible", count, maxBundleCount)
	case groups > maxGroups || (groups == 0) != (count == 0):
		return fmt.Errorf("%d groups for %d responses", groups, count)
	case bits != bucketBits(count):
		return fmt.Errorf("2^%d buckets for %d responses, want 2^%d", bits, count, bucketBits(count))
	case name > maxIssuerName || !validIssuer(string(head[headIssuer:headIssuer+name])):
		return fmt.Errorf("issuer name is not one")
	case !zero(head[headReserved:headIssuer]) || !zero(head[headIssuer+name:]):
		return fmt.Errorf("reserved bytes of the head are not zero")
	}
	b.issuer = string(head[headIssuer : headIssuer+name])
	b.shard = binary.BigEndian.Uint16(head[headShard:])
	b.count = int(count)
	b.bucketShift = uint(64 - bits)
	b.next = int64(binary.BigEndian.Uint64(head[headNext:]))
	b.this = int64(binary.BigEndian.Uint64(head[headThis:]))
	b.groups = make([]group, groups)

	rest := b.data[headSize:]
	for _, section := range []struct {
		into *[]byte
		size int
	}{
		{nil, int(groups) * groupSize},
		{&b.fanout, (1<<bits + 1) * fanoutSize},
		{&b.slots, int(count) * slotSize},
		{&b.entries, int(count) * entrySize},
	} {
		if section.size > len(rest) {
			return fmt.Errorf("index of %d responses does not fit %d bytes", count, len(b.data))
		}
		if section.into != nil {
			*section.into = rest[:section.size]
		}
		rest = rest[section.size:]
	}
	b.responses = rest
	return nil
}

func (b *Bundle) readGroups() error {
	next := uint32(0)
	for i := range b.groups {
		raw := b.data[headSize+i*groupSize:][:groupSize]
		g := group{
			id:      hashID(binary.BigEndian.Uint16(raw)),
			first:   binary.BigEndian.Uint32(raw[4:]),
			entries: binary.BigEndian.Uint32(raw[8:]),
		}
		if !g.id.valid() || int(binary.BigEndian.Uint16(raw[2:])) != hashes[g.id].size {
			return fmt.Errorf("group %d has no known hash algorithm", i)
		}
		size := hashes[g.id].size
		g.name, g.key = raw[16:16+size], raw[80:80+size]
		if !zero(raw[12:16]) || !zero(raw[16+size:80]) || !zero(raw[80+size:]) {
			return fmt.Errorf("reserved bytes of group %d are not zero", i)
		}
		if g.first != next || g.entries == 0 || g.entries > uint32(b.count)-next {
			return fmt.Errorf("group %d covers other entries than those that follow", i)
		}
		next += g.entries
		if i > 0 && b.groups[i-1].compare(g) >= 0 {
			return fmt.Errorf("group %d is out of order", i)
		}
		b.groups[i] = g
	}
	if next != uint32(b.count) {
		return fmt.Errorf("groups cover %d of %d entries", next, b.count)
	}
	return nil
}

// compare orders groups by algorithm, key hash and name hash.
func (g group) compare(o group) int {
	if g.id != o.id {
		return int(g.id) - int(o.id)
	}
	if c := bytes.Compare(g.key, o.key); c != 0 {
		return c
	}
	return bytes.Compare(g.name, o.name)
}

// bucketBits is the size of the fan-out table of n responses: the least power of
// two that is not below n.
func bucketBits(n uint32) uint32 {
	bits := uint32(0)
	for bits < maxBucketBits && uint32(1)<<bits < n {
		bits++
	}
	return bits
}

// bucketHash spreads the entries over the fan-out table: FNV-1a over the group
// number and the serial, and a final mix, since FNV leaves the upper bits weak.
func bucketHash(group uint16, serial []byte) uint64 {
	const prime = 0x100000001b3
	h := uint64(0xcbf29ce484222325)
	h = (h ^ uint64(group)) * prime
	for _, c := range serial {
		h = (h ^ uint64(c)) * prime
	}
	h ^= h >> 32
	h *= 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// entryAt reads entry i. It fails when the entry points out of the file.
func (b *Bundle) entryAt(i uint32) (e entry, ok bool) {
	if int64(i) >= int64(b.count) {
		return e, false
	}
	raw := b.entries[int(i)*entrySize:][:entrySize]
	offset := binary.BigEndian.Uint64(raw[entryOffset:])
	length := uint64(binary.BigEndian.Uint32(raw[entryLength:]))
	size := raw[entrySerialSize]
	have := uint64(len(b.responses))
	if length == 0 || length > maxResponse || offset > have || length > have-offset || size == 0 || size > maxSerial {
		return e, false
	}
	e.group = binary.BigEndian.Uint16(raw[entryGroup:])
	e.serial = raw[entrySerial : entrySerial+int(size)]
	e.thisUpdate = int64(binary.BigEndian.Uint64(raw[entryThis:]))
	e.nextUpdate = int64(binary.BigEndian.Uint64(raw[entryNext:]))
	e.digest = raw[entryDigest:entrySize]
	e.der = b.responses[offset : offset+length : offset+length]
	return e, int(e.group) < len(b.groups)
}

// find returns the entry for k.
func (b *Bundle) find(id hashID, k Key) (entry, bool) {
	for g := range b.groups {
		if b.groups[g].answers(id, k) {
			if e, ok := b.findIn(uint16(g), k.Serial); ok {
				return e, true
			}
		}
	}
	return entry{}, false
}

func (g *group) answers(id hashID, k Key) bool {
	return g.id == id && bytes.Equal(g.key, k.IssuerKeyHash) &&
		(len(k.IssuerNameHash) == 0 || bytes.Equal(g.name, k.IssuerNameHash))
}

func (b *Bundle) findIn(group uint16, serial []byte) (entry, bool) {
	bucket := bucketHash(group, serial) >> b.bucketShift
	from := binary.BigEndian.Uint32(b.fanout[bucket*fanoutSize:])
	to := binary.BigEndian.Uint32(b.fanout[(bucket+1)*fanoutSize:])
	if from > to || int64(to) > int64(b.count) {
		return entry{}, false
	}
	for slot := from; slot < to && slot-from < maxBucket; slot++ {
		e, ok := b.entryAt(binary.BigEndian.Uint32(b.slots[int(slot)*slotSize:]))
		if ok && e.group == group && bytes.Equal(e.serial, serial) {
			return e, true
		}
	}
	return entry{}, false
}

// Lookup returns the response for k.
func (b *Bundle) Lookup(k Key) ([]byte, bool) {
	e, ok := b.find(idOf(k.Hash), k)
	return e.der, ok
}

// All iterates over the responses in the order of the file: by hash algorithm,
// issuer key hash, issuer name hash and serial. It stops at a broken entry, which
// [Bundle.Check] reports.
func (b *Bundle) All() iter.Seq2[Key, []byte] {
	return func(yield func(Key, []byte) bool) {
		for i := range uint32(b.count) {
			e, ok := b.entryAt(i)
			if !ok || !yield(b.keyOf(e), e.der) {
				return
			}
		}
	}
}

func (b *Bundle) keyOf(e entry) Key {
	g := b.groups[e.group]
	return Key{Hash: hashes[g.id].hash, IssuerNameHash: g.name, IssuerKeyHash: g.key, Serial: e.serial}
}

// Len returns the number of responses.
func (b *Bundle) Len() int { return b.count }

// Issuer returns the name of the issuer whose certificates the responses speak of.
func (b *Bundle) Issuer() string { return b.issuer }

// Shard returns the shard that the bundle holds.
func (b *Bundle) Shard() uint16 { return b.shard }

// MinNextUpdate returns the earliest nextUpdate among the responses, the zero
// time when there are none.
func (b *Bundle) MinNextUpdate() time.Time { return b.time(b.next) }

// MaxThisUpdate returns the latest thisUpdate among the responses, the zero time
// when there are none.
func (b *Bundle) MaxThisUpdate() time.Time { return b.time(b.this) }

func (b *Bundle) time(unix int64) time.Time {
	if b.count == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}

// Close unmaps the file.
func (b *Bundle) Close() error {
	if b.release == nil {
		return nil
	}
	release := b.release
	b.release = nil
	return release()
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
