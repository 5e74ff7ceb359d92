package cert

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

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
	if r.Version != 0 {
		return nil, fmt.Errorf("parsing CSR: its version is %d, only v1 (0) is known (RFC 2986 section 4.1)", r.Version)
	}
	if err := checkAttributes(r.RawTBSCertificateRequest); err != nil {
		return nil, fmt.Errorf("parsing CSR: %w", err)
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

// checkAttributes holds the attributes of a request against their form (RFC 2986 section 4.1): crypto/x509 passes over
// what it cannot read, so that a wish would be neither granted nor refused.
func checkAttributes(info cryptobyte.String) error {
	var body, attributes, one cryptobyte.String
	var has bool
	if !info.ReadASN1(&body, cbasn1.SEQUENCE) || !body.SkipASN1(cbasn1.INTEGER) || !body.SkipASN1(cbasn1.SEQUENCE) ||
		!body.SkipASN1(cbasn1.SEQUENCE) || !body.ReadOptionalASN1(&attributes, &has, constructed(0)) {
		return errors.New("its content is not that of a request")
	}
	for n := 0; !attributes.Empty(); n++ {
		if !attributes.ReadASN1(&one, cbasn1.SEQUENCE) || !one.SkipASN1(cbasn1.OBJECT_IDENTIFIER) ||
			!one.SkipASN1(cbasn1.SET) || !one.Empty() {
			return fmt.Errorf("its attribute %d is not a type with a set of values (RFC 2986 section 4.1)", n)
		}
	}
	return nil
}

// RequestDER returns the DER of a certificate request, which may come as PEM or as another tool's text.
func RequestDER(data []byte) ([]byte, error) {
	return unwrap.One(data, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
}
