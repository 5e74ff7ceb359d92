package verify

import (
	"bufio"
	"bytes"
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"seihon/artifact"
)

// The format of a bundle, as docs/formats-ocsp.md gives it. This reader is written from that page and reads a bundle as
// a stream, so that a bundle of any size is checked in constant memory; the responder's reader is another one (package
// ocspcache).
const (
	headSize   = 256
	groupSize  = 144
	entrySize  = 88
	maxGroups  = 64
	maxAnswers = 1 << 24
	maxAnswer  = 64 << 10
	maxName    = 128
	maxSerial  = 24
	maxBits    = 24
)

var bundleHashes = map[uint16]crypto.Hash{1: crypto.SHA1, 2: crypto.SHA256, 3: crypto.SHA384, 4: crypto.SHA512}

// A bundleHead is the head of a bundle.
type bundleHead struct {
	size   int64
	count  int
	shard  int
	bits   uint
	issuer string
	next   int64 // earliest nextUpdate
	this   int64 // latest thisUpdate
	groups []bundleGroup
}

// A bundleGroup is one CertID form of the issuer.
type bundleGroup struct {
	hash              crypto.Hash
	nameHash, keyHash []byte
	first, entries    int
}

// An answer is one response of a bundle with what its index says.
type answer struct {
	group      int
	serial     []byte
	this, next int64
	digest     artifact.Digest
	der        []byte
}

var errBundle = errors.New("it is not in the canonical form")

func readHead(r io.ReaderAt) (*bundleHead, error) {
	var b [headSize]byte
	if _, err := r.ReadAt(b[:], 0); err != nil {
		return nil, fmt.Errorf("reading the head: %w", err)
	}
	be := binary.BigEndian
	h := &bundleHead{
		size: int64(be.Uint64(b[8:])), count: int(be.Uint32(b[16:])), shard: int(be.Uint16(b[20:])),
		bits: uint(be.Uint32(b[24:])),
		next: int64(be.Uint64(b[32:])), this: int64(be.Uint64(b[40:])),
	}
	groups, nameLen := int(be.Uint16(b[22:])), int(be.Uint32(b[28:]))
	if string(b[:8]) != artifact.BundleMagic || h.size < headSize || h.count > maxAnswers || groups > maxGroups ||
		h.bits > maxBits ||
		1<<h.bits < h.count || h.bits > 0 && 1<<(h.bits-1) >= h.count || nameLen > maxName || !isZero(b[48:128]) ||
		!isZero(b[128+nameLen:]) {
		return nil, errBundle
	}
	h.issuer = string(b[128 : 128+nameLen])
	raw := make([]byte, groups*groupSize)
	if _, err := r.ReadAt(raw, headSize); err != nil {
		return nil, fmt.Errorf("reading the groups: %w", err)
	}
	at := 0
	for ; len(raw) > 0; raw = raw[groupSize:] {
		g, err := readGroup(raw[:groupSize])
		if err != nil || g.first != at || g.entries == 0 {
			return nil, errBundle
		}
		at += g.entries
		h.groups = append(h.groups, g)
	}
	if at != h.count {
		return nil, errBundle
	}
	return h, nil
}

func readGroup(b []byte) (bundleGroup, error) {
	be := binary.BigEndian
	hash, ok := bundleHashes[be.Uint16(b)]
	n := int(be.Uint16(b[2:]))
	g := bundleGroup{hash: hash, first: int(be.Uint32(b[4:])), entries: int(be.Uint32(b[8:]))}
	if !ok || n != hash.Size() || !isZero(b[12:16]) || !isZero(b[16+n:80]) || !isZero(b[80+n:]) {
		return g, errBundle
	}
	g.nameHash, g.keyHash = b[16:16+n], b[80:80+n]
	return g, nil
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// offsets of the sections.
func (h *bundleHead) fanoutAt() int64  { return headSize + int64(len(h.groups))*groupSize }
func (h *bundleHead) slotsAt() int64   { return h.fanoutAt() + 4*(1<<h.bits+1) }
func (h *bundleHead) entriesAt() int64 { return h.slotsAt() + 4*int64(h.count) }
func (h *bundleHead) answersAt() int64 { return h.entriesAt() + entrySize*int64(h.count) }

// chunkSize is how many responses are handed on at once.
const chunkSize = 256

// A chunk is a run of answers that share one buffer.
type chunk struct {
	head    *bundleHead
	answers []answer
}

// stream reads the answers in the order of the file and gives them to visit in chunks, which visit may keep. It checks
// everything about the form: order, offsets, sizes, digests' places, and that the fan-out table leads to every entry.
func (h *bundleHead) stream(r io.ReaderAt, fileSize int64, visit func(chunk) error) error {
	if fileSize != h.size || h.answersAt() > h.size {
		return fmt.Errorf("its size is %d, its head says %d", fileSize, h.size)
	}
	entries := bufio.NewReaderSize(io.NewSectionReader(r, h.entriesAt(), h.answersAt()-h.entriesAt()), 64<<10)
	answers := bufio.NewReaderSize(io.NewSectionReader(r, h.answersAt(), h.size-h.answersAt()), 256<<10)
	s := streamState{head: h, buckets: make([]uint32, 0, h.count)}
	raw := make([]byte, entrySize)
	for i := 0; i < h.count; {
		c := chunk{head: h, answers: make([]answer, 0, chunkSize)}
		for ; i < h.count && len(c.answers) < chunkSize; i++ {
			if _, err := io.ReadFull(entries, raw); err != nil {
				return fmt.Errorf("reading entry %d: %w", i, err)
			}
			a, err := s.entry(i, raw)
			if err != nil {
				return fmt.Errorf("entry %d: %w", i, err)
			}
			if _, err := io.ReadFull(answers, a.der); err != nil {
				return fmt.Errorf("reading response %d: %w", i, err)
			}
			c.answers = append(c.answers, a)
		}
		if err := visit(c); err != nil {
			return err
		}
	}
	if s.end != uint64(h.size-h.answersAt()) {
		return errors.New("bytes follow the last response")
	}
	if h.count > 0 && (s.next != h.next || s.this != h.this) || h.count == 0 && (h.next != 0 || h.this != 0) {
		return errors.New("its head gives other times than its entries")
	}
	return s.checkIndex(r)
}

// A streamState is what one entry is compared with.
type streamState struct {
	head       *bundleHead
	serial     []byte
	end        uint64
	next, this int64
	buckets    []uint32
}

func (s *streamState) entry(i int, b []byte) (answer, error) {
	be := binary.BigEndian
	offset, length, group, n := be.Uint64(b), int(be.Uint32(b[8:])), int(be.Uint16(b[12:])), int(b[14])
	a := answer{group: group, this: int64(be.Uint64(b[40:])), next: int64(be.Uint64(b[48:])),
		digest: artifact.Digest(b[56:88])}
	if offset != s.end || length == 0 || length > maxAnswer || group >= len(s.head.groups) || n == 0 || n > maxSerial ||
		b[15] != 0 || !isZero(b[16+n:40]) {
		return a, errBundle
	}
	g := s.head.groups[group]
	if i < g.first || i >= g.first+g.entries {
		return a, errors.New("it is outside its group")
	}
	a.serial = bytes.Clone(b[16 : 16+n])
	if i > g.first && bytes.Compare(s.serial, a.serial) >= 0 {
		return a, fmt.Errorf("serial number %x is out of order", a.serial)
	}
	s.serial = a.serial
	s.end += uint64(length)
	if i == 0 || a.next < s.next {
		s.next = a.next
	}
	if i == 0 || a.this > s.this {
		s.this = a.this
	}
	s.buckets = append(s.buckets, bucketOf(group, a.serial, s.head.bits))
	a.der = make([]byte, length)
	return a, nil
}

// bucketOf is the hash that the fan-out table is built on.
func bucketOf(group int, serial []byte, bits uint) uint32 {
	const prime = 0x100000001b3
	h := (uint64(0xcbf29ce484222325) ^ uint64(group)) * prime
	for _, c := range serial {
		h = (h ^ uint64(c)) * prime
	}
	h = (h ^ h>>32) * 0x9e3779b97f4a7c15
	h ^= h >> 29
	if bits == 0 {
		return 0
	}
	return uint32(h >> (64 - bits))
}

// checkIndex compares fan-out table and slots with what the entries make them.
func (s *streamState) checkIndex(r io.ReaderAt) error {
	h := s.head
	starts := make([]uint32, 1<<h.bits+1)
	for _, b := range s.buckets {
		starts[b+1]++
	}
	for i := 1; i < len(starts); i++ {
		starts[i] += starts[i-1]
	}
	slots := make([]uint32, h.count)
	fill := append([]uint32(nil), starts...)
	for i, b := range s.buckets {
		slots[fill[b]] = uint32(i)
		fill[b]++
	}
	if err := equalNumbers(io.NewSectionReader(r, h.fanoutAt(), h.slotsAt()-h.fanoutAt()), starts); err != nil {
		return err
	}
	return equalNumbers(io.NewSectionReader(r, h.slotsAt(), h.entriesAt()-h.slotsAt()), slots)
}

func equalNumbers(r io.Reader, want []uint32) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var b [4]byte
	for _, w := range want {
		if _, err := io.ReadFull(in, b[:]); err != nil {
			return fmt.Errorf("reading the lookup table: %w", err)
		}
		if binary.BigEndian.Uint32(b[:]) != w {
			return errors.New("its lookup table does not lead from each serial number to its response")
		}
	}
	return nil
}

func unix(s int64) time.Time { return time.Unix(s, 0).UTC() }
