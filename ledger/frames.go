package ledger

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A frame is the head of one.
type frame struct {
	what string
	size int64
	name string
}

// A frameReader reads an export.
type frameReader struct {
	r      *bufio.Reader
	frames int64
	left   int64  // bytes of the current frame
	again  *frame // to be given once more
}

// next reads the head of a frame; the rest of the frame before is skipped.
func (f *frameReader) next() (frame, error) {
	if f.again != nil {
		h := *f.again
		f.again = nil
		return h, nil
	}
	if f.frames > 0 {
		if err := f.skip(); err != nil {
			return frame{}, err
		}
	}
	line, err := f.line()
	if err != nil {
		return frame{}, err
	}
	what, rest, ok := strings.Cut(line, " ")
	digits, name, _ := strings.Cut(rest, " ")
	size, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || size < 0 || strconv.FormatInt(size, 10) != digits {
		return frame{}, fmt.Errorf("frame %d: %.80q is not the head of a frame", f.frames, line)
	}
	f.frames++
	f.left = size
	return frame{what, size, name}, nil
}

// unread has next give a head again, whose bytes were not touched.
func (f *frameReader) unread(h frame) { f.again = &h }

func (f *frameReader) line() (string, error) {
	line, err := f.r.ReadSlice('\n')
	if errors.Is(err, io.EOF) {
		return "", f.truncated()
	}
	if err != nil {
		return "", fmt.Errorf("frame %d: %w", f.frames, err)
	}
	return string(line[:len(line)-1]), nil
}

func (f *frameReader) truncated() error {
	return fmt.Errorf("the file ends after frame %d: %w; copy it again", f.frames, io.ErrUnexpectedEOF)
}

// Read implements io.Reader for the bytes of the current frame.
func (f *frameReader) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n, err := f.r.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = f.truncated()
	}
	return n, err
}

// bytes reads a whole frame of at most max bytes.
func (f *frameReader) bytes(max int64) ([]byte, error) {
	if f.left > max {
		return nil, fmt.Errorf("frame %d: %d bytes are more than %d", f.frames, f.left, max)
	}
	return io.ReadAll(f)
}

// skip passes over what is left of a frame.
func (f *frameReader) skip() error {
	if _, err := io.Copy(io.Discard, f); err != nil {
		return err
	}
	b, err := f.r.ReadByte()
	if err != nil {
		return f.truncated()
	}
	if b != '\n' {
		return fmt.Errorf("frame %d: it has more bytes than its head says", f.frames)
	}
	return nil
}
