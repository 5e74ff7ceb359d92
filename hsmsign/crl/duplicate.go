package crl

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"

	"seihon/hsmsign/internal/der"
)

// partSize is how many serial numbers findDuplicate aims to hold at once, some 15 MiB.
const partSize = 1 << 19

// ascending follows serial numbers and knows whether they ascend strictly, by value or, as a database
// that stores them as bytes sorts them, by octets. Either proves that none comes twice.
type ascending struct {
	last             [der.MaxMisissued]byte
	n                int
	notValue, notLex bool
}

// next takes the next serial number and reports whether it differs from the one before.
func (a *ascending) next(serial []byte) bool {
	last := a.last[:a.n]
	lex := bytes.Compare(serial, last)
	if lex == 0 {
		return false
	}
	if lex < 0 {
		a.notLex = true
	}
	if len(serial) < len(last) || len(serial) == len(last) && lex < 0 {
		a.notValue = true
	}
	a.n = copy(a.last[:], serial)
	return true
}

// proven reports whether all serial numbers so far must be different.
func (a *ascending) proven() bool { return !a.notValue || !a.notLex }

// findDuplicate returns a serial number that is among the count spooled entries twice, or nil. It reads the
// spool once for every part entries, holding only those whose hash falls into the part.
func findDuplicate(ctx context.Context, s *spool, count, part int) ([]byte, error) {
	parts := uint64((count + part - 1) / part)
	seed := maphash.MakeSeed()
	// padded, with its length: a negative number may have the octets of a positive one
	type number [der.MaxMisissued + 1]byte
	seen := make(map[number]struct{}, min(count, part))
	for i := range parts {
		r := bufio.NewReaderSize(s.reader(), copySize)
		for n := 0; ; n++ {
			if n%checkEvery == 0 && ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			serial, err := nextSerial(r)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("searching the entries for duplicates: %w", err)
			}
			if maphash.Bytes(seed, serial)%parts != i {
				continue
			}
			key := number{byte(len(serial))}
			copy(key[1:], serial)
			if _, ok := seen[key]; ok {
				return bytes.Clone(serial), nil
			}
			seen[key] = struct{}{}
		}
		clear(seen)
	}
	return nil, nil
}

// nextSerial returns the serial number of the next entry that appendEntry wrote, valid until the next call. The
// error is io.EOF after the last.
func nextSerial(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(4) // SEQUENCE, length, INTEGER, length
	if err != nil {
		if len(head) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	size := 2 + int(head[1])
	entry, err := r.Peek(size)
	if err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	serial := entry[4 : 4+int(entry[3])]
	// The buffer keeps its content until the next read.
	if _, err := r.Discard(size); err != nil {
		return nil, err
	}
	return serial, nil
}
