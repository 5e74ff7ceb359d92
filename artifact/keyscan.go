package artifact

import (
	"bytes"
	"fmt"
)

// A KeyFinding says where key material was found.
type KeyFinding struct {
	What   string // such as "PKCS#8 private key"
	Offset int    // in the innermost container
	Within string // the containers around it, outermost first, such as "zip entry > base64 text"; empty at the top
}

// String returns the finding as one phrase.
func (f *KeyFinding) String() string {
	if f.Within == "" {
		return fmt.Sprintf("%s at byte %d", f.What, f.Offset)
	}
	return fmt.Sprintf("%s at byte %d of %s", f.What, f.Offset, f.Within)
}

// Limits of one scan. A hostile file cannot make it unpack more than this; a file that would is not cleared but reported.
const (
	maxDepth    = 5
	maxUnpacked = 128 << 20
)

// A scanner looks for key material in one byte string and everything packed inside it.
type scanner struct {
	budget int64  // bytes that may still be read or written by unpacking
	excess string // why something could not be looked into
}

// FindPrivateKey looks for private key material anywhere in b: bare or encrypted DER (PKCS#8, PKCS#1, SEC1, DSA, PKCS#12), key
// stores, PEM of any label, OpenSSH, PuTTY, JWK and XML forms, base64 or hexadecimal text, and all of these inside zip, gzip,
// zlib and bzip2 data at any offset and in PDF streams. It returns nil when there is none. The error says that b holds
// something that could not be looked into, so that nothing can be said.
func FindPrivateKey(b []byte) (*KeyFinding, error) {
	s := &scanner{budget: maxUnpacked}
	f := s.scan(b, 0)
	if f == nil && s.excess != "" {
		return nil, fmt.Errorf("looking for private keys: %s", s.excess)
	}
	return f, nil
}

func (s *scanner) scan(b []byte, depth int) *KeyFinding {
	if depth > maxDepth {
		s.excess = fmt.Sprintf("it is packed more than %d times over", maxDepth)
		return nil
	}
	if f := findDER(b); f != nil {
		return f
	}
	if f := findStores(b); f != nil {
		return f
	}
	if f := findText(b); f != nil {
		return f
	}
	if f := s.scanEncoded(b, depth); f != nil {
		return f
	}
	return s.scanPacked(b, depth)
}

// inside scans what was taken out of a container and adds the container to the finding.
func (s *scanner) inside(container string, b []byte, depth int) *KeyFinding {
	f := s.scan(b, depth+1)
	if f == nil {
		return nil
	}
	if f.Within == "" {
		f.Within = container
	} else {
		f.Within = container + " > " + f.Within
	}
	return f
}

// A magic is what forms of key material have in common: a rare byte string at an offset of the whole. One search serves all.
type magic struct {
	rare  string
	at    int
	forms []form
}

// A form is a byte string that occurs in no other data.
type form struct{ whole, what string }

var storeMagics = []magic{
	{"\xfe\xed\xfe\xed\x00\x00\x00", 0, []form{{"\xfe\xed\xfe\xed\x00\x00\x00\x01", "Java key store (JKS)"}, {"\xfe\xed\xfe\xed\x00\x00\x00\x02", "Java key store (JKS)"}}},
	{"\xce\xce\xce\xce\x00\x00\x00", 0, []form{{"\xce\xce\xce\xce\x00\x00\x00\x01", "Java key store (JCEKS)"}, {"\xce\xce\xce\xce\x00\x00\x00\x02", "Java key store (JCEKS)"}}},
	{"openssh-key-v1\x00", 0, []form{{"openssh-key-v1\x00", "OpenSSH private key"}}},
	{"\x1e\xf1\xb5\xb0\x00\x00\x00\x00", 0, []form{{"\x1e\xf1\xb5\xb0\x00\x00\x00\x00", "Microsoft PVK private key"}}},
	{"RSA2", 8, []form{{"\x07\x02\x00\x00\x00\xa4\x00\x00RSA2", "Microsoft CryptoAPI private key"}, {"\x07\x02\x00\x00\x00\x24\x00\x00RSA2", "Microsoft CryptoAPI private key"}}},
	// The first attributes of a SoftHSM object file: CKA_CLASS, a number, CKO_PRIVATE_KEY.
	{"\x02\x00\x00\x00\x00\x00\x00\x00\x03", 15, []form{
		{"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x03", "PKCS#11 token store object"}}},
}

func findStores(b []byte) *KeyFinding { return findMagics(b, storeMagics) }

func findMagics(b []byte, magics []magic) *KeyFinding {
	for _, m := range magics {
		for at := 0; ; at++ {
			i := bytes.Index(b[at:], []byte(m.rare))
			if i < 0 {
				break
			}
			at += i
			if start := at - m.at; start >= 0 {
				for _, f := range m.forms {
					if bytes.HasPrefix(b[start:], []byte(f.whole)) {
						return &KeyFinding{What: f.what, Offset: start}
					}
				}
			}
		}
	}
	return nil
}
