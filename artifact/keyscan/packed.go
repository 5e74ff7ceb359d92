package keyscan

import (
	"archive/tar"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
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

var packings = []packing{{magicZip, 0}, {magicGzip, 0}, {magicBzip2, 4}, {magicXZ, 0}, {magicZstd, 0}}

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
	}
	return nil
}

// scanPacked unpacks compressed data wherever it begins. Stored (uncompressed) archive members, such as all of tar, need no
// unpacking: the scan of the whole has already seen them.
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

// scanHead unpacks what is only told where it begins: zlib, lzma, raw deflate, and the members of tar, each of which is a
// beginning.
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

// isLZMA reports whether b begins with the header of an .lzma file: properties as everybody writes them, a dictionary of a
// power of two, and a size that is unknown or not absurd.
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

// startsDeflate sends away what cannot be the first block: one of the reserved type, or one of plain bytes whose length and
// its complement disagree.
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

// A meter hands bytes to a decompressor and charges them to the scanner's budget. Output alone would not do: a stream of empty
// blocks yields nothing however long it is, and many archive headers can share one such stream.
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

// inflater returns a reader of raw deflate data. It is one and the same, since its tables are large and everything is read
// before what was read is scanned.
func (s *scanner) inflater(in io.Reader) io.Reader {
	if s.flate == nil {
		s.flate = flate.NewReader(in)
	} else if r, ok := s.flate.(flate.Resetter); ok {
		_ = r.Reset(in, nil) // never an error without a dictionary
	}
	return s.flate
}

// unpack reads r as far as it goes and the budget lasts, and scans the result. Damaged data is scanned up to the damage; where
// the magic leaves no doubt what the data claims to be, damage is reported as well.
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

// isEnd reports whether an error only says that other data follow the packed ones, which the scan of the whole has seen.
func isEnd(err error) bool {
	return errors.Is(err, gzip.ErrHeader) || errors.Is(err, zstd.ErrMagicMismatch) ||
		err != nil && err.Error() == "xz: unexpected data after stream" // package xz does not export it
}

// The compression methods of zip, APPNOTE.TXT section 4.4.5.
const (
	zipStored  = 0
	zipDeflate = 8
	zipBzip2   = 12
	zipLZMA    = 14
	zipZstd    = 93
	zipXZ      = 95
)

// openZip opens the member whose local header begins b. The central directory is ignored, so that a member it hides is found
// all the same.
func (s *scanner) openZip(name string, b []byte) *Finding {
	const header = 30
	if len(b) < header {
		return nil
	}
	le := binary.LittleEndian
	version, flags, method := le.Uint16(b[4:]), le.Uint16(b[6:]), le.Uint16(b[8:])
	packed, size := int64(le.Uint32(b[18:])), int64(le.Uint32(b[22:]))
	length := int(le.Uint16(b[26:]))
	data := header + length + int(le.Uint16(b[28:]))
	if version&0xff > 63 || length == 0 || data > len(b) || !hasOnlyText(b[header:header+length]) {
		return nil
	}
	body := b[data:]
	if flags&1 != 0 || method == 99 {
		s.opaque(fmt.Sprintf("%s %q is encrypted; publish nothing that is encrypted", name, b[header:header+length]))
		return nil
	}
	switch method {
	case zipStored:
		if flags&8 != 0 { // the length follows the data
			packed = int64(bytes.Index(body, []byte("PK\x07\x08")))
		}
		if packed <= int64(len(body)) && packed > 0 {
			return s.storedMember(name, body[:packed])
		}
		return nil
	case zipDeflate:
		return s.unpack(name, s.inflater(s.from(body)), packed > 0)
	case zipBzip2:
		return s.unpack(name, bzip2.NewReader(s.from(body)), true)
	case zipZstd:
		return s.unpackZstd(name, body, true)
	case zipXZ:
		return s.openXZ(name, body)
	case zipLZMA:
		return s.openZipLZMA(name, body, flags&2 != 0, size)
	}
	s.opaque(fmt.Sprintf("%s %q is compressed by method %d, which is not undone; use deflate", name, b[header:header+length], method))
	return nil
}

// storedMember scans a member that stands in the archive as it is: it was seen already, but it is a beginning.
func (s *scanner) storedMember(name string, b []byte) *Finding {
	s.mustBeKnown(name, b)
	s.path = append(s.path, name)
	defer func() { s.path = s.path[:len(s.path)-1] }()
	return wrap(s.scanHead(b), name)
}

// openZipLZMA makes the header of an .lzma file from that of zip, APPNOTE.TXT section 5.8.8.
func (s *scanner) openZipLZMA(name string, b []byte, marked bool, size int64) *Finding {
	if len(b) < 9 || binary.LittleEndian.Uint16(b[2:]) != 5 {
		return nil
	}
	head := bytes.Clone(b[4:9])
	if marked || size == 0 {
		size = -1
	}
	head = binary.LittleEndian.AppendUint64(head, uint64(size))
	z, err := lzma.ReaderConfig{DictCap: maxDictionary}.NewReader(io.MultiReader(bytes.NewReader(head), s.from(b[9:])))
	if err != nil {
		s.opaque(name + " that cannot be unpacked: " + err.Error())
		return nil
	}
	return s.unpack(name, z, true)
}

func hasOnlyText(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

func (s *scanner) openGzip(name string, b []byte, first bool) *Finding {
	if !s.spend(openOwn) {
		return nil
	}
	z, err := gzip.NewReader(s.from(b))
	if err != nil {
		return nil
	}
	return s.unpack(name, z, first)
}

func (s *scanner) openBzip2(name string, b []byte) *Finding {
	if string(b[:3]) != "BZh" {
		return nil
	}
	return s.unpack(name, bzip2.NewReader(s.from(b)), true)
}

// maxDictionary bounds the memory that an LZMA stream may ask for.
const maxDictionary = 64 << 20

// openXZ unpacks xz data, whose dictionary is checked first, because the decoder allocates what the header says.
func (s *scanner) openXZ(name string, b []byte) *Finding {
	const header = 12
	if len(b) < header+8 || !bytes.HasPrefix(b, []byte(magicXZ)) || crc32.ChecksumIEEE(b[6:8]) != binary.LittleEndian.Uint32(b[8:]) {
		return nil
	}
	dictionary, ok := xzDictionary(b[header:])
	if !ok || dictionary > maxDictionary {
		s.opaque(name + " with a filter or a dictionary that is not undone; use gzip")
		return nil
	}
	if !s.spend(max(int(dictionary), minDictionary)) {
		return nil
	}
	z, err := xz.ReaderConfig{DictCap: minDictionary, SingleStream: true}.NewReader(s.from(b))
	if err != nil {
		s.opaque(name + " that cannot be unpacked: " + err.Error())
		return nil
	}
	return s.unpack(name, z, true)
}

// xzDictionary reads the size of the dictionary from a block header with LZMA2 as the only filter.
func xzDictionary(b []byte) (int64, bool) {
	if b[0] == 0 { // the index: there is no block
		return 0, true
	}
	end := (int(b[0]) + 1) * 4
	if len(b) < end || b[1]&0x3f != 0 {
		return 0, false
	}
	at := 2
	for _, flag := range []byte{0x40, 0x80} { // sizes as numbers of seven bits an octet
		for b[1]&flag != 0 && at < end {
			at++
			if b[at-1]&0x80 == 0 {
				break
			}
		}
	}
	if at+3 > end || b[at] != 0x21 || b[at+1] != 1 || b[at+2] > 40 {
		return 0, false
	}
	if b[at+2] == 40 {
		return 1<<32 - 1, true
	}
	return int64(2|b[at+2]&1) << (b[at+2]/2 + 11), true
}

func (s *scanner) openZstd(name string, b []byte, first bool) *Finding {
	if len(b) < 9 || b[4]&0x08 != 0 { // the reserved bit
		return nil
	}
	return s.unpackZstd(name, b, first)
}

func (s *scanner) unpackZstd(name string, b []byte, certain bool) *Finding {
	if !s.spend(openZstdCost) {
		return nil
	}
	z, err := zstd.NewReader(s.from(b), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxLayer), zstd.WithDecoderMaxWindow(maxDictionary))
	if err != nil {
		return nil
	}
	defer z.Close()
	return s.unpack(name, z, certain)
}
