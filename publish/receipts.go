package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"seihon/artifact"
	"seihon/ledger"
)

// receiptsPerEntry keeps an entry of the publication log below its limit of
// 65,535 bytes, with names and tags of the greatest length.
const receiptsPerEntry = 60

// receipt makes the record of one write. The digest is the ledger's, also for
// generations, whose public copies carry a proof besides.
func (s *session) receipt(name string, kind artifact.Kind, d artifact.Digest, size int64, out outcome) ledger.Receipt {
	r := ledger.Receipt{
		Op: out.op, Name: name, Kind: kind, Digest: d, Size: size,
		ETag: out.receipt.ETag, Version: out.receipt.Version, Time: s.now().UTC().Truncate(1e9),
	}
	if out.receipt.Generation != 0 {
		r.Generation = strconv.FormatInt(out.receipt.Generation, 10)
	}
	return r
}

// recorded is the size up to which the publication log has the receipts of a target whose checkpoint is of a size. The
// receipt of the checkpoint tells: it comes last. A sync that was killed between writing the checkpoint and recording
// has left less, and the next one compares what it wrote once more, which leaves the receipts.
func recorded(ctx context.Context, log *ledger.Log, target string, size int64) (int64, error) {
	for i := log.Size() - 1; i >= 0; i-- {
		e, err := log.Entry(ctx, i)
		switch {
		case err != nil:
			return 0, fmt.Errorf("looking for the last receipts of target %q: %w", target, err)
		case e.Anchor != nil && e.Anchor.Kind == ledger.AnchorPredecessor:
			return size, nil // another log had the receipts until then
		case e.Publish != nil && e.Publish.Target == target &&
			slices.ContainsFunc(e.Publish.Receipts, func(r ledger.Receipt) bool {
				return r.Name == CheckpointName && r.Op != ledger.OpFound
			}):
			return min(size, e.Publish.MasterSize), nil
		}
	}
	return 0, nil
}

// Unrecorded returns [ErrUnrecorded] where a target whose checkpoint is of a size is further than a publication log and
// the memory in a state directory can account for.
func Unrecorded(ctx context.Context, log *ledger.Log, dir, target string, size int64) error {
	known, err := recall(dir, target)
	if err != nil {
		return err
	}
	from, err := recorded(ctx, log, target, size)
	if err != nil {
		return err
	}
	return known.account(target, from, size)
}

// account refuses a checkpoint of a size that neither the receipts, which go up to another, nor a sync that was begun
// explain.
func (m *memory) account(target string, receipts, size int64) error {
	if size <= max(receipts, m.Begun) {
		return nil
	}
	return fmt.Errorf("the checkpoint of target %q has size %d, and the publication log has its receipts up to %d, "+
		"nor did a sync from here go further: %w",
		target, size, receipts, ErrUnrecorded)
}

// record writes what a session did into the publication log: receipts in
// chunks, and each refusal. A sync that did nothing leaves no entry.
func (s *session) record(ctx context.Context, w *ledger.Writer) error {
	root := s.config.Master.Root()
	for i := 0; i < len(s.receipts); i += receiptsPerEntry {
		chunk := s.receipts[i:min(i+receiptsPerEntry, len(s.receipts))]
		err := w.Append(ctx, &ledger.Entry{Publish: &ledger.Publish{
			Target: s.result.Target, MasterSize: s.config.Master.Size(), MasterRoot: root, Receipts: chunk,
		}})
		if err != nil {
			return err
		}
	}
	for _, r := range s.result.Refused {
		err := w.Append(ctx, &ledger.Entry{Refusal: &ledger.Refusal{
			Target: s.result.Target, Name: r.Name, Kind: r.Kind, Digest: r.Digest, Rule: r.Refusal.Rule,
			Reason: r.Refusal.Reason,
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// recordAll writes the sessions of one sync and commits them as one.
func recordAll(ctx context.Context, w *ledger.Writer, sessions []*session) error {
	if w == nil {
		return nil
	}
	var errs []error
	appended := false
	for _, s := range sessions {
		if s == nil || len(s.receipts) == 0 && len(s.result.Refused) == 0 {
			continue
		}
		appended = true
		if err := s.record(ctx, w); err != nil {
			errs = append(errs, fmt.Errorf("recording the receipts of target %q: %w", s.result.Target, err))
		}
	}
	if !appended {
		return nil
	}
	if _, err := w.Commit(ctx); err != nil {
		errs = append(errs, fmt.Errorf("committing the publication log: %w", err))
	}
	return errors.Join(errs...)
}
