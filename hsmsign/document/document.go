// Package document signs CP/CPS and disclosure documents.
package document

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"time"
)

// Timestamper sends a DER TimeStampReq to an authority and returns its DER TimeStampResp (RFC 3161).
type Timestamper func(ctx context.Context, request []byte) (response []byte, err error)

// Request says what to sign and with what.
type Request struct {
	Content     io.Reader // the document
	Certificate *x509.Certificate
	Chain       []*x509.Certificate // issuers to embed, without or with the anchor
	Signer      crypto.Signer
	Algorithm   x509.SignatureAlgorithm // zero = by the key
	SigningTime time.Time
	Timestamp   Timestamper // optional
}

// SignDetached returns a detached CMS SignedData (.p7s) over the content.
func SignDetached(ctx context.Context, r Request) ([]byte, error) {
	return nil, errors.New("signing document: not built yet")
}

// SignPDF returns the content, a PDF, with a PAdES-B-B (or B-T, with a timestamp) signature appended as an incremental update.
func SignPDF(ctx context.Context, r Request, why Reason) ([]byte, error) {
	return nil, errors.New("signing PDF: not built yet")
}

// Reason is what a PDF reader shows beside the signature.
type Reason struct{ Name, Reason, Location, Contact string }

// CheckPDF refuses bytes that are not a sane PDF file.
func CheckPDF(b []byte) error { return errors.New("checking PDF: not built yet") }

// SamplePDF makes a small deterministic PDF 1.7 for demonstrations (Latin-1 text).
func SamplePDF(title, version string, lines []string) []byte { return nil }

// HTTPTimestamper asks a TSA over HTTP, RFC 3161 section 3.4.
func HTTPTimestamper(url string) Timestamper { return nil }
