package sectiona

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"

	"seihon/artifact"
)

// trust returns the policy's trust set, or an empty one, which trusts nobody.
func (p *Policy) trust() *artifact.Trust {
	if p.Trust == nil {
		return artifact.NewTrust(nil, nil)
	}
	return p.Trust
}

// signedBy reports whether issuer, by name and key, signed c.
func signedBy(c, issuer *x509.Certificate) bool {
	return artifact.CheckIssued(c, issuer) == nil
}

func signedByAny(c *x509.Certificate, issuers []*x509.Certificate) bool {
	return slices.ContainsFunc(issuers, func(i *x509.Certificate) bool { return signedBy(c, i) })
}

// same reports whether two certificates are of one name and one key.
func same(a, b *x509.Certificate) bool {
	return artifact.SameName(a.RawSubject, b.RawSubject) &&
		bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
}

func caCertificate(p *Policy, a *artifact.Artifact, _ Evidence) string {
	return p.authority(a.Certificates[0])
}

// authority explains why c is not a CA of this hierarchy, or returns "".
func (p *Policy) authority(c *x509.Certificate) string {
	issuers := p.trust().Issuers()
	if !c.IsCA || !c.BasicConstraintsValid {
		return "it is not a CA certificate"
	}
	if bytes.Equal(c.RawIssuer, c.RawSubject) {
		// The signature of a self-signed certificate says nothing; its name and key must be known already.
		if !slices.ContainsFunc(issuers, func(i *x509.Certificate) bool { return same(c, i) }) {
			return fmt.Sprintf("the self-signed CA %q is not pinned", c.Subject.String())
		}
	}
	if !signedByAny(c, issuers) {
		return fmt.Sprintf("the CA %q does not chain to a pinned anchor", c.Subject.String())
	}
	return p.irregular(c)
}

func linkCertificate(p *Policy, a *artifact.Artifact, _ Evidence) string {
	c := a.Certificates[0]
	switch {
	case !bytes.Equal(c.RawIssuer, c.RawSubject):
		return "its issuer and subject are not the same CA"
	case !c.IsCA || !c.BasicConstraintsValid:
		return "it is not a CA certificate"
	case signedBy(c, c):
		return "it links a key with itself"
	case !signedByAny(c, p.trust().Issuers()):
		return "neither the old nor the new key of this CA signed it"
	}
	return p.irregular(c)
}

func crossCertificate(p *Policy, a *artifact.Artifact, _ Evidence) string {
	return p.cross(a.Certificates[0])
}

// cross accepts both directions: this CA certified the partner, or the partner certified this CA.
func (p *Policy) cross(c *x509.Certificate) string {
	issuers, partners := p.trust().Issuers(), p.trust().Partners()
	isOne := func(of []*x509.Certificate) bool {
		return slices.ContainsFunc(of, func(i *x509.Certificate) bool { return same(c, i) })
	}
	switch {
	case !c.IsCA || !c.BasicConstraintsValid:
		return "it is not a CA certificate"
	case isOne(partners) && signedByAny(c, issuers), isOne(issuers) && signedByAny(c, partners):
		return p.irregular(c)
	}
	return fmt.Sprintf("no pinned partner stands on one side of it (issuer %q, subject %q)", c.Issuer.String(),
		c.Subject.String())
}

func subscriber(p *Policy, a *artifact.Artifact, _ Evidence) string {
	c := a.Certificates[0]
	serial := artifact.SerialBytes(c)
	if p.SubscriberConsent != nil {
		if id, ok := p.SubscriberConsent(serial); ok && id != "" {
			if signedByAny(c, p.trust().Issuers()) {
				return p.irregular(c)
			}
			return "no CA of this hierarchy issued it"
		}
	}
	return fmt.Sprintf("there is no recorded consent to publish the certificate with serial number %x", serial)
}

func ocspSigner(p *Policy, a *artifact.Artifact, _ Evidence) string {
	if signedByAny(a.Certificates[0], p.trust().Issuers()) {
		return p.irregular(a.Certificates[0])
	}
	return "no CA of this hierarchy issued it"
}

func hasNoCheck(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.String() == "1.3.6.1.5.5.7.48.1.5" { // RFC 6960 section 4.2.2.2.1
			return true
		}
	}
	return false
}

func bundle(p *Policy, a *artifact.Artifact, _ Evidence) string {
	for i, c := range a.Certificates {
		if p.authority(c) == "" || p.cross(c) == "" {
			continue
		}
		return fmt.Sprintf("certificate %d, %q, is neither of a CA of this hierarchy nor a cross certificate", i,
			c.Subject.String())
	}
	return ""
}

func opaque(_ *Policy, a *artifact.Artifact, _ Evidence) string { return a.Problem }

// document checks a document's embedded and detached signatures, and a signature by itself as far as that goes. An
// unsigned document is allowed: the ledger covers it, and Warnings says so.
func document(p *Policy, a *artifact.Artifact, ev Evidence) string {
	if a.Kind == artifact.DocumentSignature {
		return p.signature(a.Signature, ev.Document)
	}
	signers, err := artifact.VerifyDocument(a.Bytes)
	if err != nil {
		return err.Error()
	}
	for _, s := range signers {
		if reason := p.bound(s); reason != "" {
			return reason
		}
	}
	if ev.Signature == nil {
		return ""
	}
	if ev.Signature.Signature == nil {
		return fmt.Sprintf("what is published as its signature is a %s", ev.Signature.Kind)
	}
	return p.signature(ev.Signature.Signature, a.Bytes)
}

func (p *Policy) signature(s *artifact.SignedData, content []byte) string {
	if content == nil {
		signers, err := s.SignerCertificates()
		if err != nil {
			return err.Error()
		}
		return p.boundAll(signers)
	}
	signers, err := s.Verify(content)
	if err != nil {
		return err.Error()
	}
	return p.boundAll(signers)
}

func (p *Policy) boundAll(signers []*x509.Certificate) string {
	for _, s := range signers {
		if reason := p.bound(s); reason != "" {
			return reason
		}
	}
	return ""
}

// bound explains why a document's signer is not bound to the CA: it is neither one of the CAs nor certified by one to
// sign documents.
func (p *Policy) bound(c *x509.Certificate) string {
	issuers := p.trust().Issuers()
	if slices.ContainsFunc(issuers, func(i *x509.Certificate) bool { return same(c, i) }) {
		return ""
	}
	if signedByAny(c, issuers) {
		return p.signsDocuments(c)
	}
	return fmt.Sprintf("its signer %q is not certified by a CA of this hierarchy", c.Subject.String())
}
