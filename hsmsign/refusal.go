package hsmsign

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/crl"
	"seihon/hsmsign/memory"
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
	Faults []memory.Fault
	Signed artifact.Digest // of a list that is signed already, by a CA that keeps its own software
	ours   bool            // it is about rows of the inventory, and no input is to blame
	err    error           // why the state on disk and the log cannot be brought together
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

// shownFaults is how many faults an error spells out.
const shownFaults = 5

func (e *RecordError) Error() string {
	if e.err != nil {
		return e.err.Error()
	}
	var b strings.Builder
	if !e.Signed.IsZero() {
		fmt.Fprintf(&b, "%s unsays what the master says: ", e.Name)
	} else {
		fmt.Fprintf(&b, "signing %s: the inventory contradicts the master log, and nothing is signed for %s: ", e.Name, e.Issuer)
	}
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
	if !e.Signed.IsZero() {
		fmt.Fprintf(&b, "; let the CA correct its list and sign one with a higher number; or, if the list is right, hand it over together with "+
			"a signed override for digest %s that allows changed (docs/accept.md)", e.Signed)
	} else {
		b.WriteString("; only a signed override lets a status change like this (docs/inventory.md)")
	}
	return b.String()
}

func (e *RecordError) Unwrap() error { return e.err }

// watchList prepares the predecessor of a list from the master log. A list that
// narrows what its predecessor covered is refused at once.
func (r *Room) watchList(ctx context.Context, l list, t *crl.Template) (*memory.List, error) {
	state, err := r.logState(ctx)
	if err != nil {
		return nil, err
	}
	line, ok := state.Get(l.name())
	if !ok {
		return r.watchAgainst(ctx, l, t, nil)
	}
	der, err := r.log.Log().ReadBlob(ctx, line)
	if err != nil {
		return nil, err
	}
	old, err := artifact.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("reading %s from the master: %w", l.name(), err)
	}
	return r.watchAgainst(ctx, l, t, old)
}

// watchAgainst is watchList with the list that is replaced; nil when there is none.
func (r *Room) watchAgainst(ctx context.Context, l list, t *crl.Template, old *artifact.RevocationList) (*memory.List, error) {
	p := &memory.List{
		Delta:    l.kind == artifact.DeltaCRL,
		Vouched:  func(changes []memory.Fault) ([]memory.Fault, error) { return r.unvouched(ctx, l.Name, changes) },
		NotAfter: func(serial []byte) (time.Time, error) { return r.notAfter(ctx, l.Name, serial) },
		Permitted: func(serial []byte, was, now override.Status) (bool, error) {
			return r.permitted(ctx, l.Name, l.name(), serial, was, now)
		},
	}
	if old == nil {
		return p, nil
	}
	if old.BaseNumber != nil {
		if t.BaseNumber == nil || old.BaseNumber.Cmp(t.BaseNumber) != 0 {
			return p, nil // a new base holds what the delta said
		}
		p.Partial = true
	}
	p.Old = old
	if why := memory.Narrower(old.IDP, t.Scope); why != "" {
		return nil, &RecordError{Issuer: l.Name, Name: l.name(),
			err: fmt.Errorf("replacing %s: number %v under this name covers more than the new list would (%s): restore the configuration of the issuer's lists, or publish the new ones under new names", l.name(), old.Number, why)}
	}
	return p, nil
}

// serialText is a serial as the log writes it: hex without leading zeros.
func serialText(serial []byte) string {
	text := strings.TrimLeft(fmt.Sprintf("%x", serial), "0")
	if text == "" {
		return "0"
	}
	return text
}

// An inputError says that an input is refused for what it is, and not for a fault of this machine.
type inputError struct{ err error }

func (e *inputError) Error() string { return e.err.Error() }

func (e *inputError) Unwrap() error { return e.err }

func refuse(format string, args ...any) error { return &inputError{fmt.Errorf(format, args...)} }
