package books

import (
	"context"
	"fmt"

	"seihon/artifact"
	"seihon/hsmsign/crl"
	"seihon/hsmsign/room"
	"seihon/internal/regular"
	"seihon/inventory"
	"seihon/ledger"
)

// Unsigned counts the changes of a status that relying parties cannot see yet: on no response, or not on the list.
func (s *Status) Unsigned() (n int64) {
	for _, i := range s.Counts {
		n += max(i.Unlisted, i.Unanswered)
	}
	return n
}

// unlisted counts the revocations and releases from hold that were recorded since the newest list, and that it does not
// show.
func (b *Books) unlisted(ctx context.Context, l room.List) (int64, error) {
	last, err := room.Latest(ctx, b.DB, l.Name, l.Kind, l.Series())
	if err != nil {
		return 0, err
	}
	opts := l.Options()
	if last != nil {
		opts.ChangedSince = last.ThisUpdate
		if !l.Config.KeepExpired {
			opts.ExpiredBefore = last.ThisUpdate
		}
	}
	changed := map[string]bool{} // serial → whether it is to be listed
	for rev, err := range b.Revoked(ctx, l.Name, opts) {
		if err != nil {
			return 0, fmt.Errorf("reading revocations of %s: %w", l.Name, err)
		}
		changed[string(rev.Serial)] = rev.Reason != crl.RemoveFromCRL
	}
	if last == nil || len(changed) == 0 {
		return int64(len(changed)), nil
	}
	return b.compareList(ctx, last, changed)
}

// compareList counts the changes that a list of the master does not show: those of the very second of its thisUpdate
// may be there or not.
func (b *Books) compareList(ctx context.Context, last *inventory.ArtifactRecord,
	changed map[string]bool) (int64, error) {
	log, err := room.OpenMaster(ctx, b.conf)
	if err != nil {
		return 0, err
	}
	der, err := regular.ReadFile(log.BlobPath(ledger.Line{Kind: last.Kind, Digest: last.Digest}))
	if err != nil {
		return 0, fmt.Errorf("reading the newest list %s: %w", last.Name, err)
	}
	if artifact.Sum(der) != last.Digest {
		return 0, fmt.Errorf("reading the newest list %s: the master's bytes are not those that were signed", last.Name)
	}
	old, err := artifact.ParseRevocationList(der)
	if err != nil {
		return 0, fmt.Errorf("reading the newest list %s: %w", last.Name, err)
	}
	var n int64
	for e, err := range old.Entries() {
		if err != nil {
			return 0, fmt.Errorf("reading the newest list %s: %w", last.Name, err)
		}
		if list, ok := changed[string(e.Serial)]; ok {
			if !list { // released, and still listed
				n++
			}
			delete(changed, string(e.Serial))
		}
	}
	for _, list := range changed {
		if list {
			n++
		}
	}
	return n, nil
}
