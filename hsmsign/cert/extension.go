package cert

import (
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"seihon/internal/certprofile"
)

// extension is one extension whose value a function appends.
type extension struct {
	oid      asn1.ObjectIdentifier
	critical bool
	value    cryptobyte.BuilderContinuation
}

var (
	oidSubjectKeyID      = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidKeyUsage          = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidBasicConstraints  = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidNameConstraints   = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidCRLDistribution   = asn1.ObjectIdentifier{2, 5, 29, 31}
	oidPolicies          = asn1.ObjectIdentifier{2, 5, 29, 32}
	oidPolicyMappings    = asn1.ObjectIdentifier{2, 5, 29, 33}
	oidAuthorityKeyID    = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidPolicyConstraints = asn1.ObjectIdentifier{2, 5, 29, 36}
	oidExtendedKeyUsage  = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidFreshestCRL       = asn1.ObjectIdentifier{2, 5, 29, 46}
	oidInhibitAnyPolicy  = asn1.ObjectIdentifier{2, 5, 29, 54}
	oidAuthorityInfo     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}
	oidOCSP              = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1}
	oidCAIssuers         = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 2}
	oidOCSPNoCheck       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
)

// extensions returns the extensions in the order of RFC 5280 section 4.2.1, then 4.2.2, then id-pkix-ocsp-nocheck.
func (d *draft) extensions() ([]extension, error) {
	p, u := d.profile, d.urls
	list := []extension{
		{oidAuthorityKeyID, false, d.addAuthorityKeyID},
		{oidSubjectKeyID, false, func(b *cryptobyte.Builder) { b.AddASN1OctetString(d.keyID) }},
		{oidKeyUsage, true, func(b *cryptobyte.Builder) { addKeyUsage(b, p) }},
	}
	add := func(when bool, oid asn1.ObjectIdentifier, critical bool, value cryptobyte.BuilderContinuation) {
		if when {
			list = append(list, extension{oid, critical, value})
		}
	}
	add(len(p.Policies) > 0, oidPolicies, p.PoliciesCritical,
		func(b *cryptobyte.Builder) { addPolicies(b, p.Policies, u.CPS) })
	// RFC 5280 section 4.2.1.5: SHOULD be critical. OpenSSL, Java, NSS and Go process it; GnuTLS 3.7 knows neither this
	// nor policyConstraints, whose criticality is a MUST, and refuses such bridges whatever is written here.
	add(len(p.PolicyMappings) > 0, oidPolicyMappings, true,
		func(b *cryptobyte.Builder) { addPolicyMappings(b, p.PolicyMappings) })
	add(!d.alternative.Empty(), oidSubjectAltName, false,
		func(b *cryptobyte.Builder) { b.AddASN1(cbasn1.SEQUENCE, d.alternative.addTo) })
	add(true, oidBasicConstraints, true, func(b *cryptobyte.Builder) { addBasicConstraints(b, p) })
	add(p.NameConstraints != nil, oidNameConstraints, true,
		func(b *cryptobyte.Builder) { addNameConstraints(b, p.NameConstraints) })
	add(p.PolicyConstraints != nil, oidPolicyConstraints, true,
		func(b *cryptobyte.Builder) { addPolicyConstraints(b, p.PolicyConstraints) })
	usages, err := extendedKeyUsages(p)
	if err != nil {
		return nil, err
	}
	add(len(usages) > 0, oidExtendedKeyUsage, false, func(b *cryptobyte.Builder) { addOIDs(b, usages) })
	add(len(u.CRL) > 0, oidCRLDistribution, false, func(b *cryptobyte.Builder) { addDistributionPoint(b, u.CRL) })
	add(p.InhibitAnyPolicy != nil, oidInhibitAnyPolicy, true,
		func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(*p.InhibitAnyPolicy)) })
	add(len(u.DeltaCRL) > 0, oidFreshestCRL, false, func(b *cryptobyte.Builder) { addDistributionPoint(b, u.DeltaCRL) })
	add(len(u.OCSP)+len(u.CAIssuers) > 0, oidAuthorityInfo, false,
		func(b *cryptobyte.Builder) { addAuthorityInfo(b, u) })
	add(p.Kind == certprofile.OCSPSigner, oidOCSPNoCheck, false, func(b *cryptobyte.Builder) { b.AddASN1NULL() })
	return list, nil
}

// keyID is method 1 of RFC 7093 section 2: 160 bits of SHA-256, so that nothing new depends on SHA-1.
func keyID(publicKeyBits []byte) []byte {
	sum := sha256.Sum256(publicKeyBits)
	return sum[:20]
}

func (d *draft) addAuthorityKeyID(b *cryptobyte.Builder) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(primitive(0), func(b *cryptobyte.Builder) { b.AddBytes(d.issuerKeyID) })
	})
}

// addKeyUsage encodes the named bit list: trailing zero bits are removed (X.690 section 11.2.2).
func addKeyUsage(b *cryptobyte.Builder, p *certprofile.Profile) {
	names := p.KeyUsage
	if len(names) == 0 {
		names = []string{"digitalSignature"}
		if p.Kind.CA() {
			names = []string{"keyCertSign", "cRLSign"}
		}
	}
	var bits [2]byte
	last := 0
	for _, n := range names {
		i := slices.Index(certprofile.KeyUsages, n)
		bits[i/8] |= 0x80 >> (i % 8)
		last = max(last, i)
	}
	b.AddASN1(cbasn1.BIT_STRING, func(b *cryptobyte.Builder) {
		b.AddUint8(uint8(7 - last%8))
		b.AddBytes(bits[:last/8+1])
	})
}

// addBasicConstraints appends cA=TRUE and the path length, or the empty sequence: DER leaves the default FALSE out.
func addBasicConstraints(b *cryptobyte.Builder, p *certprofile.Profile) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if !p.Kind.CA() {
			return
		}
		b.AddASN1Boolean(true)
		if p.PathLength != nil {
			b.AddASN1Int64(int64(*p.PathLength))
		}
	})
}

func extendedKeyUsages(p *certprofile.Profile) ([]asn1.ObjectIdentifier, error) {
	names := p.ExtendedKeyUsage
	if p.Kind == certprofile.OCSPSigner {
		names = []string{"OCSPSigning"} // RFC 6960 section 4.2.2.2
	}
	var list []asn1.ObjectIdentifier
	for _, n := range names {
		oid, err := certprofile.ParseExtendedKeyUsage(n)
		if err != nil {
			return nil, fmt.Errorf("building extended key usage: %w", err)
		}
		list = append(list, oid)
	}
	return list, nil
}

func addOIDs(b *cryptobyte.Builder, list []asn1.ObjectIdentifier) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, oid := range list {
			b.AddASN1ObjectIdentifier(oid)
		}
	})
}

// addDistributionPoint appends one point whose fullName lists the URLs: alternatives for the same list, as RFC 5280
// section 4.2.1.13 wants, not several points.
func addDistributionPoint(b *cryptobyte.Builder, urls []string) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(constructed(0), func(b *cryptobyte.Builder) { // distributionPoint
				b.AddASN1(constructed(0), func(b *cryptobyte.Builder) { // fullName
					for _, u := range urls {
						addURI(b, u)
					}
				})
			})
		})
	})
}

func addURI(b *cryptobyte.Builder, u string) {
	b.AddASN1(primitive(tagURI), func(b *cryptobyte.Builder) { b.AddBytes([]byte(u)) })
}

func addAuthorityInfo(b *cryptobyte.Builder, u URLs) {
	access := func(b *cryptobyte.Builder, method asn1.ObjectIdentifier, urls []string) {
		for _, s := range urls {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(method)
				addURI(b, s)
			})
		}
	}
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		access(b, oidOCSP, u.OCSP)
		access(b, oidCAIssuers, u.CAIssuers)
	})
}
