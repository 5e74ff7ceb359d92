package verify

import (
	"bytes"
	"context"
	"io"
	"regexp"

	"seihon/artifact"
	"seihon/artifact/keyscan"
	"seihon/ocspcache"
)

// An extraBytes is what was read of an object that nobody promised.
type extraBytes struct {
	head []byte // its first bytes, at most maxRead
	size int64  // how many were read
	cut  bool   // there are more, which were not read
	key  string // a private key behind the head
	dark string // why nothing can be said about some of it
}

func (x *extraBytes) whole() bool { return x.size == int64(len(x.head)) && !x.cut }

// How much of an object is read. An object of any size is searched for keys piece by piece; one that goes on beyond
// maxSearched, as a device does, is not read to its end, and the finding says so.
const (
	maxSearched = 4 << 30
	searchSize  = 16 << 20
	searchAgain = 64 << 10 // of the piece before, since a key may lie across the border
)

// readExtra reads an object to its end.
func (k *copyCheck) readExtra(ctx context.Context, name string) (*extraBytes, error) {
	o, err := k.fetch(ctx, name)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	r := &boundedReader{ctx, skipHoles(o.ReadCloser), maxSearched}
	head, err := io.ReadAll(io.LimitReader(r, maxRead))
	x := &extraBytes{head: head, size: int64(len(head))}
	k.bytes.Add(x.size)
	if err != nil || x.size < maxRead {
		return x, err
	}
	piece := bytes.Clone(head[len(head)-searchAgain:])
	for x.key == "" {
		kept := len(piece)
		piece = append(piece, make([]byte, searchSize)...)
		n, err := io.ReadFull(r, piece[kept:])
		piece = piece[:kept+n]
		x.size += int64(n)
		k.bytes.Add(int64(n))
		found, err2 := keyscan.Find(piece)
		if found != nil {
			x.key = found.String() + ", after the first " + bytesText(x.size-int64(len(piece)))
		}
		if err2 != nil {
			x.dark = err2.Error()
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			x.cut = r.left <= 0
			return x, ctx.Err()
		}
		if err != nil {
			return x, err
		}
		piece = bytes.Clone(piece[len(piece)-searchAgain:])
	}
	x.cut = true
	return x, nil
}

// The names that the directory store writes under before a file gets its own.
const leftoverFolder = ".tmp/"

var leftoverName = regexp.MustCompile(`^\.tmp/[A-Z2-7]{26}$`)

// isLeftover reports whether an object is a write of our own that was interrupted: the name is one that the directory
// store makes, and the bytes are the beginning of a master or of the public log.
func (k *copyCheck) isLeftover(ctx context.Context, name string, b []byte) bool {
	if !leftoverName.MatchString(name) {
		return false
	}
	if len(b) == 0 || len(k.past.byDigest[artifact.Sum(b)]) > 0 {
		return true
	}
	for _, vs := range k.past.byName {
		v := vs[len(vs)-1]
		if v.Kind == artifact.OCSPResponse {
			continue
		}
		master, err := k.log.ReadBlob(ctx, v.Line)
		if err != nil {
			continue
		}
		if v.Kind == artifact.OCSPGeneration {
			if g, _, err := ocspcache.ParseGeneration(master); err == nil {
				proof, _ := k.log.Prove(ctx, v.Name)
				master = g.Public(proof)
			}
		}
		if bytes.HasPrefix(master, b) {
			return true
		}
	}
	for f, err := range k.log.PublicFiles(ctx, 0, k.log.Size()) {
		if err != nil {
			return false
		}
		if want, err := f.Bytes(); err == nil && bytes.HasPrefix(want, b) {
			return true
		}
	}
	return bytes.HasPrefix(k.log.Checkpoint(), b)
}
