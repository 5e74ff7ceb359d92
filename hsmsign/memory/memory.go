// Package memory judges what may follow what the CA has said of a certificate:
// a revocation is for good, except that a hold may end or become final, and an
// entry leaves its list only after the certificate has expired.
//
// A [List] holds a new revocation list against the one that it replaces, while
// its entries are on their way to the encoder and before anything is signed.
// Both come sorted by serial, so the check keeps nothing but what it finds. What
// it cannot know by itself it asks: when a certificate expires, whether a signed
// override permits a change, and who stands behind a change that is lawful.
//
// This is the signing room's own judgement. The publisher and the verifier come
// to theirs with code of their own.
package memory

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/crl"
	"seihon/override"
)

// A Fault is one certificate whose status would change in a way that nothing permits.
type Fault struct {
	Serial   []byte
	Was, Now override.Status
	Why      string
}

func (f Fault) String() string {
	text := fmt.Sprintf("serial %x is %q in the master and would become %q", f.Serial, f.Was, f.Now)
	if f.Why != "" {
		text += " (" + f.Why + ")"
	}
	return text
}

// Lawful reports whether a status may follow another without an override: a
// revocation is for good, except that a hold may end or become final.
func Lawful(was, now override.Status) bool {
	switch {
	case was.Equal(now), was.State != override.Revoked:
		return true
	case was.Reason != OnHold:
		return false
	case now.State == override.Revoked && now.Reason == crl.RemoveFromCRL:
		return true
	case now.State == override.Revoked:
		return now.Reason != OnHold && !now.Time.Before(was.Time)
	}
	return true // released
}

// OnHold is the reason certificateHold (RFC 5280 section 5.3.1).
const OnHold = 6

// Revoked is the status of a revoked certificate.
func Revoked(at time.Time, reason int, invalidity time.Time) override.Status {
	return override.Status{State: override.Revoked, Time: at, Reason: reason, Invalidity: invalidity}
}

// Absent is the status of a certificate that nothing is said of.
var Absent = override.Status{State: override.Absent}

// An Expired is a certificate that left its list after it had expired.
type Expired struct {
	Serial   []byte // content octets of the DER INTEGER
	NotAfter time.Time
}

// A List holds the entries of a new list against those of the one that it replaces.
type List struct {
	Old     *artifact.RevocationList
	Delta   bool // the new list is a delta CRL
	Partial bool // and so is this one, of the same base
	// NotAfter returns when a certificate expires; zero when nobody knows.
	NotAfter func(serial []byte) (time.Time, error)
	// Permitted reports whether a signed override lets a status change.
	Permitted func(serial []byte, was, now override.Status) (bool, error)

	// Vouched returns those of the changes that nothing stands behind. Nil: the new list is signed already, by a CA
	// that keeps its own books, and its signature stands behind them.
	Vouched func(changes []Fault) ([]Fault, error)

	Changes []Fault // Lawful ones, which somebody must stand behind all the same; without Vouched, the holds that ended
	Faults  []Fault
	Expired []Expired
}

// ErrFaults ends the entries of a list that must not be signed; List.Faults says why.
var ErrFaults = errors.New("the list would unsay what its List says")

// Watch hands the entries of a new list on, and holds them on the way against
// those of the old one. Both are sorted by serial, so nothing is kept. Its last
// yield is ErrFaults when there are faults: the encoder signs nothing then.
func (p *List) Watch(entries iter.Seq2[crl.Entry, error]) iter.Seq2[crl.Entry, error] {
	return func(yield func(crl.Entry, error) bool) {
		next, err := p.sorted()
		var old artifact.RevokedEntry
		more := false
		if err == nil {
			old, more, err = next()
		}
		for e, err2 := range entries {
			for err == nil && err2 == nil && more && bytes.Compare(old.Serial, e.Serial) < 0 {
				if err = p.missing(old); err == nil {
					old, more, err = next()
				}
			}
			switch {
			case err != nil || err2 != nil:
			case more && bytes.Equal(old.Serial, e.Serial):
				if err = p.both(old, e); err == nil {
					old, more, err = next()
				}
			default:
				p.change(e.Serial, Absent, Revoked(e.Time, e.Reason, e.InvalidityDate))
			}
			if err = cmp.Or(err, err2); !yield(e, err) || err != nil {
				return
			}
		}
		for err == nil && more {
			if err = p.missing(old); err == nil {
				old, more, err = next()
			}
		}
		if err = p.conclude(err); err != nil {
			yield(crl.Entry{}, err)
		}
	}
}

// conclude asks who stands behind the changes, and says whether the list may be signed.
func (p *List) conclude(err error) error {
	if err == nil && len(p.Changes) > 0 && p.Vouched != nil {
		var unvouched []Fault
		unvouched, err = p.Vouched(p.Changes)
		p.Faults = append(p.Faults, unvouched...)
	}
	if err == nil && len(p.Faults) > 0 {
		err = ErrFaults
	}
	return err
}

// A next gives the entries of a list one by one.
type next func() (e artifact.RevokedEntry, more bool, err error)

// sorted gives the entries of the old list by serial. Our own lists are written
// so; one that another system wrote may have to be sorted.
func (p *List) sorted() (next, error) {
	if p.Old == nil {
		return func() (e artifact.RevokedEntry, more bool, err error) { return e, false, nil }, nil
	}
	r, err := p.Old.SortedReader()
	if err != nil {
		return nil, fmt.Errorf("reading the list that is replaced: %w", err)
	}
	return r.Next, nil
}

// both judges an entry that is on both lists.
func (p *List) both(old artifact.RevokedEntry, e crl.Entry) error {
	was := Revoked(old.Time, old.Reason, old.InvalidityDate)
	now := Revoked(e.Time, e.Reason, e.InvalidityDate)
	if Lawful(was, now) || was.Reason == crl.RemoveFromCRL {
		if !was.Equal(now) {
			p.change(old.Serial, was, now)
		}
		return nil
	}
	return p.judge(Fault{Serial: old.Serial, Was: was, Now: now})
}

// missing judges an entry that the new list leaves out.
func (p *List) missing(old artifact.RevokedEntry) error {
	was := Revoked(old.Time, old.Reason, old.InvalidityDate)
	if !p.Partial && was.Reason == OnHold {
		p.change(old.Serial, was, override.Status{State: override.Good})
		return nil // released; a delta of the same base has to say removeFromCRL
	}
	end, err := p.NotAfter(old.Serial)
	if err != nil {
		return err
	}
	if !end.IsZero() && end.Before(p.Old.ThisUpdate) { // it was on one list after its expiry (RFC 5280 section 3.3)
		p.Expired = append(p.Expired, Expired{old.Serial, end})
		return nil
	}
	why := "nobody knows when its certificate expires"
	if !end.IsZero() {
		why = "its certificate is valid until " + end.Format(time.RFC3339)
	}
	return p.judge(Fault{Serial: slices.Clone(old.Serial), Was: was, Now: Absent, Why: why})
}

// change notes a Lawful change of a full list. Those of a delta are its base's, too.
func (p *List) change(serial []byte, was, now override.Status) {
	if !p.Delta && (p.Vouched != nil || now.State != override.Revoked) {
		p.Changes = append(p.Changes, Fault{Serial: slices.Clone(serial), Was: was, Now: now})
	}
}

func (p *List) judge(f Fault) error {
	ok, err := p.Permitted(f.Serial, f.Was, f.Now)
	if err == nil && !ok {
		p.Faults = append(p.Faults, f)
	}
	return err
}

// Narrower says how a scope covers less than the one it replaces; "" when it does not.
func Narrower(was *artifact.DistributionPoint, now *crl.Scope) string {
	onlyCA, onlyUser := now != nil && now.OnlyCACerts, now != nil && now.OnlyUserCerts
	if was == nil {
		was = &artifact.DistributionPoint{}
	}
	switch {
	case onlyCA && !was.OnlyCA:
		return "only CA certificates from now on"
	case onlyUser && !was.OnlyUser:
		return "only subscriber certificates from now on"
	}
	return ""
}
