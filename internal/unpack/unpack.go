// Package unpack opens a tar, plain or compressed with gzip, that somebody else made, into memory.
//
// Nothing is written anywhere, and the names of the members lead nowhere: they are for people. How many members there
// are and how large they become is bounded before it is read. A tar is opened as a whole or not at all: one that was
// broken off, and one with something behind its end, would lose members without a word.
package unpack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// A Member is one file of a tar.
type Member struct {
	Name    string // as the tar has it
	Content []byte
	Problem error // why it has no content: it is no regular file
}

// Limits bound what is opened.
type Limits struct {
	Members int
	Member  int64 // octets of one
	Whole   int64 // octets of the tar, after decompression
}

// blockSize is what a tar is made of; its end is two blocks of zeros.
const blockSize = 512

// Is reports whether raw begins as a tar or as something compressed with gzip does.
func Is(raw []byte) bool {
	return compressed(raw) || len(raw) >= blockSize && bytes.Equal(raw[257:262], []byte("ustar"))
}

func compressed(raw []byte) bool { return bytes.HasPrefix(raw, []byte{0x1f, 0x8b, 8}) }

// Open gives the members in their order. Folders are passed over.
func Open(raw []byte, l Limits) ([]Member, error) {
	in := io.Reader(bytes.NewReader(raw))
	if compressed(raw) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("decompressing: %w", err)
		}
		in = z
	}
	b := &bounded{in: in, left: l.Whole, limit: l.Whole}
	all, err := members(b, l)
	if b.err != nil && !errors.Is(b.err, io.EOF) { // what a reader above it made of that says less
		err = b.err
	}
	if err != nil {
		return nil, fmt.Errorf("opening a tar: %w", err)
	}
	return all, nil
}

func members(b *bounded, l Limits) ([]Member, error) {
	var all []Member
	for t := tar.NewReader(b); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return all, b.checkEnd()
		}
		if err != nil {
			return nil, err
		}
		m := Member{Name: h.Name}
		switch h.Typeflag {
		case tar.TypeDir, tar.TypeXGlobalHeader:
			continue
		case tar.TypeReg:
			if h.Size > l.Member {
				return nil, fmt.Errorf("%.200q has %d octets, more than %d", h.Name, h.Size, l.Member)
			}
			if m.Content, err = io.ReadAll(io.LimitReader(t, l.Member)); err != nil {
				return nil, fmt.Errorf("reading %.200q: %w", h.Name, err)
			}
		default:
			m.Problem = fmt.Errorf("it is not a regular file, but of type %q", h.Typeflag)
		}
		if all = append(all, m); len(all) > l.Members {
			return nil, fmt.Errorf("it has more than %d members", l.Members)
		}
	}
}

// bounded reads up to a limit, and knows how the last two blocks that were read looked.
type bounded struct {
	in          io.Reader
	left, limit int64
	zeros       int // octets at the end of what was read
	err         error
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	if b.left -= int64(n); b.left < 0 {
		n, err = 0, fmt.Errorf("unpacked, it has more than %d octets", b.limit)
	}
	text := bytes.TrimRight(p[:n], "\x00")
	if b.zeros += n - len(text); len(text) > 0 {
		b.zeros = n - len(text)
	}
	b.err = err
	return n, err
}

// checkEnd wants the end of a tar to be marked, and nothing but padding behind it.
func (b *bounded) checkEnd() error {
	if b.zeros < 2*blockSize {
		return errors.New("its end is missing: it was broken off, or is still being written")
	}
	b.zeros = 0
	n, err := io.Copy(io.Discard, b)
	if err == nil && int64(b.zeros) != n {
		err = errors.New("something follows its end: hand over each tar by itself")
	}
	return err
}
