package crl

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
)

const (
	// spoolMemory is how many octets of entries stay in memory: about 25,000 entries.
	spoolMemory = 1 << 20
	// copySize is the size of the pieces in which a spooled file is read back.
	copySize = 256 << 10
)

// spool holds encoded entries, which can be read any number of times once all are in.
type spool struct {
	dir   string
	limit int
	buf   []byte   // the end of the content; all of it while file is nil
	file  *os.File // nil until the content outgrows limit
	flat  int      // octets in file
}

func newSpool(dir string) *spool { return &spool{dir: dir, limit: spoolMemory} }

// size returns how many octets the spool holds.
func (s *spool) size() int { return s.flat + len(s.buf) }

// spill moves buf to the file when it has grown beyond the limit.
func (s *spool) spill() error {
	if len(s.buf) < s.limit {
		return nil
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "crl-entries-*")
		if err != nil {
			return fmt.Errorf("spooling entries: %w", err)
		}
		s.file = f
		// Only this process needs it; unlinked now, it cannot be left behind by a crash.
		if err := os.Remove(f.Name()); err != nil {
			return fmt.Errorf("spooling entries: %w", err)
		}
	}
	if _, err := s.file.Write(s.buf); err != nil {
		return fmt.Errorf("spooling entries to %q: %w", s.file.Name(), err)
	}
	s.flat += len(s.buf)
	s.buf = s.buf[:0]
	return nil
}

// reader returns the content from the start.
func (s *spool) reader() io.Reader {
	if s.file == nil {
		return bytes.NewReader(s.buf)
	}
	return io.MultiReader(io.NewSectionReader(s.file, 0, int64(s.flat)), bytes.NewReader(s.buf))
}

// copyTo writes the content to w.
func (s *spool) copyTo(ctx context.Context, w io.Writer) error {
	if s.file != nil {
		piece := make([]byte, copySize)
		for at := 0; at < s.flat; {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			n, err := s.file.ReadAt(piece[:min(copySize, s.flat-at)], int64(at))
			if n == 0 {
				return fmt.Errorf("reading spooled entries: %w", err)
			}
			if _, err := w.Write(piece[:n]); err != nil {
				return err
			}
			at += n
		}
	}
	_, err := w.Write(s.buf)
	return err
}

func (s *spool) close() {
	if s.file != nil {
		s.file.Close() // unlinked; nothing in it is needed any more
	}
}
