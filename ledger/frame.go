package ledger

import (
	"encoding/binary"
	"errors"
	"io"
)

// zstdMagic begins a frame that holds data (RFC 8878 section 3.1.1). A skippable frame, which a decoder passes over in
// silence, begins otherwise.
const zstdMagic = 0xFD2FB528

// The digest of a manifest is that of its text, so nothing vouches for what a compressed file has beside it. A oneFrame
// passes on a file that is a single zstd frame and nothing else: no frame to skip before it, no byte after it.
type oneFrame struct {
	r    io.Reader
	head []byte // of the frame or of a block, as far as it was read
	skip int    // bytes until the next head
	part framePart
	sum  bool // a checksum follows the last block
}

type framePart int

const (
	inFrameHead framePart = iota
	inBlockHead
	frameEnded
)

var (
	errNoFrame    = errors.New("the file does not begin with a zstd frame")
	errBehind     = errors.New("bytes follow the zstd frame")
	errFrameBlock = errors.New("the zstd frame has a block of a reserved type")
)

// Read implements io.Reader.
func (f *oneFrame) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	for b := p[:n]; len(b) > 0; {
		if f.skip > 0 {
			k := min(f.skip, len(b))
			f.skip -= k
			b = b[k:]
			continue
		}
		f.head = append(f.head, b[0])
		b = b[1:]
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	return n, err
}

// next looks at the head that is being read and, when it is whole, goes on behind it.
func (f *oneFrame) next() error {
	switch {
	case f.part == frameEnded:
		return errBehind
	case f.part == inFrameHead && len(f.head) < 4:
	case f.part == inFrameHead && binary.LittleEndian.Uint32(f.head) != zstdMagic:
		return errNoFrame
	case f.part == inFrameHead && len(f.head) == 5:
		d := f.head[4]
		f.sum = d&4 != 0
		f.skip = frameFields(d)
		f.part, f.head = inBlockHead, f.head[:0]
	case f.part == inBlockHead && len(f.head) == 3:
		return f.block()
	}
	return nil
}

// frameFields is the length of what follows the descriptor of a frame: window, dictionary, size of the content.
func frameFields(descriptor byte) int {
	single := descriptor&0x20 != 0
	n := [4]int{0, 1, 2, 4}[descriptor&3] + [4]int{0, 2, 4, 8}[descriptor>>6]
	if !single || descriptor>>6 == 0 { // a window, or in its place one byte of size
		n++
	}
	return n
}

// block goes on behind a block.
func (f *oneFrame) block() error {
	v := int(f.head[0]) | int(f.head[1])<<8 | int(f.head[2])<<16
	switch v >> 1 & 3 {
	case 1: // one byte, repeated
		f.skip = 1
	case 3:
		return errFrameBlock
	default:
		f.skip = v >> 3
	}
	f.head = f.head[:0]
	if v&1 == 0 {
		return nil
	}
	f.part = frameEnded
	if f.sum {
		f.skip += 4
	}
	return nil
}
