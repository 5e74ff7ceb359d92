package keyscan

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// The compression methods of zip, APPNOTE.TXT section 4.4.5.
const (
	zipStored  = 0
	zipDeflate = 8
	zipBzip2   = 12
	zipLZMA    = 14
	zipZstd    = 93
	zipXZ      = 95
)

// openZip opens the member whose local header begins b. The central directory is ignored, so that a member it hides is
// found all the same.
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
	s.opaque(fmt.Sprintf("%s %q is compressed by method %d, which is not undone; use deflate", name,
		b[header:header+length], method))
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
	if len(b) < header+8 || !bytes.HasPrefix(b, []byte(magicXZ)) ||
		crc32.ChecksumIEEE(b[6:8]) != binary.LittleEndian.Uint32(b[8:]) {
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
