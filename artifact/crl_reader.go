package artifact

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/cryptobyte"
)

// Reader walks the revoked certificates one by one, for who walks two lists side by side.
func (l *RevocationList) Reader() *EntryReader {
	r := &EntryReader{rest: l.rawEntries}
	if l.file != nil {
		r.file = io.NewSectionReader(l.file, 0, l.file.Size())
	}
	return r
}

// An EntryReader is a place in the entries of a list.
type EntryReader struct {
	rest cryptobyte.String
	n    int
	file io.Reader // what follows; nil: nothing

	sorted *RevocationList // of a sorted walk: the list, and where its entries begin
	starts []uint32
}

// Next returns the next entry; more is false behind the last one. A malformed entry is an error.
func (r *EntryReader) Next() (e RevokedEntry, more bool, err error) {
	more, err = r.Read(&e)
	return e, more, err
}

// Read is Next into an entry of the caller's, for who walks millions of them.
func (r *EntryReader) Read(e *RevokedEntry) (more bool, err error) {
	if r.sorted != nil && len(r.starts) > 0 {
		*e, err = r.sorted.entryAt(r.starts[0])
		r.starts = r.starts[1:]
		return err == nil, err
	}
	if r.rest.Empty() && r.file == nil {
		return false, nil
	}
	if err = r.next(e); err != nil {
		return false, fmt.Errorf("parsing CRL entry %d: %w", r.n, err)
	}
	r.n++
	return true, nil
}

// How much of the entries in a file is read at once, and with how little of it no entry is read.
const (
	readAtOnce = 256 << 10
	readAhead  = 16 << 10
)

// next reads an entry, which may have to come from a file.
func (r *EntryReader) next(e *RevokedEntry) error {
	if r.file != nil && len(r.rest) < readAhead {
		if err := r.fill(); err != nil {
			return err
		}
	}
	for {
		was := r.rest
		err := readEntry(&r.rest, e)
		if err == nil || r.file == nil {
			return err
		}
		r.rest = was // it may go on beyond what was read
		if err := r.fill(); err != nil {
			return err
		}
	}
}

// fill reads more; what was read before stays as it is, since entries point into it.
func (r *EntryReader) fill() error {
	if r.file == nil {
		return nil
	}
	b := make([]byte, len(r.rest)+max(readAtOnce, len(r.rest)))
	n := copy(b, r.rest)
	m, err := io.ReadFull(r.file, b[n:])
	r.rest = b[:n+m]
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		r.file, err = nil, nil
	}
	return err
}
