package artifact

import (
	"errors"
	"io"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// OpenRevocationList parses a list in a file as ParseRevocationList does, but leaves its entries there: they are read
// when they are walked, so that a list of millions costs no memory. Raw has the list without them, and no signature
// verifies over that. The file must stay as it is as long as the list is used.
func OpenRevocationList(file io.ReaderAt, size int64) (*RevocationList, error) {
	hollow, from, n, err := withoutEntries(file, size)
	if err != nil {
		return nil, err
	}
	if hollow == nil {
		der := make([]byte, size)
		if _, err := file.ReadAt(der, 0); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return ParseRevocationList(der)
	}
	l, err := ParseRevocationList(hollow)
	if err == nil {
		l.file = io.NewSectionReader(file, from, n)
	}
	return l, err
}

// Of a list with fewer octets of entries, and one that has not its entries within the first octets, everything is read.
const (
	inMemory  = 1 << 20
	headOfCRL = 64 << 10
)

// withoutEntries reads a list around its entries, and says where they are; nil when it is to be read whole.
func withoutEntries(file io.ReaderAt, size int64) (hollow []byte, from, n int64, err error) {
	head := make([]byte, min(size, headOfCRL))
	if _, err := file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, 0, err
	}
	start, length, ok := longHeader(head, 0)
	if !ok || start+length != size {
		return nil, 0, 0, nil
	}
	tbs, tbsLength, ok := longHeader(head, start)
	if !ok || tbs+tbsLength > size {
		return nil, 0, 0, nil
	}
	rest := cryptobyte.String(head[tbs:])
	for _, tag := range []cbasn1.Tag{cbasn1.INTEGER, cbasn1.SEQUENCE, cbasn1.SEQUENCE} {
		if !rest.SkipASN1(tag) {
			return nil, 0, 0, nil
		}
	}
	for rest.PeekASN1Tag(cbasn1.UTCTime) || rest.PeekASN1Tag(cbasn1.GeneralizedTime) {
		if !rest.SkipASN1(cbasn1.Tag(rest[0])) {
			return nil, 0, 0, nil
		}
	}
	at := int64(len(head) - len(rest))
	from, n, ok = longHeader(head, at)
	if !ok || n < inMemory || from+n > tbs+tbsLength {
		return nil, 0, 0, nil
	}
	tail := make([]byte, size-from-n)
	if len(tail) > inMemory {
		return nil, 0, 0, nil
	}
	if _, err := file.ReadAt(tail, from+n); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, 0, err
	}
	ofTBS := tbs + tbsLength - from - n
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(head[tbs:at])
			b.AddBytes(tail[:ofTBS])
		})
		b.AddBytes(tail[ofTBS:])
	})
	hollow, err = b.Bytes()
	return hollow, from, n, err
}

// longHeader reads the header, at a place, of a SEQUENCE whose length takes two to four octets in DER, and says where
// the content begins.
func longHeader(b []byte, at int64) (start, length int64, ok bool) {
	if at+6 > int64(len(b)) || b[at] != 0x30 || b[at+1] < 0x82 || b[at+1] > 0x84 || b[at+2] == 0 {
		return 0, 0, false
	}
	start = at + 2 + int64(b[at+1]&0x7f)
	for _, c := range b[at+2 : start] {
		length = length<<8 | int64(c)
	}
	return start, length, true
}
