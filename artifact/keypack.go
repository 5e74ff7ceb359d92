package artifact

import (
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/binary"
	"io"
)

var (
	magicZip   = []byte("PK\x03\x04")
	magicGzip  = []byte("\x1f\x8b\x08")
	magicBzip2 = []byte("1AY&SY") // the block header behind "BZh" and a digit
	magicPDF   = []byte("%PDF-")
	wordStream = []byte("stream")
)

func startsPacked(b []byte) bool {
	return bytes.HasPrefix(b, magicZip) || bytes.HasPrefix(b, magicGzip) || bytes.HasPrefix(b, []byte("BZh")) || bytes.HasPrefix(b, magicPDF)
}

// scanPacked unpacks compressed data wherever it begins. Stored (uncompressed) archive members, such as all of tar, need no
// unpacking: the scan of the whole has already seen them.
func (s *scanner) scanPacked(b []byte, depth int) *KeyFinding {
	steps := []struct {
		magic []byte
		open  func(b []byte, at int, in *meter) (name string, r io.Reader)
	}{
		{magicZip, openZip}, {magicGzip, openGzip}, {magicBzip2, openBzip2},
	}
	if bytes.Contains(b, magicPDF) {
		if f := s.scanStreams(b, depth); f != nil {
			return f
		}
	}
	for _, st := range steps {
		for at := 0; s.excess == ""; at++ {
			i := bytes.Index(b[at:], st.magic)
			if i < 0 {
				break
			}
			at += i
			if name, r := st.open(b, at, s.meter()); r != nil {
				if f := s.unpack(name, r, depth); f != nil {
					return f
				}
			}
		}
	}
	return nil
}

// A meter hands bytes to a decompressor and charges them to the scanner's budget. Output alone would not do: a stream of empty
// blocks yields nothing however long it is, and many archive headers can share one such stream.
type meter struct {
	s *scanner
	r bytes.Reader
}

// openCost is what looking at one archive header is charged, for the tables that its decompressor allocates.
const openCost = 2048

func (s *scanner) meter() *meter { return &meter{s: s} }

// from makes m read b from the offset at.
func (m *meter) from(b []byte, at int) *meter {
	m.r.Reset(b[at:])
	m.s.spend(openCost)
	return m
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if !m.s.spend(n) {
		return 0, io.EOF
	}
	return n, err
}

func (m *meter) ReadByte() (byte, error) {
	if !m.s.spend(1) {
		return 0, io.EOF
	}
	return m.r.ReadByte()
}

// spend takes n bytes from the budget and reports whether any is left.
func (s *scanner) spend(n int) bool {
	if s.budget -= int64(n); s.budget < 0 {
		s.excess = "it unpacks to more than this scan may hold"
	}
	return s.budget >= 0
}

// unpack reads r as far as it goes and the budget lasts, and scans the result. Damaged data is scanned up to the damage.
func (s *scanner) unpack(name string, r io.Reader, depth int) *KeyFinding {
	var out bytes.Buffer
	n, _ := io.Copy(&out, io.LimitReader(r, max(s.budget, 0)+1)) // an error only ends the data early
	if !s.spend(int(n)) || n == 0 {
		return nil
	}
	return s.inside(name, out.Bytes(), depth)
}

// openZip opens the deflated member whose local header is at at. The central directory is ignored, so that a member it hides
// is found all the same.
func openZip(b []byte, at int, in *meter) (string, io.Reader) {
	const header = 30
	if at+header > len(b) {
		return "", nil
	}
	h := b[at:]
	data := header + int(binary.LittleEndian.Uint16(h[26:])) + int(binary.LittleEndian.Uint16(h[28:]))
	if method := binary.LittleEndian.Uint16(h[8:]); method != 8 || data > len(h) {
		return "", nil
	}
	return "zip entry", flate.NewReader(in.from(b, at+data))
}

func openGzip(b []byte, at int, in *meter) (string, io.Reader) {
	z, err := gzip.NewReader(in.from(b, at))
	if err != nil {
		return "", nil
	}
	return "gzip data", z
}

func openBzip2(b []byte, at int, in *meter) (string, io.Reader) {
	if at < 4 || string(b[at-4:at-1]) != "BZh" {
		return "", nil
	}
	return "bzip2 data", bzip2.NewReader(in.from(b, at-4))
}

// scanStreams unpacks every stream of a PDF file: Flate data as it is, and below ASCII85. Attachments, object streams and page
// contents are all streams, so that the file's structure, which may lie, does not matter.
func (s *scanner) scanStreams(b []byte, depth int) *KeyFinding {
	for at := 0; s.excess == ""; {
		i := bytes.Index(b[at:], wordStream)
		if i < 0 {
			break
		}
		at += i + len(wordStream)
		body := b[at:]
		body = bytes.TrimPrefix(body, []byte("\r"))
		body = bytes.TrimPrefix(body, []byte("\n"))
		if f := s.scanStream(body, depth); f != nil {
			return f
		}
	}
	return nil
}

func (s *scanner) scanStream(body []byte, depth int) *KeyFinding {
	if len(body) > 2 && body[0]&0x0f == 8 { // the method of a zlib header, RFC 1950 section 2.2
		if z, err := zlib.NewReader(s.meter().from(body, 0)); err == nil {
			return s.unpack("PDF stream", z, depth)
		}
	}
	text, ok := s.ascii85Text(body)
	if !ok {
		return nil
	}
	var out bytes.Buffer
	n, _ := io.Copy(&out, ascii85.NewDecoder(bytes.NewReader(text)))
	if !s.spend(int(n)) {
		return nil
	}
	if z, err := zlib.NewReader(s.meter().from(out.Bytes(), 0)); err == nil {
		return s.unpack("PDF stream", z, depth)
	}
	return s.inside("PDF stream", out.Bytes(), depth)
}

// ascii85Text returns the text before the end mark "~>" when body begins with nothing but ASCII85 characters.
func (s *scanner) ascii85Text(body []byte) ([]byte, bool) {
	for i, c := range body {
		switch {
		case c >= '!' && c <= 'u' || c == 'z' || charClass[c]&charSpace != 0:
		case c == '~' && i > 0:
			return body[:i], s.spend(i)
		default:
			s.spend(i)
			return nil, false
		}
	}
	s.spend(len(body))
	return nil, false
}
