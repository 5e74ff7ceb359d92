package ocspcache

import (
	"io"
	"time"

	"seihon/artifact"
)

// A BundleWriter collects the responses of one issuer and shard and writes them
// as a bundle. The bytes depend on the responses only, never on their order.
type BundleWriter struct {
	w      io.Writer
	issuer string
	shard  uint16
}

// A BundleSummary is what a generation and a manifest say of a bundle.
type BundleSummary struct {
	Digest        artifact.Digest
	Size          int64
	Count         int
	MinNextUpdate time.Time // zero when Count is 0
	MaxThisUpdate time.Time
}

// NewBundleWriter returns a writer of the bundle of one issuer and shard to w.
func NewBundleWriter(w io.Writer, issuer string, shard uint16) *BundleWriter {
	return &BundleWriter{w: w, issuer: issuer, shard: shard}
}

// Add takes the response der for k, in any order. The response must be
// successful, hold a SingleResponse for k with a nextUpdate, and carry no nonce.
func (w *BundleWriter) Add(k Key, der []byte) error { return errOutline }

// Close sorts and writes the bundle.
func (w *BundleWriter) Close() (BundleSummary, error) { return BundleSummary{}, errOutline }
