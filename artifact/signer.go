package artifact

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// PublicKeyHash returns OCSP's issuerKeyHash of cert: the hash of the subjectPublicKey BIT STRING without tag, length
// and number of unused bits (RFC 6960 section 4.1.1). It returns nil when the hash is not available.
func PublicKeyHash(cert *x509.Certificate, h crypto.Hash) []byte {
	spki := cryptobyte.String(cert.RawSubjectPublicKeyInfo)
	var seq, alg cryptobyte.String
	var key []byte
	if !h.Available() || !spki.ReadASN1(&seq, cbasn1.SEQUENCE) || !seq.ReadASN1(&alg, cbasn1.SEQUENCE) ||
		!seq.ReadASN1BitStringAsBytes(&key) {
		return nil
	}
	d := h.New()
	d.Write(key)
	return d.Sum(nil)
}

// NameHash returns OCSP's issuerNameHash for certificates issued by cert: the hash of its DER subject.
func NameHash(cert *x509.Certificate, h crypto.Hash) []byte {
	if !h.Available() {
		return nil
	}
	d := h.New()
	d.Write(cert.RawSubject)
	return d.Sum(nil)
}

// Names reports whether id speaks of certificates of issuer: both hashes fit.
func (id CertID) Names(issuer *x509.Certificate) bool {
	return len(id.IssuerKeyHash) > 0 && bytes.Equal(id.IssuerKeyHash, PublicKeyHash(issuer, id.Hash)) &&
		bytes.Equal(id.IssuerNameHash, NameHash(issuer, id.Hash))
}

// IsOCSPSigner reports whether cert carries the extended key usage of a delegated OCSP responder and is not a CA.
func IsOCSPSigner(cert *x509.Certificate) bool {
	return !cert.IsCA && slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning)
}

// CheckSignatureFrom verifies that r was signed by issuer itself or by an embedded delegate that issuer issued for OCSP
// signing (RFC 6960 section 4.2.2.2), that the responder ID names the signer, and that every CertID names issuer.
func (r *Response) CheckSignatureFrom(issuer *x509.Certificate) error {
	for _, s := range r.Singles {
		if !s.CertID.Names(issuer) {
			return fmt.Errorf("checking OCSP response: the CertID of serial %x does not name %q", s.CertID.Serial,
				issuer.Subject.String())
		}
	}
	_, err := r.signedBy(issuer, stateless{})
	return err
}

// A signerChecks is what must be found out about a signer; a Trust remembers it.
type signerChecks interface {
	checkDelegate(cert, issuer *x509.Certificate) error
	keyHash(cert *x509.Certificate) []byte // SHA-1
	checkSignature(signer *x509.Certificate, alg x509.SignatureAlgorithm, signed, signature []byte) error
}

// stateless finds everything out anew.
type stateless struct{}

func (stateless) keyHash(cert *x509.Certificate) []byte { return PublicKeyHash(cert, crypto.SHA1) }

func (stateless) checkSignature(signer *x509.Certificate, alg x509.SignatureAlgorithm, signed, signature []byte) error {
	return checkSignature(signer, alg, signed, signature)
}

// signedBy returns who signed r for issuer, which every CertID is known to name.
func (r *Response) signedBy(issuer *x509.Certificate, checks signerChecks) (*x509.Certificate, error) {
	signer, err := r.signer(issuer, checks)
	if err != nil {
		return nil, fmt.Errorf("checking OCSP response: %w", err)
	}
	if err := checks.checkSignature(signer, r.SignatureAlgorithm, r.RawTBS, r.Signature); err != nil {
		return nil, fmt.Errorf("checking OCSP response: %w", err)
	}
	return signer, nil
}

// signer finds the certificate the responder ID speaks of and makes sure that it may sign for issuer.
func (r *Response) signer(issuer *x509.Certificate, checks signerChecks) (*x509.Certificate, error) {
	if r.isResponder(issuer, checks) {
		return issuer, nil
	}
	for _, c := range r.Certificates {
		if !r.isResponder(c, checks) {
			continue
		}
		if err := checks.checkDelegate(c, issuer); err != nil {
			return nil, err
		}
		if r.ProducedAt.Before(c.NotBefore) || r.ProducedAt.After(c.NotAfter) {
			return nil, fmt.Errorf("the delegate %q was not valid when the response was produced", c.Subject.String())
		}
		return c, nil
	}
	return nil, errors.New("the responder ID names neither the issuer nor an embedded certificate")
}

func (r *Response) isResponder(c *x509.Certificate, checks signerChecks) bool {
	if r.ResponderKeyHash != nil {
		return bytes.Equal(r.ResponderKeyHash, checks.keyHash(c))
	}
	return bytes.Equal(r.ResponderName, c.RawSubject)
}

// checkDelegate verifies that issuer itself made cert an OCSP responder.
func (stateless) checkDelegate(cert, issuer *x509.Certificate) error {
	if !IsOCSPSigner(cert) {
		return fmt.Errorf("%q has no extended key usage for OCSP signing", cert.Subject.String())
	}
	if !bytes.Equal(cert.RawIssuer, issuer.RawSubject) {
		return fmt.Errorf("the delegate %q was not issued by %q", cert.Subject.String(), issuer.Subject.String())
	}
	if err := checkSignature(issuer, cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
		return fmt.Errorf("the delegate %q: %w", cert.Subject.String(), err)
	}
	return nil
}

// A CertificateCache parses responses and keeps the certificates embedded in them, because a million pre-signed
// responses embed the same few delegates. It is safe for concurrent use.
type CertificateCache struct {
	mu    sync.Mutex
	certs map[string]*x509.Certificate
}

// cacheLimit bounds the memory that hostile input can claim.
const cacheLimit = 1024

// ParseResponse is like the function ParseResponse.
func (c *CertificateCache) ParseResponse(der []byte) (*Response, error) {
	return parseResponse(der, c.certificate)
}

func (c *CertificateCache) certificate(der []byte) (*x509.Certificate, error) {
	c.mu.Lock()
	cert := c.certs[string(der)]
	c.mu.Unlock()
	if cert != nil {
		return cert, nil
	}
	cert, err := ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.certs == nil || len(c.certs) >= cacheLimit {
		c.certs = make(map[string]*x509.Certificate)
	}
	c.certs[string(der)] = cert
	return cert, nil
}
