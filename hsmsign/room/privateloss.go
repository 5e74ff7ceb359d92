package room

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"go.uber.org/zap"

	"seihon/ledger"
)

// The private master is in the room and nowhere else: a copy of another host has the public part only. Where the log
// names private manifests and they are gone, nothing can be healed and no edit of the inventory be noticed. So a room
// without them is refused, until they are restored, or somebody says on record that they are lost for good. Then all
// that the inventory has is recorded anew, and only the history before is lost.

// CheckPrivate refuses a room whose log names a private manifest that is not here.
func CheckPrivate(ctx context.Context, log *ledger.Log) error {
	err := log.NewestPrivate(ctx)
	if errors.Is(err, ledger.ErrPrivateLost) {
		err = &RecordError{Err: fmt.Errorf("opening the master log: %w: restore private/ of the master from a "+
			"backup, an archive or an export made with --private; "+
			"if it is lost for good, `signer run --accept-private-loss REASON` says so on record and writes the "+
			"records of the inventory anew", err)}
	}
	return err
}

// acceptLoss puts on record what of the private master is lost, and writes the records of all rows anew. An inventory
// that is behind the log takes what is left before.
func (r *Room) acceptLoss(ctx context.Context) error {
	if r.lossReason == "" || r.DryRun {
		return nil
	}
	var err error
	r.loss, err = r.Log.Log().PrivateLoss(ctx, r.lossReason)
	if err != nil {
		return err
	}
	if r.loss == nil {
		return errors.New("--accept-private-loss: nothing of the private master is missing; leave the flag out")
	}
	r.logger.Warn("private manifests are lost for good; the records of the inventory are written anew",
		zap.String("entries", r.loss.Name))
	at, err := r.compare(ctx)
	if err != nil {
		return err
	}
	if !at.same {
		healed, err := r.mergeSince(ctx, at.from, nil, false)
		if err != nil {
			return err
		}
		r.Healed.Certificates = append(r.Healed.Certificates, healed.Certificates...)
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	if err := r.Log.Append(ctx, &ledger.Entry{Evidence: r.loss}); err != nil {
		return fmt.Errorf("recording what is lost: %w", err)
	}
	if _, err := r.Log.AppendPrivate(ctx, r.Inventory.Whole(ctx)); err != nil {
		return fmt.Errorf("recording the inventory anew: %w", err)
	}
	if len(r.Healed.Certificates) > 0 {
		return r.recordHealing(ctx, r.Healed)
	}
	_, err = r.commitJournal(ctx)
	return err
}

// AcceptedLoss are the numbers of the log's entries whose private manifests opening the room put on record as lost;
// empty when none.
func (r *Room) AcceptedLoss() string {
	if r.loss == nil {
		return ""
	}
	return r.loss.Name
}

// lostOnRecord reports whether reading the private manifest of an entry failed because it is lost, on record or about
// to be.
func (r *Room) lostOnRecord(ctx context.Context, entry int64, err error) (bool, error) {
	if r.loss != nil && errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return r.Log.Log().LostOnRecord(ctx, entry, err)
}
