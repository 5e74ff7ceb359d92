package schedule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/crl"
	"seihon/hsmsign/memory"
	"seihon/hsmsign/room"
	"seihon/inventory"
	"seihon/public"
)

// listDue reports whether the list must be made now, and why.
func listDue(ctx context.Context, r *room.Room, l room.List, now time.Time) (why string, err error) {
	last, err := room.Latest(ctx, r.Inventory, l.Name, l.Kind, l.Series())
	if err != nil {
		return "", fmt.Errorf("looking for the last list of %s: %w", l.PublicName(), err)
	}
	if last == nil {
		return "first list", nil
	}
	if last.NextUpdate.Equal(crl.Final) { // RFC 5280 has no end for it: the CA is no more
		return "", nil
	}
	if !now.Before(last.ThisUpdate.Add(l.Refresh())) {
		return "refresh", nil
	}
	if room.DatedAhead(last.ThisUpdate, now) {
		return "dated ahead of the clock", nil
	}
	if l.Kind == artifact.DeltaCRL { // revocations go to the full list at once
		return "", nil
	}
	return newlyRevoked(ctx, r, l, last)
}

// newlyRevoked reports whether a revocation was recorded that the last list does not hold.
func newlyRevoked(ctx context.Context, r *room.Room, l room.List, last *inventory.ArtifactRecord) (string, error) {
	opts := l.Options()
	opts.ChangedSince = last.ThisUpdate
	missing := map[string]inventory.Revocation{}
	for rev, err := range r.Inventory.Revoked(ctx, l.Name, opts) {
		if err != nil {
			return "", fmt.Errorf("reading revocations of %s: %w", l.Name, err)
		}
		if rev.Time.IsZero() || inventory.CheckDate(rev.Time) != nil {
			continue // it cannot be listed, and the run says so each time
		}
		missing[string(rev.Serial)] = rev.Revocation
	}
	if len(missing) == 0 {
		return "", nil
	}
	// A revocation of the very second of thisUpdate may or may not be on the list: look.
	old, err := readList(ctx, r, last)
	if err != nil {
		return "", err
	}
	for entry, err := range old.Entries() {
		if err != nil {
			return "", fmt.Errorf("reading %s: %w", l.PublicName(), err)
		}
		rev, ok := missing[string(entry.Serial)]
		now := memory.Revoked(rev.Time, rev.Reason, rev.InvalidityDate)
		switch {
		case !ok:
		case rev.Reason == crl.RemoveFromCRL:
			return "release from hold", nil
		case now.String() != memory.Revoked(entry.Time, entry.Reason, entry.InvalidityDate).String():
			return "changed revocation", nil
		default:
			delete(missing, string(entry.Serial))
		}
	}
	for _, rev := range missing {
		if rev.Reason != crl.RemoveFromCRL {
			return "revocation", nil
		}
	}
	return "", nil
}

func readList(ctx context.Context, r *room.Room, rec *inventory.ArtifactRecord) (*artifact.RevocationList, error) {
	line, err := r.Line(*rec)
	if err != nil {
		return nil, err
	}
	der, err := r.Log.Log().ReadBlob(ctx, line)
	if err != nil {
		return nil, err
	}
	return artifact.ParseRevocationList(der)
}

// signList makes one list and stages it. When the inventory would unsay what the
// last list says, the room takes that back from the master and tries once more.
func signList(ctx context.Context, r *room.Room, l room.List, now time.Time, final bool) error {
	err := signListOnce(ctx, r, l, now, final)
	var unsaid *room.RecordError
	if !errors.As(err, &unsaid) {
		return err
	}
	healed, herr := r.HealFaults(ctx, unsaid)
	if herr != nil || !healed.Any() {
		return errors.Join(err, herr)
	}
	return signListOnce(ctx, r, l, now, final)
}

func signListOnce(ctx context.Context, r *room.Room, l room.List, now time.Time, final bool) error {
	key, err := r.Key(ctx, l.Key)
	if err != nil {
		return err
	}
	last, err := room.Latest(ctx, r.Inventory, l.Name, l.Kind, l.Series())
	if err != nil {
		return err
	}
	if last != nil && last.ThisUpdate.After(now) && !room.DatedAhead(last.ThisUpdate, now) {
		now = last.ThisUpdate // the clock was put right by seconds; the dates of lists do not go back
	}
	opts := l.Options()
	if last != nil && !l.Config.KeepExpired {
		opts.ExpiredBefore = last.ThisUpdate // RFC 5280 §3.3: one regular list after the expiry
	}
	number, err := r.Inventory.NextCRLNumber(ctx, l.Name, l.Series())
	if err != nil {
		return fmt.Errorf("taking a CRL number: %w", err)
	}
	t, err := listTemplate(ctx, r, l, number, now, &opts)
	if err != nil {
		return err
	}
	if final {
		t.NextUpdate, t.NextPublish, t.FreshestCRL = crl.Final, time.Time{}, nil
	}
	before, err := r.WatchList(ctx, l, &t)
	if err != nil {
		return err
	}
	var der bytes.Buffer
	entries := before.Watch(listEntries(ctx, r, l, opts))
	_, err = crl.Encode(ctx, &der, t, r.Confirmed(ctx, l, before, entries), key,
		crl.Options{Signature: room.Signature(l.Key)})
	if errors.Is(err, memory.ErrFaults) {
		return &room.RecordError{Issuer: l.Name, Name: l.PublicName(), Faults: before.Faults}
	}
	if err != nil {
		return fmt.Errorf("signing %s: %w", l.PublicName(), err)
	}
	rec := inventory.ArtifactRecord{
		Issuer: l.Name, Kind: l.Kind, Name: l.PublicName(), Scope: l.Series(),
		Number: number, ThisUpdate: t.ThisUpdate, NextUpdate: t.NextUpdate,
	}
	if err := stageList(ctx, r, l, rec, der.Bytes()); err != nil {
		return err
	}
	r.AddExpired(l.Name, before.Expired)
	return nil
}

// stageList stages a list and, where the configuration asks for it, its copy in the history.
func stageList(ctx context.Context, r *room.Room, l room.List, rec inventory.ArtifactRecord, der []byte) error {
	if err := r.Stage(ctx, rec, der); err != nil {
		return err
	}
	if l.Config.History && l.Kind == artifact.CRL && l.Shard == inventory.AllShards {
		rec.Name, rec.Scope = public.Archived(l.Name, rec.Number), room.HistoryScope
		return r.Stage(ctx, rec, der)
	}
	return nil
}

func listTemplate(ctx context.Context, r *room.Room, l room.List, number *big.Int, now time.Time,
	opts *inventory.RevokedOptions) (crl.Template, error) {
	this := now.UTC().Truncate(time.Second)
	t := crl.Template{
		Issuer: l.Certificate, Number: number,
		ThisUpdate: this, NextUpdate: this.Add(l.Config.Validity.Std()), NextPublish: this.Add(l.Refresh()),
	}
	switch {
	case l.Kind == artifact.ARL:
		t.Scope = &crl.Scope{URIs: []string{r.PublicURL(l.PublicName())}, OnlyCACerts: true}
	case l.Shard != inventory.AllShards:
		t.Scope = &crl.Scope{URIs: []string{r.PublicURL(l.PublicName())}}
	case l.Kind == artifact.DeltaCRL:
		base, err := room.Latest(ctx, r.Inventory, l.Name, artifact.CRL, "crl")
		if err != nil {
			return t, fmt.Errorf("signing %s: looking for the full list that is its base: %w", l.PublicName(), err)
		}
		if base == nil {
			return t, fmt.Errorf("signing %s: there is no full list to be its base; sign one first", l.PublicName())
		}
		t.BaseNumber, opts.ChangedSince = base.Number, base.ThisUpdate
		opts.ExpiredBefore = time.Time{}
	case l.Config.Delta > 0:
		t.FreshestCRL = []string{r.PublicURL(public.List(l.Name, artifact.DeltaCRL))}
	}
	if l.Config.KeepExpired {
		t.ExpiredCertsOnCRL = l.Certificate.NotBefore
	}
	return t, nil
}

// listEntries turns the inventory's rows into CRL entries, without holding them.
func listEntries(ctx context.Context, r *room.Room, l room.List, opts inventory.RevokedOptions) iter.Seq2[crl.Entry,
	error] {
	return func(yield func(crl.Entry, error) bool) {
		for rev, err := range r.Inventory.Revoked(ctx, l.Name, opts) {
			e := crl.Entry{Serial: rev.Serial, Time: rev.Time, Reason: rev.Reason, InvalidityDate: rev.InvalidityDate}
			e.Misissued = r.Config.Trust.IsMisissued(e.Serial)
			if bad := room.Unlistable(&e); bad != nil && err == nil { // the others are not kept waiting
				r.LeftOut = append(r.LeftOut, fmt.Errorf("listing serial %x of %s: %w", e.Serial, l.Name, bad))
				continue
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}
