// Package unwrap takes off what editors, mail and other software put around a file that a person hands in: a byte-order
// mark, UTF-16, PEM armour, bare base64. What is inside is judged by whoever asked for it.
package unwrap

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The byte-order marks.
var (
	bomUTF8    = []byte("\xef\xbb\xbf")
	bomUTF16LE = []byte("\xff\xfe")
	bomUTF16BE = []byte("\xfe\xff")
)

// encoding tells how a text that begins with head is written: "utf-16le", "utf-16be" or "utf-8", and how many bytes its
// byte-order mark takes. Without a mark, a zero beside the first character, which ASCII never has, gives UTF-16 away.
func encoding(head []byte) (name string, mark int) {
	switch {
	case bytes.HasPrefix(head, bomUTF8):
		return "utf-8", len(bomUTF8)
	case bytes.HasPrefix(head, bomUTF16LE):
		return "utf-16le", len(bomUTF16LE)
	case bytes.HasPrefix(head, bomUTF16BE):
		return "utf-16be", len(bomUTF16BE)
	case len(head) >= 2 && printable(head[0]) && head[1] == 0:
		return "utf-16le", 0
	case len(head) >= 2 && head[0] == 0 && printable(head[1]):
		return "utf-16be", 0
	}
	return "utf-8", 0
}

func printable(c byte) bool { return c >= ' ' && c < 0x7f }

// Text returns a text as UTF-8 without a byte-order mark.
func Text(b []byte) []byte {
	name, mark := encoding(b)
	if name == "utf-8" {
		return b[mark:]
	}
	text, err := io.ReadAll(NewReader(bytes.NewReader(b)))
	if err != nil {
		return b // half a character at the end: no text
	}
	return text
}

// NewReader returns a reader of r as UTF-8 without a byte-order mark. It reads from r as far as it gives.
func NewReader(r io.Reader) io.Reader { return &reader{in: bufio.NewReader(r)} }

type reader struct {
	in      *bufio.Reader
	name    string
	pending []byte // of a character that did not fit
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.name == "" {
		head, err := r.in.Peek(3)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		var mark int
		r.name, mark = encoding(head)
		if _, err := r.in.Discard(mark); err != nil {
			return 0, err
		}
	}
	if r.name == "utf-8" {
		return r.in.Read(p)
	}
	n := copy(p, r.pending)
	r.pending = r.pending[n:]
	for n < len(p) && len(r.pending) == 0 {
		c, err := r.char()
		if err != nil {
			if n > 0 && errors.Is(err, io.EOF) {
				err = nil
			}
			return n, err
		}
		var one [utf8.UTFMax]byte
		size := utf8.EncodeRune(one[:], c)
		copied := copy(p[n:], one[:size])
		n += copied
		r.pending = append(r.pending, one[copied:size]...)
	}
	return n, nil
}

// char reads one character of UTF-16.
func (r *reader) char() (rune, error) {
	first, err := r.unit()
	if err != nil || !utf16.IsSurrogate(first) {
		return first, err
	}
	second, err := r.unit()
	if err != nil {
		return 0, fmt.Errorf("the text is UTF-16 and ends in half a character: %w", io.ErrUnexpectedEOF)
	}
	return utf16.DecodeRune(first, second), nil
}

func (r *reader) unit() (rune, error) {
	a, err := r.in.ReadByte()
	if err != nil {
		return 0, err
	}
	b, err := r.in.ReadByte()
	if err != nil {
		return 0, fmt.Errorf("the text is UTF-16 and ends in half a character: %w", io.ErrUnexpectedEOF)
	}
	if r.name == "utf-16be" {
		a, b = b, a
	}
	return rune(a) | rune(b)<<8, nil
}

// Blocks returns the DER objects of a file: of each PEM block, which must have one of the types, or of the file itself,
// DER or bare base64. A file in which something is left over or damaged is an error.
func Blocks(b []byte, types ...string) ([][]byte, error) {
	if len(b) == 0 {
		return nil, errors.New("it is empty")
	}
	if b[0] == 0x30 && !base64Text(b) {
		return [][]byte{b}, nil
	}
	text := Text(b)
	if !bytes.Contains(text, []byte("-----BEGIN")) {
		if der := bareBase64(text); der != nil {
			return [][]byte{der}, nil
		}
		return [][]byte{b}, nil // no wrapping: the parser says what is wrong with it
	}
	var blocks [][]byte
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		if !slices.Contains(types, block.Type) {
			return nil, fmt.Errorf("it holds a PEM block %q, want %s", block.Type, strings.Join(types, " or "))
		}
		blocks, text = append(blocks, block.Bytes), rest
	}
	if len(blocks) == 0 || bytes.Contains(text, []byte("-----BEGIN")) {
		return nil, errors.New("its PEM is damaged")
	}
	return blocks, nil
}

// One is Blocks for a file that holds exactly one object.
func One(b []byte, types ...string) ([]byte, error) {
	blocks, err := Blocks(b, types...)
	if err != nil {
		return nil, err
	}
	if len(blocks) != 1 {
		return nil, fmt.Errorf("it holds %d PEM blocks: give one per file", len(blocks))
	}
	return blocks[0], nil
}

// bareBase64 decodes base64 without armour; nil when it is none, or no DER sequence is inside.
func bareBase64(text []byte) []byte {
	if !base64Text(text) {
		return nil
	}
	compact := bytes.Join(bytes.Fields(text), nil)
	der := make([]byte, base64.StdEncoding.DecodedLen(len(compact)))
	n, err := base64.StdEncoding.Decode(der, compact)
	if err != nil || n < 2 || der[0] != 0x30 {
		return nil
	}
	return der[:n]
}

// base64Text reports whether all of b are characters of base64 or white space.
func base64Text(b []byte) bool {
	for _, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '+', c == '/', c == '=', c == '\r', c == '\n', c == ' ', c == '\t':
		default:
			return false
		}
	}
	return len(b) > 0
}
