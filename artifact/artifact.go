package artifact

import (
	"crypto/x509"
	"iter"
)

// An Artifact is a byte string together with what was found out about it.
type Artifact struct {
	Kind   Kind
	Digest Digest
	Bytes  []byte

	// Certificates holds exactly one certificate for the certificate kinds and all of them for a certificate bundle.
	Certificates []*x509.Certificate
	CRL          *RevocationList // for CRL, ARL and DeltaCRL
	OCSP         *Response       // for OCSPResponse
	Signature    *SignedData     // for DocumentSignature

	// Members yields the responses of an OCSP bundle. The bundle format belongs to package ocspcache, whose caller
	// fills it in.
	Members iter.Seq2[*Artifact, error]

	// Trailing is the number of bytes that follow the first DER object, when there are any; the kind is Unrecognised
	// then.
	Trailing int

	// Problem is one sentence about why the content was not recognised, or about what was found inside it.
	Problem string
}
