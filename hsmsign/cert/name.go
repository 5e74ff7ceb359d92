package cert

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"seihon/internal/certprofile"
)

// Attribute is one attribute of a distinguished name.
type Attribute struct {
	Type  asn1.ObjectIdentifier
	Value string
}

// Name is a distinguished name in the order in which it is encoded, country first. Every attribute is an RDN of its
// own.
type Name []Attribute

// attributeType is one row of the attributes that names may use.
type attributeType struct {
	keys []string // the first is the one that String writes
	oid  asn1.ObjectIdentifier
	tag  cbasn1.Tag // the string type that RFC 5280 appendix A fixes; UTF8String where it leaves a choice
	max  int        // upper bound in characters, RFC 5280 appendix A.1
}

const tagIA5 = cbasn1.IA5String

var attributeTypes = []attributeType{
	{[]string{"C", "countryName"}, asn1.ObjectIdentifier{2, 5, 4, 6}, cbasn1.PrintableString, 2},
	{[]string{"O", "organizationName"}, asn1.ObjectIdentifier{2, 5, 4, 10}, cbasn1.UTF8String, 64},
	{[]string{"OU", "organizationalUnitName"}, asn1.ObjectIdentifier{2, 5, 4, 11}, cbasn1.UTF8String, 64},
	{[]string{"CN", "commonName"}, asn1.ObjectIdentifier{2, 5, 4, 3}, cbasn1.UTF8String, 64},
	{[]string{"ST", "S", "stateOrProvinceName"}, asn1.ObjectIdentifier{2, 5, 4, 8}, cbasn1.UTF8String, 128},
	{[]string{"L", "localityName"}, asn1.ObjectIdentifier{2, 5, 4, 7}, cbasn1.UTF8String, 128},
	{[]string{"serialNumber"}, asn1.ObjectIdentifier{2, 5, 4, 5}, cbasn1.PrintableString, 64},
	{[]string{"organizationIdentifier"}, asn1.ObjectIdentifier{2, 5, 4, 97}, cbasn1.UTF8String, 64},
	{[]string{"GN", "givenName"}, asn1.ObjectIdentifier{2, 5, 4, 42}, cbasn1.UTF8String, 64},
	{[]string{"SN", "surname"}, asn1.ObjectIdentifier{2, 5, 4, 4}, cbasn1.UTF8String, 64},
	{[]string{"title"}, asn1.ObjectIdentifier{2, 5, 4, 12}, cbasn1.UTF8String, 64},
	{[]string{"pseudonym"}, asn1.ObjectIdentifier{2, 5, 4, 65}, cbasn1.UTF8String, 128},
	{[]string{"dnQualifier"}, asn1.ObjectIdentifier{2, 5, 4, 46}, cbasn1.PrintableString, 64},
	{[]string{"street", "streetAddress"}, asn1.ObjectIdentifier{2, 5, 4, 9}, cbasn1.UTF8String, 128},
	{[]string{"postalCode"}, asn1.ObjectIdentifier{2, 5, 4, 17}, cbasn1.UTF8String, 40},
	{[]string{"UID", "userId"}, asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, cbasn1.UTF8String, 256},
	{[]string{"DC", "domainComponent"}, asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, tagIA5, 63},
	{[]string{"emailAddress", "E"}, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, tagIA5, 255},
}

func typeOf(oid asn1.ObjectIdentifier) (attributeType, bool) {
	i := slices.IndexFunc(attributeTypes, func(a attributeType) bool { return a.oid.Equal(oid) })
	if i < 0 {
		return attributeType{}, false
	}
	return attributeTypes[i], true
}

// ParseName reads "C=JP, O=Example, CN=Root CA" in the order of encoding (country first; RFC 4514 writes the reverse).
// A comma, a backslash or a leading or trailing space of a value is escaped with a backslash. Types are the short
// names, the long names, or dotted object identifiers.
func ParseName(s string) (Name, error) {
	var n Name
	for _, part := range splitName(s) {
		key, value, found := strings.Cut(part, "=")
		if !found {
			return nil, fmt.Errorf("parsing name %q: %q is not of the form type=value", s, strings.TrimSpace(part))
		}
		oid, err := attributeOID(strings.TrimSpace(key))
		if err != nil {
			return nil, fmt.Errorf("parsing name %q: %w", s, err)
		}
		value, err = unescape(value)
		if err != nil {
			return nil, fmt.Errorf("parsing name %q: %w", s, err)
		}
		n = append(n, Attribute{oid, value})
	}
	if err := n.Check(); err != nil {
		return nil, fmt.Errorf("parsing name %q: %w", s, err)
	}
	return n, nil
}

// splitName cuts at commas that no backslash precedes.
func splitName(s string) []string {
	var parts []string
	start, escaped := 0, false
	for i := range len(s) {
		switch {
		case escaped:
			escaped = false
		case s[i] == '\\':
			escaped = true
		case s[i] == ',':
			parts, start = append(parts, s[start:i]), i+1
		}
	}
	return append(parts, s[start:])
}

func attributeOID(key string) (asn1.ObjectIdentifier, error) {
	for _, a := range attributeTypes {
		if slices.ContainsFunc(a.keys, func(k string) bool { return strings.EqualFold(k, key) }) {
			return a.oid, nil
		}
	}
	oid, err := certprofile.ParseOID(key)
	if err != nil {
		return nil, fmt.Errorf("attribute type %q is unknown", key)
	}
	return oid, nil
}

// unescape trims unescaped spaces and resolves backslashes.
func unescape(s string) (string, error) {
	s = strings.TrimLeft(s, " ")
	var b strings.Builder
	kept := 0 // length up to which trailing spaces stay
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' {
			if i++; i == len(s) {
				return "", errors.New("a value ends in a lone backslash")
			}
			b.WriteByte(s[i])
			kept = b.Len()
			continue
		}
		b.WriteByte(c)
		if c != ' ' {
			kept = b.Len()
		}
	}
	return b.String()[:kept], nil
}

// Check refuses an empty name and values that cannot or should not be encoded.
func (n Name) Check() error {
	if len(n) == 0 {
		return errors.New("the name is empty")
	}
	for _, a := range n {
		if err := a.check(); err != nil {
			return err
		}
	}
	return nil
}

func (a Attribute) check() error {
	t, known := typeOf(a.Type)
	name := a.Type.String()
	if known {
		name = t.keys[0]
	}
	switch {
	case a.Value == "":
		return fmt.Errorf("attribute %s is empty", name)
	case !utf8.ValidString(a.Value):
		return fmt.Errorf("attribute %s is not valid UTF-8", name)
	case strings.ContainsRune(a.Value, utf8.RuneError):
		return fmt.Errorf("attribute %s contains the replacement character U+FFFD: its text was damaged", name)
	case strings.ContainsFunc(a.Value, hidden):
		return fmt.Errorf("attribute %s contains a control or invisible formatting character: %+q", name, a.Value)
	case strings.TrimSpace(a.Value) != a.Value:
		return fmt.Errorf("attribute %s begins or ends with a space: %q", name, a.Value)
	case !known:
		return nil
	case utf8.RuneCountInString(a.Value) > t.max:
		return fmt.Errorf("attribute %s has %d characters, at most %d are allowed", name,
			utf8.RuneCountInString(a.Value), t.max)
	case t.tag == cbasn1.PrintableString && strings.ContainsFunc(a.Value, notPrintable):
		return fmt.Errorf("attribute %s is a PrintableString and cannot hold %q", name, a.Value)
	case t.tag == tagIA5 && strings.ContainsFunc(a.Value, func(r rune) bool { return r > 0x7e }):
		return fmt.Errorf("attribute %s is an IA5String and cannot hold %q", name, a.Value)
	case t.keys[0] == "C" && (len(a.Value) != 2 || strings.ToUpper(a.Value) != a.Value):
		return fmt.Errorf("attribute C is %q, want two capital letters (ISO 3166-1)", a.Value)
	}
	return nil
}

// hidden reports characters that make two names look alike or a terminal misbehave: C0 and C1 controls, bidirectional
// overrides and other format characters.
func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

func notPrintable(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune(" '()+,-./:=?", r)
}

// Marshal encodes the name.
func (n Name) Marshal() ([]byte, error) {
	if err := n.Check(); err != nil {
		return nil, fmt.Errorf("encoding name: %w", err)
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, a := range n {
			tag := cbasn1.UTF8String
			if t, ok := typeOf(a.Type); ok {
				tag = t.tag
			}
			b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(a.Type)
					b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(a.Value)) })
				})
			})
		}
	})
	return b.Bytes()
}

// String writes the form that ParseName reads.
func (n Name) String() string {
	parts := make([]string, len(n))
	for i, a := range n {
		key := a.Type.String()
		if t, ok := typeOf(a.Type); ok {
			key = t.keys[0]
		}
		parts[i] = key + "=" + strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace(a.Value)
	}
	return strings.Join(parts, ", ")
}
