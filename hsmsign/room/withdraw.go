package room

import (
	"context"
	"fmt"

	"seihon/approval"
	"seihon/artifact"
	"seihon/ledger"
)

// Withdraw records that a name is no longer to be public. The master keeps its
// bytes and its history; a target removes the copy with `publisher sync --prune`.
func (r *Room) Withdraw(ctx context.Context, name, reason string) (size int64, err error) {
	if reason == "" {
		return 0, fmt.Errorf("withdrawing %s: the reason is empty; auditors will ask for it", name)
	}
	line, _, err := r.Log.Log().Lookup(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("withdrawing %s: %w", name, err)
	}
	err = r.Approve(ctx, Act(approval.Withdraw, "name", name, "sha256", line.Digest.String(), "reason", reason))
	if err != nil {
		return 0, err
	}
	entry := &ledger.Entry{Withdraw: &ledger.Withdraw{Names: []ledger.WithdrawnName{{Name: name, Digest: line.Digest,
		Reason: reason}}}}
	if err := r.Log.Append(ctx, entry); err != nil {
		return 0, fmt.Errorf("withdrawing %s: %w", name, err)
	}
	// The index page goes with it: it must not link to what is gone.
	if err := r.stageIndex(ctx, name); err != nil {
		return 0, err
	}
	return r.commitPending(ctx, "withdraw "+name, false)
}

// WouldWithdraw looks for what [Room.Withdraw] would withdraw.
func (r *Room) WouldWithdraw(ctx context.Context, name string) (artifact.Digest, error) {
	line, _, err := r.Log.Log().Lookup(ctx, name)
	if err != nil {
		return artifact.Digest{}, fmt.Errorf("withdrawing %s: %w", name, err)
	}
	return line.Digest, nil
}
