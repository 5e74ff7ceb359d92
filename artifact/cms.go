package artifact

import "crypto/x509"

// A SignedData is a CMS SignedData (RFC 5652 section 5).
type SignedData struct {
	Raw          []byte
	Certificates []*x509.Certificate
}
