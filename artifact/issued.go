package artifact

import (
	"crypto/x509"
	"fmt"
)

// CheckIssued reports why c is not a certificate that the CA ca issued: the name of its issuer is another (RFC 5280
// section 7.1), or the signature does not verify with the key of ca.
func CheckIssued(c, ca *x509.Certificate) error {
	if !SameName(c.RawIssuer, ca.RawSubject) {
		return fmt.Errorf("certificate %x was issued by %q, not by %q", c.SerialNumber, c.Issuer, ca.Subject)
	}
	if err := ca.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
		return fmt.Errorf("certificate %x names %q as its issuer, but was not signed with its key: %w", c.SerialNumber,
			ca.Subject, err)
	}
	return nil
}
