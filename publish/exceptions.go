package publish

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"sync"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/override"
	"seihon/sectiona"
)

// Exceptions returns what section A asks about a deviation that a CA is known for: whether an exception of the master
// log lets it pass, one that a pinned key signed and that held when it was recorded. The log is read when the first
// deviation comes, which most repositories never see; a log that cannot be read lets nothing pass.
func Exceptions(ctx context.Context, log *ledger.Log, keys []ed25519.PublicKey) func(*x509.Certificate,
	sectiona.Deviation, time.Time) bool {
	all := sync.OnceValue(func() []*override.Exception { return signedExceptions(ctx, log, keys) })
	return func(by *x509.Certificate, d sectiona.Deviation, dated time.Time) bool {
		key := artifact.Sum(by.RawSubjectPublicKeyInfo)
		for _, e := range all() {
			if e.Covers(key, d.Code, dated) {
				return true
			}
		}
		return false
	}
}

func signedExceptions(ctx context.Context, log *ledger.Log, keys []ed25519.PublicKey) (all []*override.Exception) {
	for e, err := range log.Entries(ctx, 0, log.Size()) {
		if err != nil {
			return nil
		}
		if e.Exception == nil {
			continue
		}
		o, err := override.ParseException([]byte(e.Exception.Text))
		if err == nil && o.SignedBy(keys) && e.Time.Before(o.Expires) {
			all = append(all, o)
		}
	}
	return all
}
