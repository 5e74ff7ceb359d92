package keyscan

import (
	"archive/tar"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"
)

const (
	magicZip   = "PK\x03\x04"
	magicGzip  = "\x1f\x8b\x08"
	magicBzip2 = "1AY&SY" // the block header behind "BZh" and a digit
	magicXZ    = "\xfd7zXZ\x00"
	magicZstd  = "\x28\xb5\x2f\xfd"
	magicPDF   = "%PDF-"
)

// A packing is a form of compressed data that is told by a magic at any offset.
type packing struct {
	magic string
	back  int // how far before the magic the data begin
}

var packings = []packing{{magicZip, 0}, {magicGzip, 0}, {magicBzip2, 4}, {magicXZ, 0}, {magicZstd, 0}, {magicPNG, 0}}

// open unpacks the data that begin with b. first says that nothing stands before them, so that what looks damaged is.
func (s *scanner) open(magic string, b []byte, first bool) *Finding {
	switch magic {
	case magicZip:
		return s.openZip("zip entry", b)
	case magicGzip:
		return s.openGzip("gzip data", b, first)
	case magicBzip2:
		return s.openBzip2("bzip2 data", b)
	case magicXZ:
		return s.openXZ("xz data", b)
	case magicZstd:
		return s.openZstd("zstd data", b, first)
	case magicPNG:
		return s.scanPNG(b)
	}
	return nil
}

// scanPacked unpacks compressed data wherever it begins. Stored (uncompressed) archive members, such as all of tar,
// need no unpacking: the scan of the whole has already seen them.
func (s *scanner) scanPacked(b []byte, text bool) *Finding {
	if i := bytes.Index(b, []byte(magicPDF)); i >= 0 {
		if f := s.scanPDF(b[i:]); f != nil {
			return f
		}
	}
	if f := s.scanHead(b); f != nil {
		return f
	}
	s.refuseSealed(b, text)
	for i := range packings {
		p := &packings[i]
		found := each(b, p.magic, func(at int) *Finding {
			if at < p.back || s.stopped {
				return nil
			}
			return s.open(p.magic, b[at-p.back:], at == p.back)
		})
		if found != nil || s.stopped {
			return found
		}
	}
	return nil
}

// hasPacked reports whether one of the magics occurs in b.
func hasPacked(b []byte) bool {
	for i := range packings {
		if bytes.Contains(b, []byte(packings[i].magic)) {
			return true
		}
	}
	return bytes.Contains(b, []byte(magicPDF))
}

// startsPacked reports whether b begins like data that is only told where it begins.
func startsPacked(b []byte) bool {
	return isZlib(b) || isLZMA(b) || bytes.HasPrefix(b, []byte("BZh"))
}

// scanHead unpacks what is only told where it begins: zlib, lzma, raw deflate, and the members of tar, each of which is
// a beginning.
func (s *scanner) scanHead(b []byte) *Finding {
	switch {
	case len(b) < 40:
		return nil
	case isZlib(b):
		if f := s.unpack("zlib data", s.inflater(s.from(b[2:])), false); f != nil {
			return f
		}
	case isLZMA(b):
		z, err := lzma.ReaderConfig{DictCap: maxDictionary}.NewReader(s.from(b))
		if err != nil {
			s.opaque("lzma data that cannot be unpacked: " + err.Error())
			return nil
		}
		return s.unpack("lzma data", z, true)
	case isTar(b):
		return s.scanTar(b)
	}
	return s.scanDeflate(b)
}

func isZlib(b []byte) bool {
	return len(b) > 8 && b[0]&0x0f == 8 && b[0]>>4 <= 7 && b[1]&0x20 == 0 && (int(b[0])<<8|int(b[1]))%31 == 0
}

// isLZMA reports whether b begins with the header of an .lzma file: properties as everybody writes them, a dictionary
// of a power of two, and a size that is unknown or not absurd.
func isLZMA(b []byte) bool {
	if len(b) < 18 || b[0] != 0x5d || b[13] != 0 {
		return false
	}
	dict, size := binary.LittleEndian.Uint32(b[1:]), binary.LittleEndian.Uint64(b[5:])
	return dict >= 1<<12 && (dict&(dict-1) == 0 || dict == 0xffffffff) && (size == 1<<64-1 || size < 1<<40)
}

func isTar(b []byte) bool { return len(b) >= 512 && string(b[257:262]) == "ustar" }

// scanDeflate tries b as a raw deflate stream, RFC 1951, which has no magic. It is one when it ends with b.
func (s *scanner) scanDeflate(b []byte) *Finding {
	const shortest, tail = 32, 8
	if !startsDeflate(b) {
		return nil
	}
	in := bytes.NewReader(b)
	z := s.inflater(in)
	var head [4096]byte // random data ends within the first block, so that most are sent away cheaply
	n, err := io.ReadFull(z, head[:])
	if !s.spend(n + openCost) {
		return nil
	}
	switch {
	case err == io.ErrUnexpectedEOF && n >= shortest && in.Len() <= tail && ended(z):
		return s.inside("deflate data", bytes.Clone(head[:n]))
	case err != nil:
		return nil
	}
	return s.unpack("deflate data", io.MultiReader(bytes.NewReader(head[:]), z), false)
}

// startsDeflate sends away what cannot be the first block: one of the reserved type, or one of plain bytes whose length
// and its complement disagree.
func startsDeflate(b []byte) bool {
	switch b[0] >> 1 & 3 {
	case 0:
		return b[1]^b[3] == 0xff && b[2]^b[4] == 0xff
	case 3:
		return false
	}
	return true
}

// ended reports whether z has come to its end without damage.
func ended(z io.Reader) bool {
	n, err := z.Read(make([]byte, 1))
	return n == 0 && err == io.EOF
}

// scanTar scans the members of an archive. Their bytes were seen already, but each is a beginning.
func (s *scanner) scanTar(b []byte) *Finding {
	r := tar.NewReader(bytes.NewReader(b))
	for range 1 << 14 {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			s.opaque("a tar archive that is damaged: " + err.Error())
			return nil
		}
		if h.Size == 0 {
			continue
		}
		if f := s.unpack("tar entry", r, true); f != nil || s.stopped {
			return f
		}
	}
	s.opaque("a tar archive with too many members")
	return nil
}

// A meter hands bytes to a decompressor and charges them to the scanner's budget. Output alone would not do: a stream
// of empty blocks yields nothing however long it is, and many archive headers can share one such stream.
type meter struct {
	s *scanner
	r bytes.Reader
}

// What looking at one header is charged, for the tables that its decompressor allocates: little where they are kept.
const (
	openCost      = 2048
	openOwn       = 32 << 10 // a decompressor of its own
	openZstdCost  = 1 << 20
	minDictionary = 1 << 20 // of xz
)

// from returns a meter over b.
func (s *scanner) from(b []byte) *meter {
	m := &meter{s: s}
	m.r.Reset(b)
	s.spend(openCost)
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

// inflater returns a reader of raw deflate data. It is one and the same, since its tables are large and everything is
// read before what was read is scanned.
func (s *scanner) inflater(in io.Reader) io.Reader {
	if s.flate == nil {
		s.flate = flate.NewReader(in)
	} else if r, ok := s.flate.(flate.Resetter); ok {
		_ = r.Reset(in, nil) // never an error without a dictionary
	}
	return s.flate
}

// unpack reads r as far as it goes and the budget lasts, and scans the result. Damaged data is scanned up to the
// damage; where the magic leaves no doubt what the data claims to be, damage is reported as well.
func (s *scanner) unpack(name string, r io.Reader, certain bool) *Finding {
	var out bytes.Buffer
	_, err := io.Copy(&out, io.LimitReader(r, min(max(s.budget, 0), maxLayer)+1))
	n := out.Len()
	if n > maxLayer {
		s.opaque(fmt.Sprintf("%s: it unpacks to more than %d MiB; publish smaller parts", name, maxLayer>>20))
		return nil
	}
	if !s.spend(n) {
		return nil
	}
	if n > 0 && isEnd(err) {
		err = nil
	}
	if err != nil && certain {
		s.opaque(fmt.Sprintf("%s that is damaged: %v; make it anew", name, err))
	}
	if err == nil {
		s.mustBeKnown(name, out.Bytes())
	}
	return s.inside(name, out.Bytes())
}

// isEnd reports whether an error only says that other data follow the packed ones, which the scan of the whole has
// seen.
func isEnd(err error) bool {
	return errors.Is(err, gzip.ErrHeader) || errors.Is(err, zstd.ErrMagicMismatch) ||
		err != nil && err.Error() == "xz: unexpected data after stream" // package xz does not export it
}
