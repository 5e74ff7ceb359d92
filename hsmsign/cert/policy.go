package cert

import (
	"encoding/asn1"
	"fmt"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"seihon/internal/certprofile"
)

var (
	oidCPS        = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 2, 1}
	oidUserNotice = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 2, 2}
)

func addOID(b *cryptobyte.Builder, s string) {
	oid, err := certprofile.ParseOID(s)
	if err != nil {
		b.SetError(err)
		return
	}
	b.AddASN1ObjectIdentifier(oid)
}

// addPolicies appends certificatePolicies; defaultCPS goes to the policies that name no CPS of their own.
func addPolicies(b *cryptobyte.Builder, list []certprofile.Policy, defaultCPS string) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, p := range list {
			cps := p.CPS
			if len(cps) == 0 && defaultCPS != "" {
				cps = []string{defaultCPS}
			}
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				addOID(b, p.OID)
				if len(cps) > 0 || p.Notice != "" {
					addQualifiers(b, cps, p.Notice)
				}
			})
		}
	})
}

// addQualifiers appends the two qualifiers of RFC 5280 section 4.2.1.4.
func addQualifiers(b *cryptobyte.Builder, cps []string, notice string) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, u := range cps {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidCPS)
				b.AddASN1(cbasn1.IA5String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(u)) })
			})
		}
		if notice == "" {
			return
		}
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidUserNotice)
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(notice)) })
			})
		})
	})
}

func addPolicyMappings(b *cryptobyte.Builder, list []certprofile.PolicyMapping) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, m := range list {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				addOID(b, m.Issuer)
				addOID(b, m.Subject)
			})
		}
	})
}

func addPolicyConstraints(b *cryptobyte.Builder, c *certprofile.PolicyConstraints) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for tag, skip := range []*int{c.RequireExplicitPolicy, c.InhibitPolicyMapping} {
			if skip != nil {
				b.AddASN1Int64WithTag(int64(*skip), primitive(uint8(tag)))
			}
		}
	})
}

func addNameConstraints(b *cryptobyte.Builder, c *certprofile.NameConstraints) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for tag, s := range []certprofile.Subtrees{c.Permitted, c.Excluded} {
			if !s.Empty() {
				b.AddASN1(constructed(uint8(tag)), func(b *cryptobyte.Builder) { addSubtrees(b, s) })
			}
		}
	})
}

// addSubtrees appends GeneralSubtrees in the order of the names' tags; minimum is the default 0, maximum absent.
func addSubtrees(b *cryptobyte.Builder, s certprofile.Subtrees) {
	subtree := func(value cryptobyte.BuilderContinuation) { b.AddASN1(cbasn1.SEQUENCE, value) }
	text := func(tag uint8, list []string) {
		for _, t := range list {
			subtree(func(b *cryptobyte.Builder) {
				b.AddASN1(primitive(tag), func(b *cryptobyte.Builder) { b.AddBytes([]byte(t)) })
			})
		}
	}
	text(tagEmail, s.Email)
	text(tagDNS, s.DNS)
	for _, t := range s.Directory {
		n, err := ParseName(t)
		if err != nil {
			b.SetError(err)
			return
		}
		subtree(func(b *cryptobyte.Builder) { addDirectoryName(b, n) })
	}
	text(tagURI, s.URI)
	for _, t := range s.IP {
		p, err := netip.ParsePrefix(t)
		if err != nil {
			b.SetError(fmt.Errorf("parsing subtree %q: %w", t, err))
			return
		}
		subtree(func(b *cryptobyte.Builder) {
			b.AddASN1(primitive(tagIP), func(b *cryptobyte.Builder) {
				b.AddBytes(p.Addr().AsSlice())
				b.AddBytes(mask(p))
			})
		})
	}
}

// mask returns the netmask that follows the address in an iPAddress constraint.
func mask(p netip.Prefix) []byte {
	m := make([]byte, p.Addr().BitLen()/8)
	for i := range p.Bits() {
		m[i/8] |= 0x80 >> (i % 8)
	}
	return m
}
