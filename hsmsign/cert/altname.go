package cert

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// AlternativeNames are the forms of subjectAltName that are issued (RFC 5280 section 4.2.1.6). Directory holds names in
// another script or spelling, as Japanese CAs carry the subscriber's name in kanji.
type AlternativeNames struct {
	Email, DNS, URI []string
	Directory       []Name
	IP              []netip.Addr
}

// Tags of GeneralName.
const (
	tagOther = 0
	tagEmail = 1
	tagDNS   = 2
	tagDir   = 4
	tagURI   = 6
	tagIP    = 7
)

func primitive(n uint8) cbasn1.Tag   { return cbasn1.Tag(n).ContextSpecific() }
func constructed(n uint8) cbasn1.Tag { return primitive(n).Constructed() }

// Empty reports whether there is no name.
func (a AlternativeNames) Empty() bool {
	return len(a.Email)+len(a.DNS)+len(a.URI)+len(a.Directory)+len(a.IP) == 0
}

// Check refuses names that must not be in a certificate.
func (a AlternativeNames) Check() error {
	for _, s := range a.Email {
		local, host, found := strings.Cut(s, "@")
		if !found || local == "" || !dnsName(host, false) || !visibleASCII(s) {
			return fmt.Errorf("alternative name %q is not an ASCII mailbox (RFC 5280 section 4.2.1.6)", s)
		}
	}
	for _, s := range a.DNS {
		if !dnsName(s, true) {
			return fmt.Errorf("alternative name %q is not a DNS name in preferred syntax", s)
		}
	}
	for _, s := range a.URI {
		u, err := url.Parse(s)
		if err != nil || !u.IsAbs() || !visibleASCII(s) || u.Host == "" && u.Opaque == "" {
			return fmt.Errorf("alternative name %q is not an absolute ASCII URI", s)
		}
	}
	for _, n := range a.Directory {
		if err := n.Check(); err != nil {
			return fmt.Errorf("alternative directory name: %w", err)
		}
	}
	return nil
}

// addTo appends the GeneralNames in the order of their tags.
func (a AlternativeNames) addTo(b *cryptobyte.Builder) {
	text := func(tag uint8, list []string) {
		for _, s := range list {
			b.AddASN1(primitive(tag), func(b *cryptobyte.Builder) { b.AddBytes([]byte(s)) })
		}
	}
	text(tagEmail, a.Email)
	text(tagDNS, a.DNS)
	for _, n := range a.Directory {
		addDirectoryName(b, n)
	}
	text(tagURI, a.URI)
	for _, ip := range a.IP {
		b.AddASN1(primitive(tagIP), func(b *cryptobyte.Builder) { b.AddBytes(ip.Unmap().AsSlice()) })
	}
}

// addDirectoryName appends a directoryName; its tag is explicit because Name is a CHOICE.
func addDirectoryName(b *cryptobyte.Builder, n Name) {
	der, err := n.Marshal()
	if err != nil {
		b.SetError(err)
		return
	}
	b.AddASN1(constructed(tagDir), func(b *cryptobyte.Builder) { b.AddBytes(der) })
}

// unmarshalAlternativeNames decodes the extension strictly: a form that would be lost in reissuing is refused.
func unmarshalAlternativeNames(der []byte) (AlternativeNames, error) {
	var a AlternativeNames
	in := cryptobyte.String(der)
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() || seq.Empty() {
		return a, errors.New("not one DER sequence of names")
	}
	for !seq.Empty() {
		var value cryptobyte.String
		var tag cbasn1.Tag
		if !seq.ReadAnyASN1(&value, &tag) {
			return a, errors.New("malformed name")
		}
		switch tag {
		case primitive(tagEmail):
			a.Email = append(a.Email, string(value))
		case primitive(tagDNS):
			a.DNS = append(a.DNS, string(value))
		case primitive(tagURI):
			a.URI = append(a.URI, string(value))
		case primitive(tagIP):
			ip, ok := netip.AddrFromSlice(value)
			if !ok {
				return a, fmt.Errorf("an IP address has %d octets, want 4 or 16", len(value))
			}
			a.IP = append(a.IP, ip)
		case constructed(tagDir):
			n, err := UnmarshalName(value)
			if err != nil {
				return a, err
			}
			a.Directory = append(a.Directory, n)
		default:
			return a, fmt.Errorf("name form with tag %#x is not issued; use e-mail, DNS, URI, IP or directory names",
				uint8(tag))
		}
	}
	return a, a.Check()
}

func visibleASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// dnsName reports whether s is a host name of RFC 1123 section 2.1, with one leading wildcard label where allowed.
func dnsName(s string, wildcard bool) bool {
	if wildcard {
		s = strings.TrimPrefix(s, "*.")
	}
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		bad := func(r rune) bool {
			return !(r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
		}
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, bad) {
			return false
		}
	}
	return true
}
