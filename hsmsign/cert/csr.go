package cert

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"seihon/internal/certprofile"
	"seihon/internal/unwrap"
)

// csr is what a certification request contributes: a proven key, a name, and alternative names when they are allowed.
// Every other wish of the request is left unheard; the profile decides.
type csr struct {
	key         crypto.PublicKey
	subject     Name
	alternative AlternativeNames
}

var oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// parseCSR checks the key before the signature, so that a weak key is called weak.
func parseCSR(data []byte, p *certprofile.Profile) (*csr, error) {
	der, err := RequestDER(data)
	if err != nil {
		return nil, fmt.Errorf("parsing CSR: %w", err)
	}
	r, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, fmt.Errorf("parsing CSR: this is no PKCS #10 certificate request: %w", err)
	}
	if _, err := checkKey(r.PublicKey, p.Keys); err != nil {
		return nil, fmt.Errorf("checking the CSR's key: %w", err)
	}
	if err := r.CheckSignature(); err != nil {
		return nil, fmt.Errorf("checking the CSR's signature, which proves possession of the key: %w", err)
	}
	c := &csr{key: r.PublicKey}
	if c.subject, err = UnmarshalName(r.RawSubject); err != nil {
		return nil, fmt.Errorf("parsing the CSR's subject: %w", err)
	}
	for _, e := range r.Extensions {
		if !e.Id.Equal(oidSubjectAltName) {
			continue
		}
		if !p.AllowAlternativeNames {
			return nil, fmt.Errorf("the CSR asks for subjectAltName, which profile %q does not allow", p.Name)
		}
		if c.alternative, err = unmarshalAlternativeNames(e.Value); err != nil {
			return nil, fmt.Errorf("parsing the CSR's subjectAltName: %w", err)
		}
	}
	return c, nil
}

// RequestDER returns the DER of a certificate request, which may come as PEM or as another tool's text.
func RequestDER(data []byte) ([]byte, error) {
	return unwrap.One(data, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
}
