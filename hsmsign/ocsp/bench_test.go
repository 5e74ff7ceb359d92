package ocsp_test

import (
	"crypto"
	"io"
	"testing"

	"seihon/hsmsign/ocsp"
)

// mute is a signer that costs nothing, to measure the encoder alone.
type mute struct {
	crypto.Signer
	signature []byte
}

func (m *mute) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return m.signature, nil }

func muted(t testing.TB) (*ocsp.Encoder, ocsp.Job) {
	r := delegated(t, "rsa2048")
	r.key = &mute{r.key, make([]byte, 256)}
	return r.encoder(t, ocsp.Policy{}), numbered(1)
}

// TestAllocations keeps encoding cheap beside the fastest signature: the scratch space of a lone Sign, its hash, the
// slice of results and two responses.
func TestAllocations(t *testing.T) {
	e, j := muted(t)
	got := testing.AllocsPerRun(100, func() {
		if _, err := e.Sign(t.Context(), j.Status, j.ThisUpdate, j.NextUpdate); err != nil {
			t.Fatal(err)
		}
	})
	if got > 8 {
		t.Errorf("%v allocations for two responses", got)
	}
}

func BenchmarkSign(b *testing.B) {
	e, j := muted(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Sign(b.Context(), j.Status, j.ThisUpdate, j.NextUpdate); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBatch(b *testing.B) {
	e, j := muted(b)
	b.ReportAllocs()
	n := 0
	for _, err := range e.Batch(b.Context(), 2, func(yield func(ocsp.Job, error) bool) {
		for b.Loop() && yield(j, nil) {
		}
	}) {
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
}
