package room

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/override"
	"seihon/sectiona"
)

// Exceptions are the signed statements by which known deviations of a CA are let pass. They stand in the master log,
// where the publisher and the auditor find them, too, and judge them with the keys of their own configurations.
type Exceptions struct {
	mu       sync.Mutex // of what is asked while a list is judged and taken over at once
	Loaded   bool
	all      []*override.Exception
	Texts    map[string]bool
	Accepted []*ledger.Entry // accepted, and not in the log yet
	Passed   map[string]int  // what they let pass of the input in hand, by kind
}

// Allow is what section A asks.
func (x *Exceptions) Allow(load func()) func(by *x509.Certificate, d sectiona.Deviation, dated time.Time) bool {
	return func(by *x509.Certificate, d sectiona.Deviation, dated time.Time) bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		load()
		key := artifact.Sum(by.RawSubjectPublicKeyInfo)
		if !slices.ContainsFunc(x.all, func(e *override.Exception) bool { return e.Covers(key, d.Code, dated) }) {
			return false
		}
		if x.Passed == nil {
			x.Passed = map[string]int{}
		}
		x.Passed[d.Code]++
		return true
	}
}

// Load reads the exceptions of the log, once and when the first deviation comes: most CAs have none.
func (x *Exceptions) Load(r *Room) {
	if x.Loaded || r.Log == nil {
		return
	}
	if err := x.From(r.Log.Log(), r.OverrideKeys); err != nil {
		r.logger.Warn("the exceptions of the master log cannot be read", zap.Error(err))
	}
}

// From reads the exceptions of a log.
func (x *Exceptions) From(log *ledger.Log, keys []ed25519.PublicKey) error {
	x.Loaded = true
	if x.Texts == nil {
		x.Texts = map[string]bool{}
	}
	for e, err := range log.Entries(context.Background(), 0, log.Size()) {
		if err != nil {
			return err
		}
		if e.Exception != nil {
			x.Enter(keys, e)
		}
	}
	return nil
}

// Enter takes an exception that a pinned key signed and that held when it was recorded.
func (x *Exceptions) Enter(keys []ed25519.PublicKey, e *ledger.Entry) {
	o, err := override.ParseException([]byte(e.Exception.Text))
	if err == nil && o.SignedBy(keys) && e.Time.Before(o.Expires) {
		x.all = append(x.all, o)
		x.Texts[e.Exception.Text] = true
	}
}

// KnownDeviation reports whether certificates of an issuer with a serial that RFC 5280 section 4.1.2.2 forbids are
// known to exist: by trust.misissued, or because the CA is known for such serials.
func (r *Room) KnownDeviation(issuer string, serial []byte, dated time.Time) bool {
	if r.Config.Trust.IsMisissued(serial) {
		return true
	}
	d := sectiona.OddSerial(serial)
	a := r.Authorities[issuer]
	return d.Code != "" && a != nil && a.Certificate != nil && r.Policy.Excepted(a.Certificate, d, dated)
}

// appendExceptions puts exceptions into the log, before what they let pass.
func (r *Room) appendExceptions(ctx context.Context) error {
	for _, e := range r.Exceptions.Accepted {
		if err := r.Log.Append(ctx, e); err != nil {
			return fmt.Errorf("recording an exception: %w", err)
		}
	}
	r.Exceptions.Accepted = nil
	return nil
}
