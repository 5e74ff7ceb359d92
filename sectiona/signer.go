package sectiona

import (
	"crypto/x509"
	"fmt"

	"seihon/artifact"
)

// A DocumentSigner says which certificates of this CA may sign its documents. A subscriber of the CA has a certificate
// of the same CA, so that being certified by it is not enough.
type DocumentSigner struct {
	// CommonName is that of the subject. It counts when neither a usage nor a policy is named.
	CommonName string
	// Usage is the OID of an extended key usage that the certificate must have; empty = not asked.
	Usage string
	// Policy is the OID of a certificate policy that it must have; empty = not asked.
	Policy string
}

// Is reports whether c would be taken for a document signer's certificate.
func (d *DocumentSigner) Is(c *x509.Certificate) bool { return d != nil && d.refuses(c) == "" }

// refuses explains why c is not a document signer's certificate, or returns "".
func (d *DocumentSigner) refuses(c *x509.Certificate) string {
	switch {
	case d.Usage != "" && !hasUsage(c, d.Usage):
		return fmt.Sprintf("its signer %q is no document signer: the certificate lacks the extended key usage %s",
			c.Subject.String(), d.Usage)
	case d.Policy != "" && !hasPolicy(c, d.Policy):
		return fmt.Sprintf("its signer %q is no document signer: the certificate lacks the policy %s",
			c.Subject.String(), d.Policy)
	case d.Usage == "" && d.Policy == "" && c.Subject.CommonName != d.CommonName:
		return fmt.Sprintf("its signer %q is not the document signer %q of the configuration", c.Subject.String(),
			d.CommonName)
	}
	return ""
}

// extUsages are the usages that crypto/x509 does not list among the unknown ones, and that a document signer could
// have.
var extUsages = map[string]x509.ExtKeyUsage{
	"2.5.29.37.0": x509.ExtKeyUsageAny, "1.3.6.1.5.5.7.3.3": x509.ExtKeyUsageCodeSigning,
	"1.3.6.1.5.5.7.3.4": x509.ExtKeyUsageEmailProtection, "1.3.6.1.5.5.7.3.2": x509.ExtKeyUsageClientAuth,
}

func hasUsage(c *x509.Certificate, oid string) bool {
	for _, u := range c.UnknownExtKeyUsage {
		if u.String() == oid {
			return true
		}
	}
	known, ok := extUsages[oid]
	for _, u := range c.ExtKeyUsage {
		if ok && u == known {
			return true
		}
	}
	return false
}

func hasPolicy(c *x509.Certificate, oid string) bool {
	for _, p := range c.Policies {
		if p.String() == oid {
			return true
		}
	}
	return false
}

// signsDocuments explains why an end entity's certificate of this CA may not sign documents, or returns "".
// Certificates for another purpose may not, whatever the configuration names.
func (p *Policy) signsDocuments(c *x509.Certificate) string {
	const signs = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	switch {
	case artifact.IsOCSPSigner(c):
		return fmt.Sprintf("its signer %q is a certificate for OCSP responses", c.Subject.String())
	case c.KeyUsage != 0 && c.KeyUsage&signs == 0:
		return fmt.Sprintf("its signer %q has a key that is not for signatures on documents", c.Subject.String())
	case p.DocumentSigner != nil:
		return p.DocumentSigner.refuses(c)
	}
	return ""
}
