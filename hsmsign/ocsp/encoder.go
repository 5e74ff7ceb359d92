// Package ocsp encodes and signs OCSP responses.
package ocsp

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"iter"
	"time"
)

// Encoder signs the responses of one issuer. It is safe for concurrent use when its signer is.
type Encoder struct{}

// NewEncoder returns an encoder for the certificates of issuer. responder is the delegated OCSP signer, or
// nil when the issuer's own key signs.
func NewEncoder(issuer, responder *x509.Certificate, signer crypto.Signer, policy Policy) (*Encoder, error) {
	return nil, errors.ErrUnsupported
}

// Sign returns the signed responses for one status.
func (e *Encoder) Sign(ctx context.Context, s Status, thisUpdate, nextUpdate time.Time) ([]Encoded, error) {
	return nil, errors.ErrUnsupported
}

// Batch signs jobs on the given number of workers and yields the responses of each in the order
// of the jobs. The first error ends it.
func (e *Encoder) Batch(ctx context.Context, workers int, jobs iter.Seq2[Job, error]) iter.Seq2[[]Encoded, error] {
	return func(yield func([]Encoded, error) bool) { yield(nil, errors.ErrUnsupported) }
}
