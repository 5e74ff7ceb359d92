package observe

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"seihon/artifact"
)

// maxCertificates bounds the certificates of one file.
const maxCertificates = 1000

// Certificates reads a file of certificates: DER, PEM with one or more of them, or a CMS bundle (.p7c).
func Certificates(raw []byte) ([]*x509.Certificate, error) {
	if block, _ := pem.Decode(raw); block == nil {
		return fromDER(raw)
	}
	var all []*x509.Certificate
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" && block.Type != "X509 CERTIFICATE" && block.Type != "TRUSTED CERTIFICATE" &&
			block.Type != "PKCS7" {
			return nil, fmt.Errorf("it holds a PEM block %q beside certificates", block.Type)
		}
		some, err := fromDER(block.Bytes)
		if err != nil {
			return nil, err
		}
		if all = append(all, some...); len(all) > maxCertificates {
			return nil, fmt.Errorf("it holds more than %d certificates", maxCertificates)
		}
	}
	return all, nil
}

func fromDER(der []byte) ([]*x509.Certificate, error) {
	a := artifact.Parse(der)
	switch {
	case a.Kind.IsCertificate(), a.Kind == artifact.CertificateBundle:
		return a.Certificates, nil
	case a.Problem != "":
		return nil, errors.New(a.Problem)
	}
	return nil, fmt.Errorf("it is a %s, not a certificate", a.Kind)
}

// Authorities keeps the certificates that can sign lists and responses.
func Authorities(certs []*x509.Certificate) (cas []*x509.Certificate, err error) {
	for _, c := range certs {
		if c.IsCA && c.BasicConstraintsValid {
			cas = append(cas, c)
		} else {
			err = fmt.Errorf("%q is not a CA: its certificate has no basic constraints that say so", c.Subject.String())
		}
	}
	if len(cas) > 0 {
		err = nil // a chain may end in another certificate
	}
	return cas, err
}

// Address checks that an address can be asked.
func Address(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "":
		return fmt.Errorf("%q is no URL", s)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q is no http or https URL", s)
	case u.User != nil:
		return fmt.Errorf("the URL of host %q holds a password", u.Host)
	}
	return nil
}

// Addressed adds the addresses that the certificates of the group themselves name, of the kinds of which none was
// given.
func (g *Group) Addressed() {
	lists, responders := len(g.Lists)+len(g.Partitions) == 0, len(g.Responders) == 0
	add := func(to *[]string, all []string) {
		for _, a := range all {
			if Address(a) == nil && !slices.Contains(*to, a) {
				*to = append(*to, a)
			}
		}
	}
	for _, c := range g.Certificates {
		if lists {
			add(&g.Lists, c.CRLDistributionPoints)
		}
		if responders {
			add(&g.Responders, c.OCSPServer)
		}
	}
}

// IssuerOf returns which of the CAs issued a certificate, or why none did.
func IssuerOf(cas []*x509.Certificate, c *x509.Certificate) (*x509.Certificate, error) {
	err := fmt.Errorf("%q was issued by %q, of which there is no certificate", c.Subject.String(), c.Issuer.String())
	for _, ca := range cas {
		if !artifact.SameName(ca.RawSubject, c.RawIssuer) {
			continue
		}
		if e := c.CheckSignatureFrom(ca); e != nil {
			err = fmt.Errorf("%q was not signed by the key of %q: %w", c.Subject.String(), ca.Subject.String(), e)
			continue
		}
		return ca, nil
	}
	return nil, err
}

// identity tells CAs apart: a name with a key.
func identity(c *x509.Certificate) string {
	return artifact.Sum(bytes.Join([][]byte{c.RawSubject, c.RawSubjectPublicKeyInfo}, nil)).String()
}

// nameOf is what people call a CA.
func nameOf(c *x509.Certificate) string {
	if c.Subject.CommonName != "" {
		return c.Subject.CommonName
	}
	return strings.TrimSpace(c.Subject.String())
}
