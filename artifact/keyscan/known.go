package keyscan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"unicode/utf8"
)

// Where a seal counts.
const (
	anywhere = iota
	first    // where a file, a stream or an attachment begins
	inText
)

// A seal is a form of data that cannot be looked into.
type seal struct {
	what  string
	magic string
	where int // where it counts
	check func(b []byte) bool
}

const (
	unopened  = "is an archive that is not opened"
	encrypted = "is encrypted"
)

var seals = []seal{
	{"a 7z archive " + unopened, "7z\xbc\xaf\x27\x1c", anywhere, is7z},
	{"a RAR archive " + unopened, "Rar!\x1a\x07\x00", anywhere, nil},
	{"a RAR archive " + unopened, "Rar!\x1a\x07\x01\x00", anywhere, nil},
	{"a cabinet " + unopened, "MSCF\x00\x00\x00\x00", anywhere, isCabinet},
	{"an lz4 file " + unopened, "\x04\x22\x4d\x18", first, nil},
	{"an lzip file " + unopened, "LZIP\x01", first, nil},
	{"a compress file " + unopened, "\x1f\x9d", first, nil},
	{"an ARJ archive " + unopened, "\x60\xea", first, nil},
	{"a XAR archive " + unopened, "xar!\x00\x1c", first, nil},
	{"a squashfs " + unopened, "hsqs", first, nil},
	{"openssl enc output, which " + encrypted, "Salted__", first, nil},
	{"openssl enc output, which " + encrypted, "U2FsdGVkX1", first, nil},
	{"an age file, which " + encrypted, "age-encryption.org/v1\n", inText, nil},
	{"an age file, which " + encrypted, "-----BEGIN AGE ENCRYPTED FILE-----", inText, nil},
	{"an OpenPGP message, which " + encrypted, "-----BEGIN PGP MESSAGE-----", inText, nil},
	{"an OpenPGP message, which " + encrypted, "\x84", first, isPGPMessage},
	{"an OpenPGP message, which " + encrypted, "\x85", first, isPGPMessage},
	{"an OpenPGP message, which " + encrypted, "\x8c", first, isPGPMessage},
	{"an OpenPGP message, which " + encrypted, "\xc1", first, isPGPMessage},
	{"an OpenPGP message, which " + encrypted, "\xc3", first, isPGPMessage},
	{"a LUKS volume, which " + encrypted, "LUKS\xba\xbe", first, nil},
	{"an ansible vault, which " + encrypted, "$ANSIBLE_VAULT;", inText, nil},
	{"an Office document that " + encrypted,
		"E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00", anywhere, nil},
}

// refuseSealed reports archives that are not opened and what is encrypted.
func (s *scanner) refuseSealed(b []byte, text bool) {
	for i := range seals {
		e := &seals[i]
		at := 0
		switch {
		case e.where == first && !bytes.HasPrefix(b, []byte(e.magic)), e.where == inText && !text:
			continue
		case e.where != first:
			at = bytes.Index(b, []byte(e.magic))
		}
		if at >= 0 && (e.check == nil || e.check(b[at:])) {
			s.opaque(e.what + ", so that nothing can be said about what it holds; leave it out")
			return
		}
	}
	s.refuseEnveloped(b)
}

// The content types of encrypted CMS objects, RFC 5652 and RFC 5083, with the tag of the content behind them.
var enveloped = []string{
	"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0", "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06\xa0",
	"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17\xa0",
}

func (s *scanner) refuseEnveloped(b []byte) {
	found := each(b, string(oidPKCSPrefix), func(at int) *Finding {
		for _, e := range enveloped {
			if at >= 2 && bytes.HasPrefix(b[at-2:], []byte(e)) {
				return &Finding{}
			}
		}
		return nil
	})
	if found != nil {
		s.opaque("a CMS object that " + encrypted + ", so that nothing can be said about what it holds; leave it out")
	}
}

// is7z checks the sum over the start header.
func is7z(b []byte) bool {
	return len(b) >= 32 && crc32.ChecksumIEEE(b[12:32]) == binary.LittleEndian.Uint32(b[8:])
}

// isCabinet looks at the reserved fields and the version.
func isCabinet(b []byte) bool {
	return len(b) >= 36 && binary.LittleEndian.Uint32(b[12:]) == 0 && b[24] == 3 && b[25] == 1
}

// isPGPMessage reports whether b is a session key packet (tag 1 or 3) with a plausible version and algorithm.
func isPGPMessage(b []byte) bool {
	body, _, ok := pgpBody(b)
	if !ok || len(body) < 10 {
		return false
	}
	tag := b[0] >> 2 & 15
	if b[0]&0x40 != 0 {
		tag = b[0] & 0x3f
	}
	if tag == 3 { // session key under a passphrase: cipher, then how it is made
		return body[0] >= 4 && body[0] <= 6 && body[1] >= 1 && body[1] <= 13
	}
	return body[0] == 3 && body[9] >= 1 && body[9] <= 28
}

// mustBeKnown reports an attachment, or what was unpacked from one, when its form is none that can be judged: whatever
// is not known might be a cipher text.
func (s *scanner) mustBeKnown(name string, b []byte) {
	if s.attachment == 0 || len(b) == 0 {
		return
	}
	s.path = append(s.path, name)
	defer func() { s.path = s.path[:len(s.path)-1] }()
	s.refuseSealed(b, hasText(b))
	if isKnown(b) {
		return
	}
	s.opaque(fmt.Sprintf("an attachment of unknown form (it begins with %x); attach text, pictures, PDF, "+
		"certificates or "+
		"archives of them, or leave it out", b[:min(len(b), 8)]))
}

// The first bytes of forms that can be looked into, or that only show something.
var knownMagics = []string{
	magicPDF, "\x89PNG\r\n\x1a\n", "\xff\xd8\xff", "GIF87a", "GIF89a", "BM", "II*\x00", "MM\x00*", // pictures
	magicZip, magicGzip, "BZh", magicXZ, magicZstd, "\xfe\xff", "\xff\xfe", "PK\x05\x06",
}

func isKnown(b []byte) bool {
	for _, m := range knownMagics {
		if bytes.HasPrefix(b, []byte(m)) {
			return true
		}
	}
	if isTar(b) || isZlib(b) || isLZMA(b) || isText(b) {
		return true
	}
	tag, _, after, ok := element(b) // a certificate, a list, a signature
	return ok && tag == 0x30 && len(after) == 0 && len(b) > 8
}

// isText reports whether b is text without control characters.
func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1b {
			return false
		}
	}
	return utf8.Valid(b) || isLatin(b)
}

// isLatin reports whether bytes beyond ASCII are rare, as in text of another encoding. Cipher text has one in two.
func isLatin(b []byte) bool {
	n := 0
	for _, c := range b {
		if c >= 0x80 {
			n++
		}
	}
	return n*4 < len(b)
}
