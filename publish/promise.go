package publish

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
)

// Promised passes the body r on and ends it with an error that wraps [ErrChecksum]
// unless size and SHA-256 are those of the object. It is for stores that do not
// know SHA-256: the last bytes are held back with the verdict, so that they do not
// leave when it is bad.
func (o Object) Promised(r io.Reader) io.Reader { return &promised{r: r, h: sha256.New(), o: o} }

type promised struct {
	r io.Reader
	h hash.Hash
	n int64
	o Object
}

func (p *promised) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.h.Write(b[:n])
	p.n += int64(n)
	if p.n > p.o.Size || err == io.EOF && p.n != p.o.Size {
		return 0, fmt.Errorf("%w: %d bytes came, %d were promised", ErrChecksum, p.n, p.o.Size)
	}
	if p.n == p.o.Size && [sha256.Size]byte(p.h.Sum(nil)) != p.o.SHA256 {
		return 0, fmt.Errorf("%w: SHA-256 is %x, %s was promised", ErrChecksum, p.h.Sum(nil), p.o.SHA256)
	}
	return n, err
}

// Whole reads a small object into memory and returns it when it is what was promised.
func (o Object) Whole() ([]byte, error) {
	body, err := o.Body()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	source, b := o.Promised(body), make([]byte, o.Size)
	if _, err := io.ReadFull(source, b); err != nil {
		return nil, err
	}
	// what follows the end, and the verdict on nothing at all
	if _, err := io.ReadFull(source, make([]byte, 1)); err != io.EOF {
		return nil, err
	}
	return b, nil
}
