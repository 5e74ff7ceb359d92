package keyscan

import (
	"bytes"
	"encoding/binary"
)

// A magic is what forms of key material have in common: a rare byte string at an offset of the whole. One search serves
// all.
type magic struct {
	rare  string
	at    int
	forms []form
}

// A form is a byte string that occurs in no other data. Where that is too little, check looks at the structure behind
// it.
type form struct {
	whole, what string
	check       func(b []byte) bool // of the bytes from the form's beginning; nil = no more to check
}

var storeMagics = []magic{
	{"\xfe\xed\xfe\xed\x00\x00\x00", 0, []form{
		{"\xfe\xed\xfe\xed\x00\x00\x00\x01", "Java key store (JKS)", holdsJavaKey},
		{"\xfe\xed\xfe\xed\x00\x00\x00\x02", "Java key store (JKS)", holdsJavaKey}}},
	{"\xce\xce\xce\xce\x00\x00\x00", 0, []form{
		{"\xce\xce\xce\xce\x00\x00\x00\x01", "Java key store (JCEKS)", holdsJavaKey},
		{"\xce\xce\xce\xce\x00\x00\x00\x02", "Java key store (JCEKS)", holdsJavaKey}}},
	{"openssh-key-v1\x00", 0, []form{{"openssh-key-v1\x00", "OpenSSH private key", nil}}},
	{"\x1e\xf1\xb5\xb0\x00\x00\x00\x00", 0, []form{
		{"\x1e\xf1\xb5\xb0\x00\x00\x00\x00", "Microsoft PVK private key", isPVK}}},
	{"RSA2", 8, []form{
		{"\x07\x02\x00\x00\x00\xa4\x00\x00RSA2", "Microsoft CryptoAPI private key", nil},
		{"\x07\x02\x00\x00\x00\x24\x00\x00RSA2", "Microsoft CryptoAPI private key", nil}}},
	{"ECS", 0, cngForms("ECS2\x20", "ECS4\x30", "ECS6\x42")}, {"ECK", 0, cngForms("ECK2\x20", "ECK4\x30", "ECK6\x42")},
	{"SQLite format 3\x00", 0, []form{{"SQLite format 3\x00", "PKCS#11 token store in SQLite", isTokenDatabase}}},
	{"global-salt", 0, []form{{"global-salt", "NSS key database (key3.db)", isKey3}}},
}

// cngForms are the private key blobs of Windows CNG: a magic, then the length of one number.
func cngForms(magics ...string) (forms []form) {
	for _, m := range magics {
		forms = append(forms, form{m + "\x00\x00\x00", "Windows CNG private key", nil})
	}
	return forms
}

func findStores(b []byte) *Finding {
	if f := findMagics(b, storeMagics); f != nil {
		return f
	}
	return findToken(b)
}

func findMagics(b []byte, magics []magic) *Finding {
	for i := range magics {
		m := &magics[i]
		found := each(b, m.rare, func(at int) *Finding {
			start := at - m.at
			if start < 0 {
				return nil
			}
			for _, f := range m.forms {
				if bytes.HasPrefix(b[start:], []byte(f.whole)) && (f.check == nil || f.check(b[start:])) {
					return &Finding{What: f.what, Offset: start}
				}
			}
			return nil
		})
		if found != nil {
			return found
		}
	}
	return nil
}

// holdsJavaKey reports whether a Java key store holds a key, as far as it can be read. A store of certificates alone
// holds none, and what has another structure is no store.
func holdsJavaKey(b []byte) bool {
	const head = 12 // magic, version, number of entries
	if len(b) < head {
		return true // the rest was cut off
	}
	count := binary.BigEndian.Uint32(b[8:])
	if count == 0 || count > 1<<16 {
		return false
	}
	for b = b[head:]; count > 0; count-- {
		if len(b) < 6 {
			return true
		}
		tag, alias := binary.BigEndian.Uint32(b), int(binary.BigEndian.Uint16(b[4:]))
		if tag != 2 { // 1 is a private key, 3 a secret one
			return tag == 1 || tag == 3
		}
		rest, ok := javaCertificate(b[6:], alias)
		if !ok {
			return false
		}
		b = rest
	}
	return false
}

// javaCertificate skips the rest of a trusted certificate entry: alias, date, type, certificate.
func javaCertificate(b []byte, alias int) (rest []byte, ok bool) {
	at := alias + 8
	if len(b) < at+2 {
		return nil, true
	}
	at += 2 + int(binary.BigEndian.Uint16(b[at:]))
	if len(b) < at+4 {
		return nil, true
	}
	size := int64(binary.BigEndian.Uint32(b[at:]))
	if size > 1<<20 {
		return nil, false
	}
	return b[min(at+4+int(size), len(b)):], true
}

// isPVK looks at the header of a PVK file: reserved, key type, encrypted, salt length, key length.
func isPVK(b []byte) bool {
	if len(b) < 24 {
		return true
	}
	le := binary.LittleEndian
	kind, encrypted, salt, key := le.Uint32(b[8:]), le.Uint32(b[12:]), le.Uint32(b[16:]), le.Uint32(b[20:])
	return (kind == 1 || kind == 2) && encrypted <= 1 && salt <= 1024 && key <= 1<<16
}

// isTokenDatabase reports whether an SQLite database has the tables of NSS or SoftHSM.
func isTokenDatabase(b []byte) bool {
	return bytes.Contains(b, []byte("nssPrivate")) || bytes.Contains(b, []byte("attribute_binary"))
}

// isKey3 reports whether the word is the key of NSS's Berkeley DB record, which its values surround.
func isKey3(b []byte) bool { return bytes.Contains(b[:min(len(b), 64)], []byte("Version")) }

// Attribute kinds in SoftHSM's object files.
const (
	kindBool       = 1
	kindNumber     = 2
	kindBytes      = 3
	kindAttributes = 4
	kindMechanisms = 5
)

// tokenHead is how an object of a private or secret key begins in SoftHSM's files: the attribute CKA_CLASS (0), the
// kind of a number, and CKO_PRIVATE_KEY (3) or CKO_SECRET_KEY (4), each in eight octets.
const tokenHead = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00"

// findToken looks for objects of a PKCS#11 token store. Three numbers of eight octets are found in font tables as well,
// so that the attributes behind them must be well-formed, in rising order, and those that every key has.
func findToken(b []byte) *Finding {
	const zeros = 15 // before the first octet that is none
	for at := zeros - 1; at < len(b); at += zeros {
		if b[at] != 0 {
			continue // no head has this octet within its zeros
		}
		for at < len(b) && b[at] == 0 {
			at++
		}
		start := at - zeros
		if start >= 0 && bytes.HasPrefix(b[start:], []byte(tokenHead)) && isTokenObject(b[start:]) {
			return &Finding{What: "PKCS#11 token store object", Offset: start}
		}
		at--
	}
	return nil
}

func isTokenObject(b []byte) bool {
	const (
		attrClass, attrToken, attrPrivate = 0x0, 0x1, 0x2
		minimal                           = 5 // attributes; a key has dozens
	)
	if len(b) < 24 || b[23] != 3 && b[23] != 4 {
		return false
	}
	last, known, n := int64(-1), 0, 0
	for len(b) >= 16 {
		attr, kind := binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
		if attr > 1<<32 || int64(attr) <= last {
			break
		}
		size := attributeSize(kind, b[16:])
		if size < 0 {
			return false
		}
		if (attr == attrToken || attr == attrPrivate) && kind == kindBool {
			known++
		}
		last = int64(attr)
		n++
		b = b[min(16+size, len(b)):]
	}
	return n >= minimal && known == 2
}

// attributeSize returns the length of a value of the kind, or -1 when it is none.
func attributeSize(kind uint64, b []byte) int {
	switch kind {
	case kindBool:
		if len(b) > 0 && b[0] > 1 && b[0] != 0xff {
			return -1
		}
		return 1
	case kindNumber:
		return 8
	case kindBytes, kindAttributes, kindMechanisms:
		if len(b) < 8 {
			return 8
		}
		n := binary.BigEndian.Uint64(b)
		if kind == kindMechanisms {
			n *= 8
		}
		if n > 1<<20 {
			return -1
		}
		return 8 + int(n)
	}
	return -1
}
