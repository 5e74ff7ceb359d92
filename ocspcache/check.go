package ocspcache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Check reads the whole bundle and reports the first thing that is wrong in it:
// order, offsets, digests, the way from serial to entry, and whether each
// response says what the index says of it.
func (b *Bundle) Check(ctx context.Context) error {
	c := checker{b: b}
	for i := range uint32(b.count) {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := c.entry(i); err != nil {
			return fmt.Errorf("checking OCSP bundle of %s, shard %d, entry %d: %w", b.issuer, b.shard, i, err)
		}
	}
	if err := c.end(); err != nil {
		return fmt.Errorf("checking OCSP bundle of %s, shard %d: %w", b.issuer, b.shard, err)
	}
	return nil
}

// A checker walks over the entries of a bundle in order.
type checker struct {
	b          *Bundle
	serial     []byte
	end64      uint64 // end of the responses seen
	next, this int64
	buckets    []uint32
}

func (c *checker) entry(i uint32) error {
	e, ok := c.b.entryAt(i)
	if !ok {
		return fmt.Errorf("points out of the file")
	}
	raw := c.b.entries[int(i)*entrySize:]
	if binary.BigEndian.Uint64(raw) != c.end64 || raw[entrySerialSize+1] != 0 ||
		!zero(raw[entrySerial+len(e.serial):entryThis]) {
		return fmt.Errorf("is not in its canonical form")
	}
	c.end64 += uint64(len(e.der))
	g := c.b.groups[e.group]
	if i < g.first || i-g.first >= g.entries {
		return fmt.Errorf("is outside its group")
	}
	if i > g.first && bytes.Compare(c.serial, e.serial) >= 0 {
		return fmt.Errorf("serial %x is out of order", e.serial)
	}
	c.serial = e.serial
	c.buckets = append(c.buckets, uint32(bucketHash(e.group, e.serial)>>c.b.bucketShift))
	if sum := sha256.Sum256(e.der); !bytes.Equal(sum[:], e.digest) {
		return fmt.Errorf("response for serial %x is not the one that was written", e.serial)
	}
	s, err := scanResponse(e.der, c.b.keyOf(e))
	if err != nil {
		return fmt.Errorf("response for serial %x: %w", e.serial, err)
	}
	if s.thisUpdate != e.thisUpdate || s.nextUpdate != e.nextUpdate {
		return fmt.Errorf("times of serial %x differ between index and response", e.serial)
	}
	if i == 0 || e.nextUpdate < c.next {
		c.next = e.nextUpdate
	}
	if i == 0 || e.thisUpdate > c.this {
		c.this = e.thisUpdate
	}
	return nil
}

func (c *checker) end() error {
	if c.end64 != uint64(len(c.b.responses)) {
		return fmt.Errorf("%d bytes follow the last response", uint64(len(c.b.responses))-c.end64)
	}
	if c.next != c.b.next || c.this != c.b.this {
		return fmt.Errorf("head gives other times than the responses")
	}
	fanout, slots := make([]byte, len(c.b.fanout)), make([]byte, len(c.b.slots))
	if err := putFanout(fanout, slots, c.buckets); err != nil {
		return err
	}
	if !bytes.Equal(fanout, c.b.fanout) || !bytes.Equal(slots, c.b.slots) {
		return fmt.Errorf("fan-out table does not lead from each serial to its entry")
	}
	return nil
}
