package hsmsign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/crl"
	"seihon/ledger"
	"seihon/override"
)

// The room's memory is the master: what it says of a certificate can only be
// followed by what may follow it. Before a list or a response is signed, it is
// held against the one that it replaces, as the log has it and not as the
// inventory remembers it. What would be unsaid is first taken back from the
// master into the inventory (heal.go); if that does not mend it, nothing is
// signed for the issuer.

// A RecordError is a refusal: what was to be signed would unsay what the master
// says. The commands exit with cliexit.Record.
type RecordError struct {
	Issuer string
	Name   string // what was to be signed
	Faults []Fault
	err    error // why the state on disk and the log cannot be brought together
}

// RefusedByRecord reports whether all that err says is that the record forbids it.
func RefusedByRecord(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			if !RefusedByRecord(e) {
				return false
			}
		}
		return true
	}
	var refused *RecordError
	return errors.As(err, &refused)
}

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

// shownFaults is how many faults an error spells out.
const shownFaults = 5

func (e *RecordError) Error() string {
	if e.err != nil {
		return e.err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "signing %s: the inventory contradicts the master log, and nothing is signed for %s: ", e.Name, e.Issuer)
	for i, f := range e.Faults {
		if i == shownFaults {
			fmt.Fprintf(&b, "; and %d more", len(e.Faults)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.String())
	}
	b.WriteString("; only a signed override lets a status change like this (docs/inventory.md)")
	return b.String()
}

func (e *RecordError) Unwrap() error { return e.err }

// lawful reports whether a status may follow another without an override: a
// revocation is for good, except that a hold may end or become final.
func lawful(was, now override.Status) bool {
	switch {
	case was.String() == now.String(), was.State != override.Revoked:
		return true
	case was.Reason != onHold:
		return false
	case now.State == override.Revoked && now.Reason == crl.RemoveFromCRL:
		return true
	case now.State == override.Revoked:
		return now.Reason != onHold && !now.Time.Before(was.Time)
	}
	return true // released
}

const onHold = 6 // certificateHold, RFC 5280 section 5.3.1

func revoked(at time.Time, reason int, invalidity time.Time) override.Status {
	return override.Status{State: override.Revoked, Time: at, Reason: reason, Invalidity: invalidity}
}

var absent = override.Status{State: override.Absent}

// A predecessor is the list that a new one replaces, and what the room knows
// about the certificates on it.
type predecessor struct {
	list    *artifact.RevocationList
	delta   bool // the new list is a delta CRL
	partial bool // and so is this one, of the same base
	// notAfter returns when a certificate expires; zero when nobody knows.
	notAfter func(serial []byte) (time.Time, error)
	// permitted reports whether a signed override lets a status change.
	permitted func(serial []byte, was, now override.Status) (bool, error)

	// vouched returns those of the changes that nothing stands behind.
	vouched func(changes []Fault) ([]Fault, error)

	changes []Fault // lawful ones, which somebody must stand behind all the same
	faults  []Fault
	expired []ledger.Expired
}

var errFaults = errors.New("the list would unsay what its predecessor says")

// watch hands the entries of a new list on, and holds them on the way against
// those of the predecessor. Both are sorted by serial, so nothing is kept. Its
// last yield is errFaults when there are faults: the encoder signs nothing then.
func (p *predecessor) watch(entries iter.Seq2[crl.Entry, error]) iter.Seq2[crl.Entry, error] {
	return func(yield func(crl.Entry, error) bool) {
		next, stop := iter.Pull2(p.sorted())
		defer stop()
		old, err, more := next()
		for e, err2 := range entries {
			for err == nil && err2 == nil && more && bytes.Compare(old.Serial, e.Serial) < 0 {
				if err = p.missing(old); err == nil {
					old, err, more = next()
				}
			}
			switch {
			case err != nil || err2 != nil:
			case more && bytes.Equal(old.Serial, e.Serial):
				if err = p.both(old, e); err == nil {
					old, err, more = next()
				}
			default:
				p.change(e.Serial, absent, revoked(e.Time, e.Reason, e.InvalidityDate))
			}
			if err = errors.Join(err, err2); !yield(e, err) || err != nil {
				return
			}
		}
		for ; err == nil && more; old, err, more = next() {
			if err = p.missing(old); err != nil {
				break
			}
		}
		if err == nil && len(p.changes) > 0 {
			var unvouched []Fault
			unvouched, err = p.vouched(p.changes)
			p.faults = append(p.faults, unvouched...)
		}
		if err == nil && len(p.faults) > 0 {
			err = errFaults
		}
		if err != nil {
			yield(crl.Entry{}, err)
		}
	}
}

// sorted gives the entries of the predecessor by serial. Our own lists are
// written so; one that another system wrote may have to be sorted.
func (p *predecessor) sorted() iter.Seq2[artifact.RevokedEntry, error] {
	if p.list == nil {
		return func(func(artifact.RevokedEntry, error) bool) {}
	}
	var last []byte
	inOrder := true
	for e, err := range p.list.Entries() {
		if inOrder = err == nil && bytes.Compare(last, e.Serial) < 0; !inOrder {
			break
		}
		last = e.Serial
	}
	if inOrder {
		return p.list.Entries()
	}
	return func(yield func(artifact.RevokedEntry, error) bool) {
		var all []artifact.RevokedEntry
		for e, err := range p.list.Entries() {
			if err != nil {
				yield(e, fmt.Errorf("reading the list that is replaced: %w", err))
				return
			}
			all = append(all, e)
		}
		slices.SortFunc(all, func(a, b artifact.RevokedEntry) int { return bytes.Compare(a.Serial, b.Serial) })
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// both judges an entry that is on both lists.
func (p *predecessor) both(old artifact.RevokedEntry, e crl.Entry) error {
	was := revoked(old.Time, old.Reason, old.InvalidityDate)
	now := revoked(e.Time, e.Reason, e.InvalidityDate)
	if lawful(was, now) || was.Reason == crl.RemoveFromCRL {
		if was.String() != now.String() {
			p.change(old.Serial, was, now)
		}
		return nil
	}
	return p.judge(Fault{Serial: old.Serial, Was: was, Now: now})
}

// missing judges an entry that the new list leaves out.
func (p *predecessor) missing(old artifact.RevokedEntry) error {
	was := revoked(old.Time, old.Reason, old.InvalidityDate)
	if !p.partial && was.Reason == onHold {
		p.change(old.Serial, was, override.Status{State: override.Good})
		return nil // released; a delta of the same base has to say removeFromCRL
	}
	end, err := p.notAfter(old.Serial)
	if err != nil {
		return err
	}
	if !end.IsZero() && end.Before(p.list.ThisUpdate) { // it was on one list after its expiry (RFC 5280 section 3.3)
		p.expired = append(p.expired, ledger.Expired{Serial: serialText(old.Serial), NotAfter: end})
		return nil
	}
	why := "nobody knows when its certificate expires"
	if !end.IsZero() {
		why = "its certificate is valid until " + end.Format(time.RFC3339)
	}
	return p.judge(Fault{Serial: slices.Clone(old.Serial), Was: was, Now: absent, Why: why})
}

// change notes a lawful change of a full list. Those of a delta are its base's, too.
func (p *predecessor) change(serial []byte, was, now override.Status) {
	if !p.delta {
		p.changes = append(p.changes, Fault{Serial: slices.Clone(serial), Was: was, Now: now})
	}
}

func (p *predecessor) judge(f Fault) error {
	ok, err := p.permitted(f.Serial, f.Was, f.Now)
	if err == nil && !ok {
		p.faults = append(p.faults, f)
	}
	return err
}

// watchList prepares the predecessor of a list from the master log. A list that
// narrows what its predecessor covered is refused at once.
func (r *Room) watchList(ctx context.Context, l list, t *crl.Template) (*predecessor, error) {
	p := &predecessor{
		delta:    l.kind == artifact.DeltaCRL,
		vouched:  func(changes []Fault) ([]Fault, error) { return r.unvouched(ctx, l.Name, changes) },
		notAfter: func(serial []byte) (time.Time, error) { return r.notAfter(ctx, l.Name, serial) },
		permitted: func(serial []byte, was, now override.Status) (bool, error) {
			return r.permitted(ctx, l.Name, serial, was, now)
		},
	}
	state, err := r.logState(ctx)
	if err != nil {
		return nil, err
	}
	line, ok := state.Get(l.name())
	if !ok {
		return p, nil
	}
	der, err := r.log.Log().ReadBlob(ctx, line)
	if err != nil {
		return nil, err
	}
	list, err := artifact.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("reading %s from the master: %w", l.name(), err)
	}
	if list.BaseNumber != nil {
		if t.BaseNumber == nil || list.BaseNumber.Cmp(t.BaseNumber) != 0 {
			return p, nil // a new base holds what the delta said
		}
		p.partial = true
	}
	p.list = list
	if why := narrower(list.IDP, t.Scope); why != "" {
		return nil, &RecordError{Issuer: l.Name, Name: l.name(),
			err: fmt.Errorf("signing %s: number %s under this name covers more than the new list would (%s): restore the configuration of the issuer's lists, or publish the new ones under new names", l.name(), line.Number, why)}
	}
	return p, nil
}

// narrower says how a scope covers less than the one it replaces; "" when it does not.
func narrower(was *artifact.DistributionPoint, now *crl.Scope) string {
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

// serialText is a serial as the log writes it: hex without leading zeros.
func serialText(serial []byte) string {
	text := strings.TrimLeft(fmt.Sprintf("%x", serial), "0")
	if text == "" {
		return "0"
	}
	return text
}
