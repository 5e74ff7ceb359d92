package artifact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
)

var textMagics = []magic{
	{"PRIVATE", 0, []form{
		{"PRIVATE KEY-----", "PEM private key"}, {"PRIVATE KEY ----", "SSH2 private key"}, {"PRIVATE KEY BLOCK-----", "OpenPGP private key"},
		{"PRIVATE+KEY+", "note signing key"}, // golang.org/x/mod/sumdb/note
	}},
	{"PuTTY-User-Key-File-", 0, []form{{"PuTTY-User-Key-File-", "PuTTY private key"}}},
	{"<InverseQ>", 0, []form{{"<InverseQ>", "XML private key"}}},
	{"P\x00R\x00I\x00V\x00A\x00T\x00E\x00", 0, []form{{"P\x00R\x00I\x00V\x00A\x00T\x00E\x00 \x00K\x00E\x00Y\x00-\x00", "PEM private key in UTF-16"}}},
	{"AGE-SECRET-KEY-1", 0, []form{{"AGE-SECRET-KEY-1", "age private key"}}},
}

// findText looks for keys that announce themselves in text.
func findText(b []byte) *KeyFinding {
	if f := findMagics(b, textMagics); f != nil {
		return f
	}
	return findJWK(b)
}

// findJWK looks for a JSON Web Key with a private member (RFC 7517, RFC 7518 section 6): "d" for RSA, EC and OKP keys, "k" for
// symmetric ones.
func findJWK(b []byte) *KeyFinding {
	if !bytes.Contains(b, []byte(`"kty"`)) {
		return nil
	}
	for _, member := range []string{`"d"`, `"k"`} {
		for at := 0; ; {
			i := bytes.Index(b[at:], []byte(member))
			if i < 0 {
				break
			}
			at += i
			rest := bytes.TrimLeft(b[at+len(member):min(len(b), at+64)], " \t\r\n")
			if len(rest) > 0 && rest[0] == ':' {
				rest = bytes.TrimLeft(rest[1:], " \t\r\n")
				if len(rest) > 0 && rest[0] == '"' {
					return &KeyFinding{What: "JSON Web Key with a private member", Offset: at}
				}
			}
			at++
		}
	}
	return nil
}

// The classes of characters in encoded text.
const (
	charBase64 = 1 << iota
	charHex
	charSpace
)

var charClass = func() (t [256]byte) {
	for c := range 256 {
		switch b := byte(c); {
		case b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F':
			t[c] = charBase64 | charHex
		case b >= 'g' && b <= 'z' || b >= 'G' && b <= 'Z' || b == '+' || b == '/' || b == '-' || b == '_':
			t[c] = charBase64
		case b == '\n' || b == '\r' || b == ' ' || b == '\t':
			t[c] = charSpace
		}
	}
	return t
}()

// minRun is the shortest unbroken piece of encoded text that is looked into. The smallest private key in DER (Ed25519 in
// PKCS#8, 48 bytes) takes 64 characters, and no tool breaks lines shorter than 40.
const minRun = 40

// scanEncoded decodes base64 and hexadecimal text (with line breaks, at any alignment) and scans what comes out.
func (s *scanner) scanEncoded(b []byte, depth int) *KeyFinding {
	for at := 0; ; {
		start, end := nextRun(b, at)
		if start < 0 {
			return nil
		}
		at = end
		if f := s.decodeRun(b[start:end], depth); f != nil || s.excess != "" {
			return f
		}
	}
}

// nextRun finds the next run of encoded text at or after from: lines of at least minRun characters joined by white space, and
// the shorter last line. It looks at one byte in minRun until it meets a candidate.
func nextRun(b []byte, from int) (start, end int) {
	for probe := from + minRun - 1; probe < len(b); probe += minRun {
		if charClass[b[probe]]&charBase64 == 0 {
			continue
		}
		lo := probe
		for lo > from && charClass[b[lo-1]]&charBase64 != 0 {
			lo--
		}
		hi := probe + 1
		for hi < len(b) && charClass[b[hi]]&charBase64 != 0 {
			hi++
		}
		if hi-lo < minRun {
			probe = hi - 1
			continue
		}
		for hi < len(b) && charClass[b[hi]]&(charBase64|charSpace) != 0 {
			hi++
		}
		return lo, hi
	}
	return -1, -1
}

func (s *scanner) decodeRun(run []byte, depth int) *KeyFinding {
	if !s.spend(len(run)) {
		return nil
	}
	text := make([]byte, 0, len(run))
	for _, c := range run {
		if charClass[c]&charSpace != 0 {
			continue
		}
		switch c { // the URL-safe alphabet of RFC 4648 section 5
		case '-':
			c = '+'
		case '_':
			c = '/'
		}
		text = append(text, c)
	}
	if f := s.decodeHex(text, depth); f != nil {
		return f
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(text)))
	for shift := range min(4, len(text)) {
		t := text[shift:]
		n, err := base64.RawStdEncoding.Decode(out, t[:len(t)&^3])
		if tail := len(t) & 3; err == nil && tail > 1 {
			m, _ := base64.RawStdEncoding.Decode(out[n:], t[len(t)-tail:])
			n += m
		}
		if f := s.decoded("base64 text", out[:n], depth); f != nil {
			return f
		}
	}
	return nil
}

// decodeHex scans every piece of text that is hexadecimal for at least minRun characters.
func (s *scanner) decodeHex(text []byte, depth int) *KeyFinding {
	for start := 0; start < len(text); {
		end := start
		for end < len(text) && charClass[text[end]]&charHex != 0 {
			end++
		}
		for shift := 0; shift < 2 && end-start >= minRun; shift++ {
			piece := text[start+shift : end]
			out := make([]byte, len(piece)/2)
			n, _ := hex.Decode(out, piece[:len(piece)&^1]) // only hexadecimal digits are in it
			if f := s.decoded("hexadecimal text", out[:n], depth); f != nil {
				return f
			}
		}
		start = end + 1
	}
	return nil
}

// decoded scans decoded text. Text inside text is followed as far as base64 of base64, but random bytes are not: only
// structures are looked for, and packed data only where it begins.
func (s *scanner) decoded(what string, b []byte, depth int) *KeyFinding {
	f := findDER(b)
	if f == nil {
		f = findStores(b)
	}
	if f == nil {
		f = findText(b)
	}
	if f != nil {
		f.Within = what
		return f
	}
	if run, _ := nextRun(b, 0); run >= 0 || startsPacked(b) {
		return s.inside(what, b, depth)
	}
	return nil
}
