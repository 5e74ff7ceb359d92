package ocspcache

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"seihon/artifact"
)

// A BundleWriter collects the responses of one issuer and shard and writes them
// as a bundle. The bytes depend on the responses only, never on their order. It
// holds the responses in memory until Close; an issuer with more responses than
// fit has more shards.
type BundleWriter struct {
	w      io.Writer
	issuer string
	shard  uint16

	groups []group     // in the order of arrival
	blocks [][]pending // all full but the last: a growing slice would be copied time and again
	count  int
	chunks [][]byte // the response bytes, in the order of arrival
	closed bool
}

const (
	blockBits = 12
	blockSize = 1 << blockBits
)

// at returns the response that was added as the i-th.
func (w *BundleWriter) at(i uint32) *pending { return &w.blocks[i>>blockBits][i&(blockSize-1)] }

// next makes room for one more.
func (w *BundleWriter) next() *pending {
	if w.count%blockSize == 0 {
		w.blocks = append(w.blocks, make([]pending, 0, blockSize))
	}
	last := len(w.blocks) - 1
	w.blocks[last] = w.blocks[last][:len(w.blocks[last])+1]
	w.count++
	return w.at(uint32(w.count - 1))
}

// pending is a response before its place is known. It has no pointers: millions
// of them would keep the garbage collector busy.
type pending struct {
	chunk, offset, length  uint32 // where the response is
	thisUpdate, nextUpdate int64
	prefix                 uint64 // of the serial, to sort by
	group                  uint16
	serialSize             uint8
	serial                 [maxSerial]byte
	digest                 [sha256.Size]byte
}

// A BundleSummary is what a generation and a manifest say of a bundle.
type BundleSummary struct {
	Digest        artifact.Digest
	Size          int64
	Count         int
	MinNextUpdate time.Time // zero when Count is 0
	MaxThisUpdate time.Time
}

// NewBundleWriter returns a writer of the bundle of one issuer and shard to w.
func NewBundleWriter(w io.Writer, issuer string, shard uint16) *BundleWriter {
	return &BundleWriter{w: w, issuer: issuer, shard: shard}
}

const chunkSize = 1 << 20

// Add takes the response der for k, in any order, and keeps a copy of it. The
// response must be successful, hold a SingleResponse for k with a nextUpdate, and
// carry no nonce. The issuer name hash comes from the response when k has none.
func (w *BundleWriter) Add(k Key, der []byte) error {
	if err := k.check(); err != nil {
		return fmt.Errorf("adding response to OCSP bundle: %w", err)
	}
	if w.count == maxBundleCount {
		return fmt.Errorf("adding response to OCSP bundle: shard %d of %s is full with %d responses; use more shards",
			w.shard, w.issuer, maxBundleCount)
	}
	s, err := scanResponse(der, k)
	if err != nil {
		return fmt.Errorf("adding response for serial %x to OCSP bundle: %w", k.Serial, err)
	}
	group, err := w.groupOf(s.key)
	if err != nil {
		return err
	}
	p := w.next()
	p.group, p.thisUpdate, p.nextUpdate, p.serialSize = group, s.thisUpdate, s.nextUpdate, uint8(len(k.Serial))
	w.keep(p, der)
	copy(p.serial[:], k.Serial)
	p.prefix = binary.BigEndian.Uint64(p.serial[:8])
	return nil
}

// keep copies a response into the newest chunk.
func (w *BundleWriter) keep(p *pending, der []byte) {
	last := len(w.chunks) - 1
	if last < 0 || len(der) > cap(w.chunks[last])-len(w.chunks[last]) {
		w.chunks = append(w.chunks, make([]byte, 0, chunkSize))
		last++
	}
	p.chunk, p.offset, p.length = uint32(last), uint32(len(w.chunks[last])), uint32(len(der))
	w.chunks[last] = append(w.chunks[last], der...)
}

func (w *BundleWriter) der(p *pending) []byte { return w.chunks[p.chunk][p.offset:][:p.length] }

// groupOf returns the number of the group for a key, in the order of arrival.
func (w *BundleWriter) groupOf(k Key) (uint16, error) {
	id := idOf(k.Hash)
	for i := range w.groups {
		if w.groups[i].answers(id, k) {
			w.groups[i].entries++
			return uint16(i), nil
		}
	}
	if len(w.groups) == maxGroups {
		return 0, fmt.Errorf("adding response to OCSP bundle: more than %d forms of CertID; a bundle is of one issuer",
			maxGroups)
	}
	w.groups = append(w.groups,
		group{id: id, name: bytes.Clone(k.IssuerNameHash), key: bytes.Clone(k.IssuerKeyHash), entries: 1})
	return uint16(len(w.groups) - 1), nil
}

// Close sorts and writes the bundle.
func (w *BundleWriter) Close() (BundleSummary, error) {
	summary, err := w.close()
	if err != nil {
		return summary, fmt.Errorf("writing OCSP bundle of %s, shard %d: %w", w.issuer, w.shard, err)
	}
	return summary, nil
}

func (w *BundleWriter) close() (BundleSummary, error) {
	switch {
	case w.closed:
		return BundleSummary{}, errors.New("bundle is already written")
	case !validIssuer(w.issuer):
		return BundleSummary{}, fmt.Errorf("issuer name %q must be lower case letters, digits, '-', '_' and '.'",
			w.issuer)
	}
	w.closed = true
	hashed := w.hashAll()
	w.sortGroups()
	order := w.sortEntries()
	hashed.Wait()
	index, summary, err := w.index(order)
	if err != nil {
		return BundleSummary{}, err
	}
	return summary, w.write(index, order, &summary)
}

// hashAll computes the digests on all processors while the caller sorts.
func (w *BundleWriter) hashAll() *sync.WaitGroup {
	var wg sync.WaitGroup
	var taken atomic.Int64
	for range min(len(w.blocks), runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for {
				n := int(taken.Add(1)) - 1
				if n >= len(w.blocks) {
					return
				}
				for i := range w.blocks[n] {
					w.blocks[n][i].digest = sha256.Sum256(w.der(&w.blocks[n][i]))
				}
			}
		})
	}
	return &wg
}

// sortGroups brings the groups into the order of the file and renumbers the
// responses.
func (w *BundleWriter) sortGroups() {
	sorted := slices.SortedFunc(slices.Values(w.groups), group.compare)
	number := make([]uint16, len(w.groups))
	first := uint32(0)
	for i := range sorted {
		old := slices.IndexFunc(w.groups, func(g group) bool { return g.compare(sorted[i]) == 0 })
		number[old] = uint16(i)
		sorted[i].first = first
		first += sorted[i].entries
	}
	w.groups = sorted
	for _, block := range w.blocks {
		for i := range block {
			block[i].group = number[block[i].group]
		}
	}
}

// A place stands for one response while they are sorted: it is small, and its
// prefix decides nearly every comparison.
type place struct {
	prefix uint64
	index  uint32
	group  uint16
}

func (w *BundleWriter) sortEntries() []place {
	order := make([]place, w.count)
	for i := range order {
		p := w.at(uint32(i))
		order[i] = place{prefix: p.prefix, index: uint32(i), group: p.group}
	}
	slices.SortFunc(order, func(a, b place) int {
		if a.group != b.group {
			return cmp.Compare(a.group, b.group)
		}
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return bytes.Compare(w.at(a.index).serialBytes(), w.at(b.index).serialBytes())
	})
	return order
}

func (p *pending) serialBytes() []byte { return p.serial[:p.serialSize] }

// index builds everything that precedes the responses.
func (w *BundleWriter) index(order []place) ([]byte, BundleSummary, error) {
	count := len(order)
	bits := bucketBits(uint32(count))
	fanoutAt := headSize + len(w.groups)*groupSize
	slotsAt := fanoutAt + (1<<bits+1)*fanoutSize
	entriesAt := slotsAt + count*slotSize
	out := make([]byte, entriesAt+count*entrySize)

	summary := BundleSummary{Count: count}
	next, this, offset := int64(math.MaxInt64), int64(math.MinInt64), uint64(0)
	for i := range order {
		p := w.at(order[i].index)
		if i > 0 && order[i-1].group == p.group && order[i-1].prefix == order[i].prefix &&
			bytes.Equal(w.at(order[i-1].index).serialBytes(), p.serialBytes()) {
			return nil, summary, fmt.Errorf("two responses for serial %x and one issuer; give one", p.serialBytes())
		}
		p.put(out[entriesAt+i*entrySize:], offset)
		offset += uint64(p.length)
		next, this = min(next, p.nextUpdate), max(this, p.thisUpdate)
	}
	if count == 0 {
		next, this = 0, 0
	} else {
		summary.MinNextUpdate, summary.MaxThisUpdate = time.Unix(next, 0).UTC(), time.Unix(this, 0).UTC()
	}
	summary.Size = int64(len(out)) + int64(offset)
	if summary.Size > maxBundleBytes {
		return nil, summary, fmt.Errorf("%d bytes, at most %d are possible; use more shards", summary.Size,
			int64(maxBundleBytes))
	}
	w.putHead(out, bits, next, this, summary.Size)
	return out, summary, putFanout(out[fanoutAt:slotsAt], out[slotsAt:entriesAt], w.buckets(order, uint(64-bits)))
}

func (p *pending) put(out []byte, offset uint64) {
	binary.BigEndian.PutUint64(out[entryOffset:], offset)
	binary.BigEndian.PutUint32(out[entryLength:], p.length)
	binary.BigEndian.PutUint16(out[entryGroup:], p.group)
	out[entrySerialSize] = p.serialSize
	copy(out[entrySerial:entryThis], p.serial[:])
	binary.BigEndian.PutUint64(out[entryThis:], uint64(p.thisUpdate))
	binary.BigEndian.PutUint64(out[entryNext:], uint64(p.nextUpdate))
	copy(out[entryDigest:entrySize], p.digest[:])
}

func (w *BundleWriter) putHead(out []byte, bits uint32, next, this, size int64) {
	copy(out, bundleMagic)
	binary.BigEndian.PutUint64(out[headTotal:], uint64(size))
	binary.BigEndian.PutUint32(out[headCount:], uint32(w.count))
	binary.BigEndian.PutUint16(out[headShard:], w.shard)
	binary.BigEndian.PutUint16(out[headGroups:], uint16(len(w.groups)))
	binary.BigEndian.PutUint32(out[headBucketBits:], bits)
	binary.BigEndian.PutUint32(out[headIssuerSize:], uint32(len(w.issuer)))
	binary.BigEndian.PutUint64(out[headNext:], uint64(next))
	binary.BigEndian.PutUint64(out[headThis:], uint64(this))
	copy(out[headIssuer:], w.issuer)
	for i, g := range w.groups {
		raw := out[headSize+i*groupSize:]
		binary.BigEndian.PutUint16(raw, uint16(g.id))
		binary.BigEndian.PutUint16(raw[2:], uint16(hashes[g.id].size))
		binary.BigEndian.PutUint32(raw[4:], g.first)
		binary.BigEndian.PutUint32(raw[8:], g.entries)
		copy(raw[16:], g.name)
		copy(raw[80:], g.key)
	}
}

// buckets returns the fan-out bucket of each response.
func (w *BundleWriter) buckets(order []place, shift uint) []uint32 {
	buckets := make([]uint32, len(order))
	for i := range order {
		p := w.at(order[i].index)
		buckets[i] = uint32(bucketHash(p.group, p.serialBytes()) >> shift)
	}
	return buckets
}

// putFanout writes the table that leads from a serial to its entry: for each
// bucket the number of its first slot, then the slots, which are entry numbers in
// rising order.
func putFanout(fanout, slots []byte, buckets []uint32) error {
	start := make([]uint32, len(fanout)/fanoutSize)
	for _, bucket := range buckets {
		start[bucket+1]++
	}
	for i := 1; i < len(start); i++ {
		if start[i] > maxBucket {
			return fmt.Errorf("%d serials fall into one bucket; use more shards", start[i])
		}
		start[i] += start[i-1]
	}
	for i, n := range start {
		binary.BigEndian.PutUint32(fanout[i*fanoutSize:], n)
	}
	for i, bucket := range buckets {
		binary.BigEndian.PutUint32(slots[int(start[bucket])*slotSize:], uint32(i))
		start[bucket]++
	}
	return nil
}

// write writes index and responses and fills in the digest of the whole, which is
// computed beside the writing.
func (w *BundleWriter) write(index []byte, order []place, summary *BundleSummary) error {
	if buffer, ok := w.w.(interface{ Grow(n int) }); ok { // rather than have it double, and copy, again and again
		buffer.Grow(int(summary.Size))
	}
	out := newHashingWriter(w.w)
	err := out.write(index)
	buf := out.buffer()
	for i := 0; i < len(order) && err == nil; i++ {
		der := w.der(w.at(order[i].index))
		if len(buf)+len(der) > cap(buf) {
			err = out.write(buf)
			buf = out.buffer()
		}
		buf = append(buf, der...)
	}
	if err == nil {
		err = out.write(buf)
	}
	summary.Digest = out.digest()
	w.blocks, w.chunks = nil, nil
	return err
}
