package artifact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// SortedReader walks the revoked certificates by serial number, in the order of its octets. Most lists are written so;
// for another one it holds four octets for each entry, not the entries.
func (l *RevocationList) SortedReader() (*EntryReader, error) {
	if l.ordered.Load() {
		return l.Reader(), nil
	}
	starts, err := l.unordered()
	if err == nil && starts != nil {
		l.count.Store(int64(len(starts)))
	}
	if err != nil || starts == nil {
		l.ordered.Store(err == nil)
		return l.Reader(), err
	}
	return &EntryReader{sorted: l, starts: starts}, nil
}

// unordered returns where the entries begin, sorted by serial number; nil when the list is in that order already.
func (l *RevocationList) unordered() ([]uint32, error) {
	var last []byte
	inOrder, n := true, int64(0)
	r := l.Reader()
	e, more, err := r.Next()
	for ; more && inOrder; e, more, err = r.Next() {
		inOrder, last = bytes.Compare(last, e.Serial) < 0, e.Serial
		n++
	}
	if inOrder || err != nil {
		l.count.Store(n)
		return nil, err
	}
	if err := l.load(); err != nil {
		return nil, err
	}
	var starts []uint32
	r = l.Reader()
	for {
		at := len(l.rawEntries) - len(r.rest)
		_, more, err := r.Next()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		starts = append(starts, uint32(at)) // a list has less than 4 GiB
	}
	slices.SortStableFunc(starts, func(a, b uint32) int {
		x, _ := l.entryAt(a)
		y, _ := l.entryAt(b)
		return bytes.Compare(x.Serial, y.Serial)
	})
	return starts, nil
}

// Len returns how many entries the list has. It walks them unless SortedReader has.
func (l *RevocationList) Len() (int64, error) {
	if !l.ordered.Load() && l.count.Load() == 0 {
		if _, err := l.SortedReader(); err != nil {
			return 0, err
		}
	}
	return l.count.Load(), nil
}

// load reads the entries of a list in a file into memory.
func (l *RevocationList) load() error {
	if l.file == nil {
		return nil
	}
	all := make([]byte, l.file.Size())
	if _, err := l.file.ReadAt(all, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the entries of a CRL: %w", err)
	}
	l.rawEntries, l.file = all, nil
	return nil
}

func (l *RevocationList) entryAt(at uint32) (e RevokedEntry, err error) {
	rest := l.rawEntries[at:]
	err = readEntry(&rest, &e)
	return e, err
}
