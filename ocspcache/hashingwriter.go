package ocspcache

import (
	"crypto/sha256"
	"io"

	"seihon/artifact"
)

// A hashingWriter hashes on another processor what it writes.
type hashingWriter struct {
	w    io.Writer
	hash chan []byte
	free chan []byte
	done chan artifact.Digest
	left int // buffers that are not made yet: a small bundle needs one
}

func newHashingWriter(w io.Writer) *hashingWriter {
	const buffers = 4
	h := &hashingWriter{w: w, hash: make(chan []byte, buffers), free: make(chan []byte, buffers+1),
		done: make(chan artifact.Digest, 1), left: buffers}
	go func() {
		sum := sha256.New()
		for b := range h.hash {
			sum.Write(b)
			if cap(b) == chunkSize {
				h.free <- b[:0]
			}
		}
		h.done <- artifact.Digest(sum.Sum(nil))
	}()
	return h
}

// buffer returns an empty buffer, which goes to write.
func (h *hashingWriter) buffer() []byte {
	select {
	case b := <-h.free:
		return b
	default:
	}
	if h.left > 0 {
		h.left--
		return make([]byte, 0, chunkSize)
	}
	return <-h.free
}

func (h *hashingWriter) write(b []byte) error {
	h.hash <- b
	_, err := h.w.Write(b)
	return err
}

// digest ends the hashing.
func (h *hashingWriter) digest() artifact.Digest {
	close(h.hash)
	return <-h.done
}
