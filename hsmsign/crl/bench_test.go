package crl_test

import (
	"io"
	"testing"

	"seihon/hsmsign/crl"
	"seihon/hsmsign/internal/testca"
)

// BenchmarkEncode is the encoder without what reads the entries: 100,000 of them per operation.
func BenchmarkEncode(b *testing.B) {
	key := testca.Key("p256", "ca")
	ca := testca.CA(b, key, nil)
	b.ReportAllocs()
	for b.Loop() {
		_, err := crl.Encode(b.Context(), io.Discard, template(ca), func(yield func(crl.Entry, error) bool) {
			e := numbered(0)
			for i := range 100_000 {
				for j := range 8 {
					e.Serial[15-j] = byte(i >> (8 * j))
				}
				e.Reason = i % 2
				if !yield(e, nil) {
					return
				}
			}
		}, key, crl.Options{SpoolDir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
	}
}
