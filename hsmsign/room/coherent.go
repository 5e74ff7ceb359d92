package room

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/crl"
	"seihon/hsmsign/memory"
	"seihon/inventory"
	"seihon/override"
)

// A CA that keeps its own software says by its lists what is revoked. The inventory has it from them, and answers are
// made from the inventory: so before one is signed or taken, and before a list is held against what is known, all rows
// are held against the newest lists in the master. What they say otherwise must come from an import or a command since;
// a row that somebody edited is set back to what the master says.

// Coherent makes the inventory say what the lists of an outside CA say, or fails.
func (r *Room) Coherent(ctx context.Context, a *Authority) error {
	if !a.External() {
		return nil
	}
	lists, err := r.NewestLists(ctx, a)
	if err != nil {
		return err
	}
	faults, err := r.Incoherent(ctx, a, lists)
	if err != nil {
		return err
	}
	return r.MendRows(ctx, a, lists, faults)
}

// MendRows heals what is otherwise in the inventory than in the lists, and looks again.
func (r *Room) MendRows(ctx context.Context, a *Authority, lists []*artifact.RevocationList,
	faults []memory.Fault) error {
	if len(faults) == 0 {
		return nil
	}
	unsaid := &RecordError{Issuer: a.Name, Name: "the answers", Faults: faults, Ours: true}
	if r.DryRun {
		return fmt.Errorf("%w; a dry run heals nothing: `signer run` does", unsaid)
	}
	healed, err := r.HealFaults(ctx, unsaid)
	if err != nil {
		return fmt.Errorf("%w; and it could not be healed: %w", unsaid, err)
	}
	if healed.Any() {
		if faults, err = r.Incoherent(ctx, a, lists); err != nil || len(faults) == 0 {
			return err
		}
		unsaid.Faults = faults
	}
	return unsaid
}

// NewestLists opens the newest lists of an issuer, also those that wait for their commit.
func (r *Room) NewestLists(ctx context.Context, a *Authority) ([]*artifact.RevocationList, error) {
	state, err := r.LogState(ctx)
	if err != nil {
		return nil, err
	}
	var all []*artifact.RevocationList
	for _, l := range ListsOf(a) {
		var digest artifact.Digest
		if line, ok := state.Get(l.PublicName()); ok {
			digest = line.Digest
		}
		for _, rec := range r.Pending {
			if rec.Name == l.PublicName() {
				digest = rec.Digest
			}
		}
		if digest.IsZero() {
			continue
		}
		one, err := r.masterList(ctx, a.Name, l.PublicName(), digest)
		if err != nil {
			return nil, fmt.Errorf("reading %s from the master: %w", l.PublicName(), err)
		}
		all = append(all, one)
	}
	return all, nil
}

// mostChanges bounds how many differences are looked into; with more, what is found is enough to refuse.
const mostChanges = 5000

// Incoherent returns what the inventory says otherwise than the lists, with nothing behind it.
func (r *Room) Incoherent(ctx context.Context, a *Authority, lists []*artifact.RevocationList) ([]memory.Fault, error) {
	if len(lists) == 0 {
		return nil, nil
	}
	var changes []memory.Fault
	for c, err := range r.differences(ctx, a, lists) {
		if err != nil {
			return nil, err
		}
		if c.Now, err = r.rowStatus(ctx, a.Name, c); err != nil {
			return nil, err
		}
		if c.Was.Equal(c.Now) || c.Was.State == override.Good && c.Now.State != override.Revoked {
			continue
		}
		if changes = append(changes, c); len(changes) == mostChanges {
			break
		}
	}
	if len(changes) == 0 {
		return nil, nil
	}
	return r.Unvouched(ctx, a.Name, changes)
}

// rowStatus is what the row of a certificate says. One that has expired may have left the list.
func (r *Room) rowStatus(ctx context.Context, issuer string, c memory.Fault) (override.Status, error) {
	e, err := r.Inventory.Get(ctx, issuer, c.Serial)
	switch {
	case errors.Is(err, inventory.ErrNotFound):
		return memory.Absent, nil
	case err != nil:
		return memory.Absent, err
	case e.State != inventory.Revoked, c.Was.State == override.Good && !e.NotAfter.IsZero() &&
		e.NotAfter.Before(r.Now()):
		return override.Status{State: override.Good}, nil
	}
	return memory.Revoked(e.Revocation.Time, e.Revocation.Reason, e.Revocation.InvalidityDate), nil
}

// differences walks the entries of the lists and the revoked rows side by side. What differs comes with the status by
// the lists, good where they have no entry.
func (r *Room) differences(ctx context.Context, a *Authority, lists []*artifact.RevocationList) iter.Seq2[memory.Fault,
	error] {
	return func(yield func(memory.Fault, error) bool) {
		rows, stop := iter.Pull2(r.Inventory.Revoked(ctx, a.Name, inventory.RevokedOptions{}))
		defer stop()
		row, err, more := rows()
		for e, bad := range saidBy(lists) {
			if bad != nil {
				yield(memory.Fault{}, bad)
				return
			}
			for ; more && err == nil && bytes.Compare(row.Serial, e.Serial) < 0; row, err, more = rows() {
				if !yield(memory.Fault{Serial: row.Serial, Was: override.Status{State: override.Good}}, nil) {
					return
				}
			}
			if err != nil {
				break
			}
			there := more && bytes.Equal(row.Serial, e.Serial)
			same := there && row.Time.Equal(e.Time) && max(row.Reason, 0) == max(e.Reason, 0) &&
				(e.InvalidityDate.IsZero() || e.InvalidityDate.Equal(row.InvalidityDate))
			if e.Reason == crl.RemoveFromCRL {
				same = !there
			}
			if there {
				invalidity := row.InvalidityDate
				row, err, more = rows()
				if e.InvalidityDate.IsZero() { // the inventory may know it from the CA's database
					e.InvalidityDate = invalidity
				}
			}
			if !same && !yield(memory.Fault{Serial: bytes.Clone(e.Serial), Was: saidStatus(e)}, nil) {
				return
			}
		}
		for ; more && err == nil; row, err, more = rows() {
			if !yield(memory.Fault{Serial: row.Serial, Was: override.Status{State: override.Good}}, nil) {
				return
			}
		}
		if err != nil {
			yield(memory.Fault{}, err)
		}
	}
}

// saidStatus is the status by an entry of a list.
func saidStatus(e artifact.RevokedEntry) override.Status {
	if e.Reason == crl.RemoveFromCRL {
		return override.Status{State: override.Good}
	}
	return memory.Revoked(e.Time, e.Reason, e.InvalidityDate)
}

// saidBy gives the entries of all lists by serial. Of two about one certificate it gives that of the newer list.
func saidBy(lists []*artifact.RevocationList) iter.Seq2[artifact.RevokedEntry, error] {
	return func(yield func(artifact.RevokedEntry, error) bool) {
		type place struct {
			walk *artifact.EntryReader
			head artifact.RevokedEntry
			of   time.Time
		}
		var open []*place
		advance := func(p *place) (more bool, err error) { return p.walk.Read(&p.head) }
		for _, l := range lists {
			walk, err := l.SortedReader()
			p := &place{walk: walk, of: l.ThisUpdate}
			more := false
			if err == nil {
				more, err = advance(p)
			}
			if err != nil {
				yield(artifact.RevokedEntry{}, err)
				return
			}
			if more {
				open = append(open, p)
			}
		}
		for len(open) > 0 {
			next := open[0]
			for _, p := range open[1:] {
				if c := bytes.Compare(p.head.Serial, next.head.Serial); c < 0 || c == 0 && p.of.After(next.of) {
					next = p
				}
			}
			said := next.head
			if !yield(said, nil) {
				return
			}
			left := open[:0]
			for _, p := range open {
				more := true
				var err error
				for more && err == nil && bytes.Equal(p.head.Serial, said.Serial) { // also where a list has it twice
					more, err = advance(p)
				}
				if err != nil {
					yield(artifact.RevokedEntry{}, err)
					return
				}
				if more {
					left = append(left, p)
				}
			}
			open = left
		}
	}
}
