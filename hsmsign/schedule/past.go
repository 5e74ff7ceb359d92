package schedule

import (
	"context"
	"fmt"

	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/public"
)

// A CA that was taken over has a past: what it revoked before stands on its old lists. A first list here without that
// would unsay all of it, and no memory of this room could tell. So its past is imported first, or somebody says, on
// record, that there is none.

// checkPast refuses the first word of a CA that was taken over without its past.
func checkPast(ctx context.Context, r *room.Room, a *room.Authority) error {
	if a.External() { // its own lists bring its past, and nothing is answered without one
		return nil
	}
	state, err := r.LogState(ctx)
	if err != nil {
		return err
	}
	if _, spoke := state.Get(public.Generation(a.Name)); spoke {
		return nil
	}
	for _, l := range room.ListsOf(a) {
		if _, spoke := state.Get(l.PublicName()); spoke {
			return nil
		}
	}
	book := a.Parent
	if book == "" {
		book = a.Name
	}
	e, err := r.Inventory.Get(ctx, book, artifact.SerialBytes(a.Certificate))
	if err != nil {
		return fmt.Errorf("looking for the certificate of %s: %w", a.Name, err)
	}
	if !e.Imported {
		return nil
	}
	past, err := r.Inventory.HasPast(ctx, a.Name)
	if err != nil || past {
		return err
	}
	return &room.RecordError{Issuer: a.Name,
		Err: fmt.Errorf("signing for %s: it was taken over with --adopt, and what it revoked before was not: a first "+
			"list without that would unsay it; "+
			"take its past over (signer import --issuer %s --crl FILE, or --index, --csv, --jsonl, --sql), "+
			"or say on record that it has none: signer import --issuer %s --no-past REASON", a.Name, a.Name, a.Name)}
}
