package hsmsign

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
	"seihon/inventory"
	"seihon/public"
)

// listDue reports whether the list must be made now, and why.
func (r *Room) listDue(ctx context.Context, l list, now time.Time) (why string, err error) {
	last, err := latest(ctx, r.inv, l.Name, l.kind, l.series())
	if err != nil {
		return "", fmt.Errorf("looking for the last list of %s: %w", l.name(), err)
	}
	if last == nil {
		return "first list", nil
	}
	if last.NextUpdate.Equal(crl.Final) { // RFC 5280 has no end for it: the CA is no more
		return "", nil
	}
	if !now.Before(last.ThisUpdate.Add(l.refresh())) {
		return "refresh", nil
	}
	if datedAhead(last.ThisUpdate, now) {
		return "dated ahead of the clock", nil
	}
	if l.kind == artifact.DeltaCRL { // revocations go to the full list at once
		return "", nil
	}
	return r.newlyRevoked(ctx, l, last)
}

// newlyRevoked reports whether a revocation was recorded that the last list does not hold.
func (r *Room) newlyRevoked(ctx context.Context, l list, last *inventory.ArtifactRecord) (string, error) {
	opts := l.options()
	opts.ChangedSince = last.ThisUpdate
	missing := map[string]inventory.Revocation{}
	for rev, err := range r.inv.Revoked(ctx, l.Name, opts) {
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
	old, err := r.readList(ctx, last)
	if err != nil {
		return "", err
	}
	for entry, err := range old.Entries() {
		if err != nil {
			return "", fmt.Errorf("reading %s: %w", l.name(), err)
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

func (r *Room) readList(ctx context.Context, rec *inventory.ArtifactRecord) (*artifact.RevocationList, error) {
	line, err := r.line(*rec)
	if err != nil {
		return nil, err
	}
	der, err := r.log.Log().ReadBlob(ctx, line)
	if err != nil {
		return nil, err
	}
	return artifact.ParseRevocationList(der)
}

// signList makes one list and stages it. When the inventory would unsay what the
// last list says, the room takes that back from the master and tries once more.
func (r *Room) signList(ctx context.Context, l list, now time.Time, final bool) error {
	err := r.signListOnce(ctx, l, now, final)
	var unsaid *RecordError
	if !errors.As(err, &unsaid) {
		return err
	}
	healed, herr := r.healFaults(ctx, unsaid)
	if herr != nil || !healed.Any() {
		return errors.Join(err, herr)
	}
	return r.signListOnce(ctx, l, now, final)
}

func (r *Room) signListOnce(ctx context.Context, l list, now time.Time, final bool) error {
	key, err := r.key(ctx, l.Key)
	if err != nil {
		return err
	}
	last, err := latest(ctx, r.inv, l.Name, l.kind, l.series())
	if err != nil {
		return err
	}
	if last != nil && last.ThisUpdate.After(now) && !datedAhead(last.ThisUpdate, now) {
		now = last.ThisUpdate // the clock was put right by seconds; the dates of lists do not go back
	}
	opts := l.options()
	if last != nil && !l.conf.KeepExpired {
		opts.ExpiredBefore = last.ThisUpdate // RFC 5280 §3.3: one regular list after the expiry
	}
	number, err := r.inv.NextCRLNumber(ctx, l.Name, l.series())
	if err != nil {
		return fmt.Errorf("taking a CRL number: %w", err)
	}
	t, err := r.listTemplate(ctx, l, number, now, &opts)
	if err != nil {
		return err
	}
	if final {
		t.NextUpdate, t.NextPublish, t.FreshestCRL = crl.Final, time.Time{}, nil
	}
	before, err := r.watchList(ctx, l, &t)
	if err != nil {
		return err
	}
	var der bytes.Buffer
	entries := before.Watch(r.listEntries(ctx, l, opts))
	_, err = crl.Encode(ctx, &der, t, r.confirmed(ctx, l, before, entries), key, crl.Options{Signature: signature(l.Key)})
	if errors.Is(err, memory.ErrFaults) {
		return &RecordError{Issuer: l.Name, Name: l.name(), Faults: before.Faults}
	}
	if err != nil {
		return fmt.Errorf("signing %s: %w", l.name(), err)
	}
	rec := inventory.ArtifactRecord{
		Issuer: l.Name, Kind: l.kind, Name: l.name(), Scope: l.series(),
		Number: number, ThisUpdate: t.ThisUpdate, NextUpdate: t.NextUpdate,
	}
	if err := r.stageList(ctx, l, rec, der.Bytes()); err != nil {
		return err
	}
	r.addExpired(l.Name, before.Expired)
	return nil
}

// stageList stages a list and, where the configuration asks for it, its copy in the history.
func (r *Room) stageList(ctx context.Context, l list, rec inventory.ArtifactRecord, der []byte) error {
	if err := r.stage(ctx, rec, der); err != nil {
		return err
	}
	if l.conf.History && l.kind == artifact.CRL && l.shard == inventory.AllShards {
		rec.Name, rec.Scope = public.Archived(l.Name, rec.Number), historyScope
		return r.stage(ctx, rec, der)
	}
	return nil
}

func (r *Room) listTemplate(ctx context.Context, l list, number *big.Int, now time.Time, opts *inventory.RevokedOptions) (crl.Template, error) {
	this := now.UTC().Truncate(time.Second)
	t := crl.Template{
		Issuer: l.cert, Number: number,
		ThisUpdate: this, NextUpdate: this.Add(l.conf.Validity.Std()), NextPublish: this.Add(l.refresh()),
	}
	switch {
	case l.kind == artifact.ARL:
		t.Scope = &crl.Scope{URIs: []string{r.publicURL(l.name())}, OnlyCACerts: true}
	case l.shard != inventory.AllShards:
		t.Scope = &crl.Scope{URIs: []string{r.publicURL(l.name())}}
	case l.kind == artifact.DeltaCRL:
		base, err := latest(ctx, r.inv, l.Name, artifact.CRL, "crl")
		if err != nil {
			return t, fmt.Errorf("signing %s: looking for the full list that is its base: %w", l.name(), err)
		}
		if base == nil {
			return t, fmt.Errorf("signing %s: there is no full list to be its base; sign one first", l.name())
		}
		t.BaseNumber, opts.ChangedSince = base.Number, base.ThisUpdate
		opts.ExpiredBefore = time.Time{}
	case l.conf.Delta > 0:
		t.FreshestCRL = []string{r.publicURL(public.List(l.Name, artifact.DeltaCRL))}
	}
	if l.conf.KeepExpired {
		t.ExpiredCertsOnCRL = l.cert.NotBefore
	}
	return t, nil
}

// listEntries turns the inventory's rows into CRL entries, without holding them.
func (r *Room) listEntries(ctx context.Context, l list, opts inventory.RevokedOptions) iter.Seq2[crl.Entry, error] {
	return func(yield func(crl.Entry, error) bool) {
		for rev, err := range r.inv.Revoked(ctx, l.Name, opts) {
			e := crl.Entry{Serial: rev.Serial, Time: rev.Time, Reason: rev.Reason, InvalidityDate: rev.InvalidityDate}
			e.Misissued = r.conf.Trust.IsMisissued(e.Serial)
			if bad := unlistable(&e); bad != nil && err == nil { // the others are not kept waiting
				r.leftOut = append(r.leftOut, fmt.Errorf("listing serial %x of %s: %w", e.Serial, l.Name, bad))
				continue
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}
