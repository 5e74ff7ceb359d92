// Package cms verifies detached CMS signatures and PAdES signatures. It signs nothing.
package cms

import (
	"crypto/x509"
	"errors"
	"time"
)

// Options says whom to trust.
type Options struct {
	Issuers []*x509.Certificate // anchors: the signer must be one of them or chain to one
	TSAs    []*x509.Certificate // anchors of time-stamping authorities; nil = Issuers
	At      time.Time           // time of the chain check; zero = time stamp, else signing time
}

// Signature is one verified signature.
type Signature struct {
	Certificate *x509.Certificate
	Chain       []*x509.Certificate // signer first, anchor last
	SigningTime time.Time           // claimed by the signer; zero when absent
	Timestamped time.Time           // genTime of a verified time-stamp token; zero when there is none
}

// Verify checks a detached signature (DER or PEM) over content and wants every signer to be valid.
func Verify(p7s, content []byte, o Options) ([]*Signature, error) {
	return nil, errors.New("verifying CMS: not built yet")
}

// VerifyPDF checks every signature inside a PDF; it is an error when there is none or when bytes follow the last one unsigned.
func VerifyPDF(pdf []byte, o Options) ([]*Signature, error) {
	return nil, errors.New("verifying PDF: not built yet")
}
