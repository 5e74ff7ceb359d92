package artifact

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/text/unicode/norm"
)

// SameName reports whether two DER Names name the same entity by RFC 5280 section 7.1: the type of a string, the case
// of its letters and the number of its spaces do not matter, nor does the order within one multi-valued RDN. Values
// that are not strings must be the same bytes. The order of the RDNs matters.
func SameName(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	ra, ok := readName(a)
	if !ok {
		return false
	}
	rb, ok := readName(b)
	if !ok || len(ra) != len(rb) {
		return false
	}
	for i := range ra {
		if !sameRDN(ra[i], rb[i]) {
			return false
		}
	}
	return true
}

// An ava is one AttributeTypeAndValue, its value prepared for comparison.
type ava struct{ oid, value string }

// sameRDN compares two sets of attributes: each of one has its own partner in the other.
func sameRDN(a, b []ava) bool {
	if len(a) != len(b) {
		return false
	}
	taken := make([]bool, len(b))
next:
	for _, x := range a {
		for i, y := range b {
			if !taken[i] && x == y {
				taken[i] = true
				continue next
			}
		}
		return false
	}
	return true
}

// readName reads a Name for comparison.
func readName(der []byte) ([][]ava, bool) {
	in := cryptobyte.String(der)
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() {
		return nil, false
	}
	var name [][]ava
	for !seq.Empty() {
		var set cryptobyte.String
		if !seq.ReadASN1(&set, cbasn1.SET) {
			return nil, false
		}
		var rdn []ava
		for !set.Empty() {
			var one, oid, value, content cryptobyte.String
			var tag cbasn1.Tag
			if !set.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) ||
				!one.ReadAnyASN1Element(&value, &tag) || !one.Empty() || !value.ReadAnyASN1(&content, &tag) {
				return nil, false
			}
			rdn = append(rdn, ava{string(oid), preparedValue(tag, content)})
		}
		name = append(name, rdn)
	}
	return name, true
}

// The string types of a DirectoryString and its relatives that cryptobyte does not name.
const (
	tagNumericString   = cbasn1.Tag(18)
	tagUniversalString = cbasn1.Tag(28)
	tagBMPString       = cbasn1.Tag(30)
)

// preparedValue returns what two values have in common that match: the prepared text of a string, the bytes of anything
// else.
func preparedValue(tag cbasn1.Tag, content []byte) string {
	text, ok := "", true
	switch tag {
	case cbasn1.UTF8String:
		text, ok = string(content), utf8.Valid(content)
	case cbasn1.PrintableString, cbasn1.IA5String, tagNumericString:
		text = string(content)
		ok = utf8.Valid(content)
	case cbasn1.T61String: // read as Latin-1, which is what was put into it
		var b strings.Builder
		for _, c := range content {
			b.WriteRune(rune(c))
		}
		text = b.String()
	case tagBMPString:
		text, ok = wide(content, 2)
	case tagUniversalString:
		text, ok = wide(content, 4)
	default:
		ok = false
	}
	if !ok {
		return fmt.Sprintf("%d:%x", tag, content)
	}
	return "=" + prepared4518(text)
}

// wide decodes characters of two or four octets, big endian.
func wide(content []byte, size int) (string, bool) {
	if len(content)%size != 0 {
		return "", false
	}
	var b strings.Builder
	var units []uint16
	for ; len(content) > 0; content = content[size:] {
		if size == 2 {
			units = append(units, uint16(content[0])<<8|uint16(content[1]))
			continue
		}
		b.WriteRune(rune(content[0])<<24 | rune(content[1])<<16 | rune(content[2])<<8 | rune(content[3]))
	}
	if size == 2 {
		return string(utf16.Decode(units)), true
	}
	return b.String(), true
}

// prepared4518 prepares a string for caseIgnoreMatch (RFC 4518 section 2): control and format characters go, compatible
// characters become one (NFKC, so that half-width katakana equal full-width ones), letters lose their case, and runs of
// spaces count as one, at the ends as none.
func prepared4518(s string) string {
	var b strings.Builder
	for _, r := range norm.NFKC.String(s) {
		switch {
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case unicode.In(r, unicode.Cc, unicode.Cf):
		default:
			b.WriteRune(unicode.ToLower(unicode.ToUpper(r)))
		}
	}
	return strings.Join(strings.Fields(norm.NFKC.String(b.String())), " ")
}

// NameText writes a DER Name for people, and its hexadecimal digits when it is none.
func NameText(der []byte) string {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &rdns); err != nil || len(rest) > 0 {
		return fmt.Sprintf("%x", der)
	}
	return rdns.String()
}
