package room

import (
	"context"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"seihon/artifact"
	"seihon/hsmsign/cert"
	"seihon/inventory"
	"seihon/ledger"
)

// finishBatch bounds how many interrupted certificates are signed at a time.
const finishBatch = 1000

// finishIssuance ends what an earlier process began: a certificate that the log
// commits to and that was not recorded is signed now, the same octets, and the
// log says so. What was reserved and never came into the log is dropped: nobody
// was told of it, and its serials are not used again. By then, healing has taken
// from the private master what the inventory did not know (inventory/heal_intent.go).
func (r *Room) finishIssuance(ctx context.Context) error {
	origin := r.Log.Log().Origin()
	dropped, err := r.Inventory.DropUncommitted(ctx, origin)
	if err != nil {
		return err
	}
	if dropped > 0 {
		r.logger.Warn("an interrupted issuance was dropped: the log had not committed to it",
			zap.Int64("certificates", dropped))
	}
	finished := 0
	for i := range r.Config.Issuers {
		a := r.Authorities[r.Config.Issuers[i].Name]
		var batch []inventory.Intent
		for t, err := range r.Inventory.Pending(ctx, a.Name, origin) {
			if err != nil {
				return err
			}
			batch = append(batch, t)
		}
		for part := range slices.Chunk(batch, finishBatch) {
			if err := r.finish(ctx, a, part); err != nil {
				// The room must go on signing for the other issuers; the auditor sees the open commitment.
				r.logger.Error("certificates that the master log commits to could not be signed; the next command "+
					"tries again",
					zap.String("issuer", a.Name), zap.Int("certificates", len(part)), zap.Error(err))
				continue
			}
			finished += len(part)
		}
	}
	if finished == 0 {
		return nil
	}
	if _, err := r.Commit(ctx, "finished an interrupted issuance"); err != nil {
		return err
	}
	return r.loadAuthorities(ctx)
}

// finish signs and records a part of what was interrupted, and stages the evidence.
func (r *Room) finish(ctx context.Context, a *Authority, batch []inventory.Intent) error {
	if a.Certificate == nil && a.Parent != "" {
		return fmt.Errorf("issuer %s has no certificate", a.Name)
	}
	log := r.Log.Log()
	for _, t := range batch {
		e, err := log.Entry(ctx, t.Entry)
		if err != nil {
			return err
		}
		if e.Issuance == nil || e.Issuance.Issuer != a.Name || t.Leaf >= e.Issuance.Count {
			return fmt.Errorf("entry %d of the master log does not commit to serial %x", t.Entry, t.Serial)
		}
	}
	key, err := r.Key(ctx, a.Key)
	if err != nil {
		return err
	}
	signed := make([]issued, len(batch))
	err = r.parallel(ctx, r.Workers(a.Key), len(batch), func(ctx context.Context, n int) error {
		der, err := cert.SignTBS(ctx, batch[n].TBS, a.Certificate, key)
		if err != nil {
			return err
		}
		signed[n], err = readBack(a.Name, &batch[n], der)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := r.recordBatch(ctx, a, batch, signed); err != nil {
		return err
	}
	r.logger.Warn("finished an interrupted issuance", zap.String("issuer", a.Name), zap.Int("certificates", len(batch)))
	var all []byte
	for _, c := range signed {
		sum := artifact.Sum(c.Raw)
		all = append(all, sum[:]...)
	}
	return r.Log.Append(ctx,
		&ledger.Entry{Evidence: &ledger.Evidence{Kind: "issuance-finished", Name: a.Name, Digest: artifact.Sum(all),
			Note: fmt.Sprintf("%d certificates committed to in entry %d and later were signed after an interruption",
				len(batch), batch[0].Entry)}})
}
