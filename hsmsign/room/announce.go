package room

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"seihon/inventory"
	"seihon/ledger"
)

// announcement is a batch with an issuance entry whose certificates the inventory does not have yet.
type announcement struct {
	issuer string
	entry  int64
	ledger.Issuance
	batch []inventory.Intent
}

// stageBatch reserves the serials and stages the commitment, with the records of the private master before it.
func (r *Room) stageBatch(ctx context.Context, a *Authority, batch []inventory.Intent) error {
	log := r.Log.Log()
	total, err := r.issuedTotal(ctx, a.Name)
	if err != nil {
		return err
	}
	// the private manifest goes first
	n := announcement{issuer: a.Name, entry: log.Size() + int64(r.Log.Staged()) + 1, batch: batch}
	for leaf := range batch {
		batch[leaf].Entry, batch[leaf].Leaf = n.entry, int64(leaf)
	}
	// The records are written while the serials are reserved: at a token that signs as quickly as software, that takes
	// a good part of the time.
	var private *ledger.Private
	var making errgroup.Group
	making.Go(func() (err error) {
		n.Root, n.Count = ledger.CommitmentRoot(commitments(batch))
		private, err = r.Log.StagePrivate(ctx, r.Inventory.IntentRecords(ctx, a.Name, n.entry, batch))
		return err
	})
	err = r.Inventory.ReserveIssuance(ctx, a.Name, log.Origin(), batch)
	if err = errors.Join(err, making.Wait()); err != nil {
		return err
	}
	n.Issuer, n.Total = a.Name, total+n.Count
	for _, e := range []*ledger.Entry{{Private: private}, {Issuance: &n.Issuance}} {
		if err := r.Log.Append(ctx, e); err != nil {
			return err
		}
	}
	r.announced = append(r.announced, n)
	return nil
}

// commitments gives the commitment to each certificate of a batch.
func commitments(batch []inventory.Intent) iter.Seq[ledger.Commitment] {
	return func(yield func(ledger.Commitment) bool) {
		for _, t := range batch {
			if !yield(ledger.Commit([ledger.SaltSize]byte(t.Salt), t.TBS)) {
				return
			}
		}
	}
}

// commitLog commits the log and notes what it commits to and was not signed.
func (r *Room) commitLog(ctx context.Context) error {
	if err := r.commitAnnounced(ctx); err != nil {
		return err
	}
	return r.noteAnnounced(ctx)
}

// commitAnnounced commits the log and reads back that it has the commitments, before anything is signed.
func (r *Room) commitAnnounced(ctx context.Context) error {
	if _, err := r.Log.Commit(ctx); err != nil {
		return fmt.Errorf("signing the checkpoint: %w", err)
	}
	for _, n := range r.announced {
		e, err := r.Log.Log().Entry(ctx, n.entry)
		if err != nil {
			return err
		}
		if e.Issuance == nil || *e.Issuance != n.Issuance {
			return &RecordError{Err: fmt.Errorf("committing to certificates of %s: entry %d of the master log is not "+
				"the commitment to them", n.issuer, n.entry)}
		}
	}
	return nil
}

// noteAnnounced keeps in the inventory what the log commits to and was not signed: when the
// position of the inventory moves past the commitment, nobody reads it from the log again.
func (r *Room) noteAnnounced(ctx context.Context) error {
	for len(r.announced) > 0 {
		n := r.announced[0]
		if err := r.Inventory.Committed(ctx, n.issuer, r.Log.Log().Origin(), n.batch); err != nil {
			return err
		}
		r.announced = r.announced[1:]
	}
	return nil
}

// issuedTotal is how many certificates of an issuer the log commits to.
func (r *Room) issuedTotal(ctx context.Context, issuer string) (int64, error) {
	for _, n := range slices.Backward(r.announced) {
		if n.issuer == issuer {
			return n.Total, nil
		}
	}
	log := r.Log.Log()
	entry, err := r.Inventory.LastIssuance(ctx, issuer, log.Origin())
	if err != nil {
		return 0, err
	}
	if entry >= 0 {
		e, err := log.Entry(ctx, entry)
		if err != nil {
			return 0, err
		}
		if e.Issuance != nil && e.Issuance.Issuer == issuer {
			return e.Issuance.Total, nil
		}
	}
	// once for each issuer: nothing was issued yet, as far as the inventory knows
	for i := log.Size() - 1; i >= 0; i-- {
		e, err := log.Entry(ctx, i)
		if err != nil {
			return 0, err
		}
		if e.Issuance != nil && e.Issuance.Issuer == issuer {
			return e.Issuance.Total, nil
		}
	}
	return 0, nil
}
