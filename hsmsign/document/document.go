// Package document signs what a CA says about itself: CP/CPS and disclosure documents, as detached CMS (.p7s) or inside
// the PDF (PAdES), optionally time-stamped; and it makes the repository's index page.
//
// The CMS is CAdES-BES shaped: content-type, message-digest, signing-time, signing-certificate-v2, each DER,
// certificates and attributes in DER order, so that the same request gives the same bytes up to the signature. The
// encoder is our own, some hundred lines: github.com/digitorus/pkcs7 has neither RSASSA-PSS nor Ed25519, and its
// signing-certificate-v2 is left to the caller. The PDF update is our own as well (package pdf says why
// github.com/digitorus/pdfsign is not used).
//
// PAdES is baseline B-B of EN 319 142-1 (B-T with a time stamp): ETSI.CAdES.detached, no signing-time attribute, the
// claimed time in /M instead. An incremental update keeps every byte of the original, so the earlier version stays
// provable.
//
// Before the key is used: the certificate must hold the key, be valid at the signing time and be meant for signatures.
// What was signed is verified by artifact/cms, which shares no code with this encoder, before it is returned.
package document

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"seihon/artifact/cms"
	"seihon/hsmsign/document/pdf"
	"seihon/hsmsign/internal/algid"
)

// maxSize bounds a document; a CP/CPS has some megabytes.
const maxSize = 256 << 20

// Request says what to sign and with what.
type Request struct {
	Content     io.Reader           // the document, at most 256 MiB
	Certificate *x509.Certificate   // of the signer
	Chain       []*x509.Certificate // issuers to embed, without or with the anchor
	Signer      crypto.Signer       // the certificate's key
	Options     crypto.SignerOpts   // *rsa.PSSOptions for RSASSA-PSS; nil = by the key
	SigningTime time.Time           // claimed, required
	Timestamp   Timestamper         // optional
}

// SignDetached returns a detached CMS SignedData (DER) over the content.
func SignDetached(ctx context.Context, r Request) ([]byte, error) {
	b, content, err := r.prepare()
	if err != nil {
		return nil, fmt.Errorf("signing document: %w", err)
	}
	b.signingTime = r.SigningTime
	der, err := r.sign(ctx, b, content)
	if err != nil {
		return nil, fmt.Errorf("signing document: %w", err)
	}
	return der, nil
}

// CheckPDF refuses bytes that are not a PDF file: header, trailer, cross-reference, catalog and a first page must be
// there, and nothing may follow the end.
func CheckPDF(b []byte) error {
	_, err := pdf.Open(b)
	return err
}

// prepare checks everything that can be checked before the key is used, and reads the content.
func (r *Request) prepare() (*builder, []byte, error) {
	c := r.Certificate
	switch {
	case c == nil || r.Signer == nil || r.Content == nil:
		return nil, nil, errors.New("content, certificate and key are all required")
	case r.SigningTime.IsZero():
		return nil, nil, errors.New("no signing time was given")
	case r.SigningTime.Before(c.NotBefore) || r.SigningTime.After(c.NotAfter):
		return nil, nil, fmt.Errorf("the certificate of %q is valid from %s to %s, not at the signing time %s",
			c.Subject,
			c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339),
			r.SigningTime.UTC().Format(time.RFC3339))
	case !algid.SamePublic(c.PublicKey, r.Signer.Public()):
		return nil, nil, fmt.Errorf("the key is not that of the certificate of %q", c.Subject)
	case c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0:
		return nil,
			nil, fmt.Errorf("the certificate of %q is not for signatures on documents: its key usage has neither "+
				"digitalSignature nor contentCommitment; issue one with the profile document-signer", c.Subject)
	}
	algorithm, err := algid.For(c.PublicKey, r.Options)
	if err != nil {
		return nil, nil, err
	}
	content, err := io.ReadAll(io.LimitReader(r.Content, maxSize+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the document: %w", err)
	}
	if len(content) > maxSize {
		return nil, nil, fmt.Errorf("the document is larger than %d bytes", maxSize)
	}
	if len(content) == 0 {
		return nil, nil, errors.New("the document is empty")
	}
	return &builder{certificate: c, chain: r.Chain, algorithm: algorithm}, content, nil
}

// sign signs, has the signature time-stamped, and verifies the result with code of another package.
func (r *Request) sign(ctx context.Context, b *builder, content []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := b.sign(r.Signer, content); err != nil {
		return nil, err
	}
	if r.Timestamp != nil {
		token, err := timestamp(ctx, r.Timestamp, b.signature)
		if err != nil {
			return nil, err
		}
		b.timestamp = token
	}
	der, err := b.marshal()
	if err != nil {
		return nil, err
	}
	anchors := append([]*x509.Certificate{r.Certificate}, r.Chain...)
	if _, err := cms.Verify(der, content, cms.Options{Issuers: anchors, At: r.SigningTime}); err != nil {
		return nil, fmt.Errorf("checking what was signed (withhold it, and look at the token): %w", err)
	}
	return der, nil
}
