package room

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
	Ours   bool            // it is about rows of the inventory, and no input is to blame
	Err    error           // why the state on disk and the log cannot be brought together
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
	if e.Err != nil {
		return e.Err.Error()
	}
	var b strings.Builder
	if !e.Signed.IsZero() {
		fmt.Fprintf(&b, "%s unsays what the master says: ", e.Name)
	} else {
		fmt.Fprintf(&b, "signing %s: the inventory contradicts the master log, and nothing is signed for %s: ", e.Name,
			e.Issuer)
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
		fmt.Fprintf(&b,
			"; let the CA correct its list and sign one with a higher number; or, if the list is right, hand it over "+
				"together with "+
				"a signed override for digest %s that allows changed (docs/accept.md)", e.Signed)
	} else {
		b.WriteString("; only a signed override lets a status change like this (docs/inventory.md)")
	}
	return b.String()
}

func (e *RecordError) Unwrap() error { return e.Err }

// WatchList prepares the predecessor of a list from the master log. A list that
// narrows what its predecessor covered is refused at once.
func (r *Room) WatchList(ctx context.Context, l List, t *crl.Template) (*memory.List, error) {
	state, err := r.LogState(ctx)
	if err != nil {
		return nil, err
	}
	line, ok := state.Get(l.PublicName())
	if !ok {
		return r.WatchAgainst(ctx, l, t, nil)
	}
	der, err := r.Log.Log().ReadBlob(ctx, line)
	if err != nil {
		return nil, err
	}
	old, err := artifact.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("reading %s from the master: %w", l.PublicName(), err)
	}
	return r.WatchAgainst(ctx, l, t, old)
}

// WatchAgainst is watchList with the list that is replaced; nil when there is none.
func (r *Room) WatchAgainst(ctx context.Context, l List, t *crl.Template,
	old *artifact.RevocationList) (*memory.List, error) {
	p := &memory.List{
		Delta:    l.Kind == artifact.DeltaCRL,
		Vouched:  func(changes []memory.Fault) ([]memory.Fault, error) { return r.Unvouched(ctx, l.Name, changes) },
		NotAfter: func(serial []byte) (time.Time, error) { return r.NotAfter(ctx, l.Name, serial) },
		Permitted: func(serial []byte, was, now override.Status) (bool, error) {
			return r.Permitted(ctx, l.Name, l.PublicName(), serial, was, now)
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
		return nil, &RecordError{Issuer: l.Name, Name: l.PublicName(),
			Err: fmt.Errorf("replacing %s: number %v under this name covers more than the new list would (%s): "+
				"restore the configuration of the issuer's lists, or publish the new ones under new names",
				l.PublicName(), old.Number, why)}
	}
	return p, nil
}

// SerialText is a serial as the log writes it: hex without leading zeros.
func SerialText(serial []byte) string {
	text := strings.TrimLeft(fmt.Sprintf("%x", serial), "0")
	if text == "" {
		return "0"
	}
	return text
}

// An InputError says that an input is refused for what it is, and not for a fault of this machine.
type InputError struct{ err error }

func (e *InputError) Error() string { return e.err.Error() }

func (e *InputError) Unwrap() error { return e.err }

// Refuse makes an InputError.
func Refuse(format string, args ...any) error { return &InputError{fmt.Errorf(format, args...)} }
