package hsmsign

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

// exceptions are the signed statements by which known deviations of a CA are let pass. They stand in the master log, where
// the publisher and the auditor find them, too, and judge them with the keys of their own configurations.
type exceptions struct {
	mu     sync.Mutex // of what is asked while a list is judged and taken over at once
	read   bool
	all    []*override.Exception
	texts  map[string]bool
	new    []*ledger.Entry // accepted, and not in the log yet
	passed map[string]int  // what they let pass of the input in hand, by kind
}

// allow is what section A asks.
func (x *exceptions) allow(load func()) func(by *x509.Certificate, d sectiona.Deviation, dated time.Time) bool {
	return func(by *x509.Certificate, d sectiona.Deviation, dated time.Time) bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		load()
		key := artifact.Sum(by.RawSubjectPublicKeyInfo)
		if !slices.ContainsFunc(x.all, func(e *override.Exception) bool { return e.Covers(key, d.Code, dated) }) {
			return false
		}
		if x.passed == nil {
			x.passed = map[string]int{}
		}
		x.passed[d.Code]++
		return true
	}
}

// load reads the exceptions of the log, once and when the first deviation comes: most CAs have none.
func (x *exceptions) load(r *Room) {
	if x.read || r.log == nil {
		return
	}
	if err := x.from(r.log.Log(), r.overrideKeys); err != nil {
		r.logger.Warn("the exceptions of the master log cannot be read", zap.Error(err))
	}
}

// from reads the exceptions of a log.
func (x *exceptions) from(log *ledger.Log, keys []ed25519.PublicKey) error {
	x.read = true
	if x.texts == nil {
		x.texts = map[string]bool{}
	}
	for e, err := range log.Entries(context.Background(), 0, log.Size()) {
		if err != nil {
			return err
		}
		if e.Exception != nil {
			x.enter(keys, e)
		}
	}
	return nil
}

// enter takes an exception that a pinned key signed and that held when it was recorded.
func (x *exceptions) enter(keys []ed25519.PublicKey, e *ledger.Entry) {
	o, err := override.ParseException([]byte(e.Exception.Text))
	if err == nil && o.SignedBy(keys) && e.Time.Before(o.Expires) {
		x.all = append(x.all, o)
		x.texts[e.Exception.Text] = true
	}
}

// known reports whether certificates of an issuer with a serial that RFC 5280 section 4.1.2.2 forbids are known to exist: by
// trust.misissued, or because the CA is known for such serials.
func (r *Room) known(issuer string, serial []byte, dated time.Time) bool {
	if r.conf.Trust.IsMisissued(serial) {
		return true
	}
	d := sectiona.OddSerial(serial)
	a := r.authorities[issuer]
	return d.Code != "" && a != nil && a.cert != nil && r.policy.Excepted(a.cert, d, dated)
}

// appendExceptions puts exceptions into the log, before what they let pass.
func (r *Room) appendExceptions(ctx context.Context) error {
	for _, e := range r.exceptions.new {
		if err := r.log.Append(ctx, e); err != nil {
			return fmt.Errorf("recording an exception: %w", err)
		}
	}
	r.exceptions.new = nil
	return nil
}
