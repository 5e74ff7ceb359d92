// Package crl encodes and signs certificate revocation lists.
package crl

import (
	"context"
	"crypto"
	"errors"
	"io"
	"iter"
)

// Encode writes the DER of a CRL to w. Nothing is written unless everything was in order.
func Encode(ctx context.Context, w io.Writer, t Template, entries iter.Seq2[Entry, error], signer crypto.Signer, opts Options) (Result, error) {
	return Result{}, errors.ErrUnsupported
}
