package inventory

import (
	"context"
	"errors"
	"iter"
	"path/filepath"
	"testing"
	"time"

	"seihon/artifact"
)

// endless gives records until its reader has enough, and cancels on the way.
type endless struct{ cancel func() }

func (e endless) Info() SourceInfo {
	return SourceInfo{Name: "list", Format: AcceptedFormat + "crl/ca.crl", AsOf: cancelNow, Digest: artifact.Digest{1},
		Scope: AllRevoked}
}

var cancelNow = time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)

func (e endless) Records(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for i := 0; ; i++ {
			if i == 5000 {
				e.cancel()
			}
			r := Record{State: Revoked, Revocation: Revocation{Time: cancelNow.Add(-time.Hour), Reason: NoReason}}
			r.Serial = []byte{0x5a, byte(i >> 16), byte(i >> 8), byte(i)}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// TestCancelledImport ends an import in the middle: at once, with the reason, and with nothing kept.
func TestCancelledImport(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(),
		Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "inventory.db"), Now: func() time.Time { return cancelNow }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.AddIssuer(t.Context(), Issuer{Name: "ca", Key: artifact.Digest{7}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = db.Import(ctx, Import{Issuer: "ca", Source: endless{cancel}, MaxShrink: 1,
		List: &List{Kind: artifact.SubscriberCertificate, Total: 100_000}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled import says %v", err)
	}
	if n, err := db.Counts(t.Context(), "ca"); err != nil || n.Revoked != 0 {
		t.Errorf("it left %d rows, %v", n.Revoked, err)
	}
}
