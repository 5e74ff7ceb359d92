package verify

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"seihon/artifact"
	"seihon/verify/report"
)

// checkMeaning looks at the repository as a whole: what Rule 6 wants to be public is there, deltas have their base, and
// the URLs inside certificates and lists lead to the right artifacts.
func (c *checker) checkMeaning(ctx context.Context) error {
	c.checkRequired()
	c.checkDeltas()
	c.checkPages()
	if c.BaseURL == "" {
		return ctx.Err()
	}
	for _, k := range c.status.certs {
		if issuer := c.issuerOf(k.cert); issuer != nil { // a partner's certificates have the partner's URLs
			c.checkCertificateURLs(k, issuer)
		}
	}
	for _, l := range c.status.lists {
		c.checkListURLs(l)
	}
	return ctx.Err()
}

// issuerOf finds the trusted issuer that signed a certificate.
func (c *checker) issuerOf(cert *x509.Certificate) *x509.Certificate {
	for _, i := range c.trust.IssuersByName(cert.RawIssuer) {
		if i.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil {
			return i
		}
	}
	return nil
}

// checkRequired wants the certificate of every anchor, a list of every CA that has not expired, and a CP or CPS
// (Rule 6, items 9, 11 and 13).
func (c *checker) checkRequired() {
	missing := func(name, detail string) {
		c.Found(report.Finding{Code: "required-missing", Source: report.SourceMaster, Name: name, Detail: detail})
	}
	for _, a := range c.trust.Anchors() {
		if !slices.ContainsFunc(c.status.certs, func(k keptCert) bool { return issuerKey(k.cert) == issuerKey(a) }) {
			missing(a.Subject.String(), "the certificate of the anchor")
		}
	}
	for _, k := range c.status.certs {
		own := k.kind == artifact.CACertificate && c.issuerOf(k.cert) != nil
		if own && !c.now.After(k.cert.NotAfter) && c.status.revoked[issuerKey(k.cert)] == nil {
			missing(k.name, "a current revocation list of this CA")
		}
	}
	for line := range c.state.All() {
		if line.Kind == artifact.Document {
			return
		}
	}
	missing("", "a CP or CPS document")
}

// checkDeltas wants the complete list that a delta builds on to be public, or a newer one.
func (c *checker) checkDeltas() {
	for _, d := range c.status.lists {
		if d.list.BaseNumber == nil {
			continue
		}
		if !slices.ContainsFunc(c.status.lists, func(l keptList) bool {
			return l.list.BaseNumber == nil && bytes.Equal(l.list.RawIssuer, d.list.RawIssuer) &&
				l.list.Number.Cmp(d.list.BaseNumber) >= 0
		}) {
			c.Found(report.Finding{Code: "delta-base", Source: report.SourceMaster, Name: d.name,
				Want: "a complete list numbered " + d.list.BaseNumber.String() + " or more"})
		}
	}
}

// public returns the public name that a URL leads to: of an alias, its artifact's. ok is false when the URL leads
// elsewhere.
func (c *checker) public(raw string) (name string, ok bool) {
	for _, base := range append([]string{c.BaseURL}, c.OtherURLs...) {
		if rest, ok := strings.CutPrefix(raw, strings.TrimSuffix(base, "/")+"/"); ok {
			name, err := url.PathUnescape(rest)
			return c.artifactOf(name), err == nil
		}
	}
	return "", false
}

// answers reports whether a URL is an address of the responder.
func (c *checker) answers(raw string) bool {
	raw = strings.TrimSuffix(raw, "/")
	for _, base := range append([]string{c.BaseURL}, c.OtherURLs...) {
		if raw == strings.TrimSuffix(strings.TrimSuffix(base, "/")+c.OCSPPath, "/") {
			return true
		}
	}
	return slices.ContainsFunc(c.OCSPURLs, func(u string) bool { return raw == strings.TrimSuffix(u, "/") })
}

// checkURL reports where a URL goes wrong. expect explains what is wrong with the version under the name, or returns
// "".
func (c *checker) checkURL(from, what, raw string, severity report.Severity, expect func(v *version) string) {
	f := report.Finding{Severity: severity, Source: report.SourceMaster, Name: from, Got: raw}
	name, ok := c.public(raw)
	if !ok {
		f.Code, f.Detail = "url-elsewhere", what
		if severity == "" {
			f.Severity = report.Warning
		}
		c.Found(f)
		return
	}
	vs := c.past.byName[name]
	if len(vs) == 0 || !vs[len(vs)-1].current {
		f.Code, f.Detail = "url-missing", what
		c.Found(f)
		return
	}
	if reason := expect(vs[len(vs)-1]); reason != "" {
		f.Code, f.Detail = "url-wrong", what+": "+reason
		c.Found(f)
	}
}

func (c *checker) checkCertificateURLs(k keptCert, issuer *x509.Certificate) {
	for _, u := range k.cert.CRLDistributionPoints {
		c.checkURL(k.name, "CRL distribution point", u, "",
			func(v *version) string { return c.expectList(v, u, k.cert, issuer) })
	}
	for _, u := range k.cert.IssuingCertificateURL {
		c.checkURL(k.name, "CA issuers", u, "", func(v *version) string { return c.expectIssuer(v, issuer) })
	}
	for _, u := range k.cert.OCSPServer {
		if want := strings.TrimSuffix(c.BaseURL, "/") + c.OCSPPath; !c.answers(u) {
			c.Found(report.Finding{Code: "url-elsewhere", Source: report.SourceMaster, Name: k.name, Want: want, Got: u,
				Detail: "OCSP responder"})
		}
	}
	for _, u := range cpsURLs(k.cert) {
		c.checkURL(k.name, "CPS", u, report.Warning, func(*version) string { return "" })
	}
}

// expectList explains why the list under a name is not the one that a relying party with cert needs.
func (c *checker) expectList(v *version, raw string, cert, issuer *x509.Certificate) string {
	l := c.status.named[v.Name]
	switch {
	case l == nil || l.delta:
		return "it is no complete revocation list"
	case l.issuer != issuerKey(issuer):
		return "the issuer of the certificate did not sign the list"
	case l.idp == nil:
		return ""
	case len(l.idp.URIs) > 0 && !slices.Contains(l.idp.URIs, raw):
		return "the list's issuing distribution point has another URL (RFC 5280 section 6.3.3)"
	case l.idp.OnlyCA && !cert.IsCA, l.idp.OnlyUser && cert.IsCA, l.idp.OnlyAttribute:
		return "the list's scope does not cover the certificate"
	}
	return ""
}

func (c *checker) expectIssuer(v *version, issuer *x509.Certificate) string {
	for _, k := range c.status.certs {
		if k.name == v.Name {
			if issuerKey(k.cert) == issuerKey(issuer) {
				return ""
			}
			return "it is the certificate of " + k.cert.Subject.String()
		}
	}
	if v.Kind == artifact.CertificateBundle {
		return ""
	}
	return "it is a " + string(v.Kind)
}

// checkListURLs checks where a list says it is, and where its delta is.
func (c *checker) checkListURLs(k keptList) {
	own := issuerKey(k.issuer)
	if k.list.IDP != nil {
		for _, u := range k.list.IDP.URIs {
			c.checkURL(k.name, "issuing distribution point", u, "", func(v *version) string {
				if l := c.status.named[v.Name]; l == nil || l.issuer != own {
					return "it is no list of this issuer"
				}
				return ""
			})
		}
	}
	for _, u := range k.list.FreshestCRL {
		c.checkURL(k.name, "freshest CRL", u, "", func(v *version) string {
			if l := c.status.named[v.Name]; l == nil || !l.delta || l.issuer != own {
				return "it is no delta list of this issuer"
			}
			return ""
		})
	}
}

// cpsURLs returns the URIs of the CPS qualifiers in a certificate's policies.
func cpsURLs(cert *x509.Certificate) []string {
	var urls []string
	for _, e := range cert.Extensions {
		if e.Id.String() == "2.5.29.32" {
			urls = append(urls, policyURLs(e.Value)...)
		}
	}
	return urls
}

// policyURLs reads CertificatePolicies as far as it is well formed (RFC 5280 section 4.2.1.4).
func policyURLs(der []byte) []string {
	const cps = "\x2b\x06\x01\x05\x05\x07\x02\x01" // 1.3.6.1.5.5.7.2.1
	var urls []string
	in := cryptobyte.String(der)
	var policies cryptobyte.String
	if !in.ReadASN1(&policies, cbasn1.SEQUENCE) {
		return nil
	}
	for !policies.Empty() {
		var policy, qualifiers cryptobyte.String
		var has bool
		if !policies.ReadASN1(&policy, cbasn1.SEQUENCE) || !policy.SkipASN1(cbasn1.OBJECT_IDENTIFIER) ||
			!policy.ReadOptionalASN1(&qualifiers, &has, cbasn1.SEQUENCE) {
			return urls
		}
		for !qualifiers.Empty() {
			var q, oid, uri cryptobyte.String
			if !qualifiers.ReadASN1(&q, cbasn1.SEQUENCE) || !q.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) {
				return urls
			}
			if string(oid) == cps && q.ReadASN1(&uri, cbasn1.IA5String) {
				urls = append(urls, string(uri))
			}
		}
	}
	return urls
}

// describe names a version in a finding.
func describe(v *version) string { return fmt.Sprintf("%s (entry %d)", v.Name, v.index) }
