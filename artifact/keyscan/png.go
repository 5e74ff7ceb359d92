package keyscan

import (
	"bytes"
	"encoding/binary"
)

const magicPNG = "\x89PNG\r\n\x1a\n"

// scanPNG unpacks the texts and the profile of a picture, whose zlib data begins somewhere inside a chunk (PNG sections
// 11.3.3 and 11.3.4). What its pixels are is scanned as it stands.
func (s *scanner) scanPNG(b []byte) *Finding {
	for b = b[len(magicPNG):]; len(b) >= 12; {
		size := int64(binary.BigEndian.Uint32(b))
		if size > int64(len(b)-12) {
			return nil
		}
		data := b[8 : 8+size]
		switch string(b[4:8]) {
		case "zTXt", "iTXt", "iCCP":
			for i := bytes.IndexByte(data, 0); i >= 0 && i < len(data); i++ {
				if !isZlib(data[i:]) {
					continue
				}
				if f := s.unpack("PNG text", s.inflater(s.from(data[i+2:])), false); f != nil || s.stopped {
					return f
				}
				break
			}
		}
		b = b[12+size:]
	}
	return nil
}
