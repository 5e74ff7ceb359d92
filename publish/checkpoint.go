package publish

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
)

// A remoteState is what a target says it holds.
type remoteState struct {
	size int64
	note []byte // nil when there is no checkpoint
	etag string // of the checkpoint object

	alien bool // it is not ours, and is to be replaced
}

// maxCheckpoint is more than a checkpoint with many cosignatures needs.
const maxCheckpoint = 1 << 20

// readRemote reads the target's checkpoint and compares it with the master. The
// error says why the target must not be touched; the finding is in the result.
func (s *session) readRemote(ctx context.Context) (*remoteState, error) {
	got, err := s.caller.get(ctx, CheckpointName, maxCheckpoint, true)
	switch {
	case errors.Is(err, ErrNotFound):
		return &remoteState{}, nil
	case errors.Is(err, ErrDenied):
		// Without s3:ListBucket, S3 answers 403 for a missing object. If one is
		// there after all, the conditions of the writes will tell.
		s.logger.Info("reading the checkpoint is denied; taking it as absent", zap.Error(err))
		return &remoteState{}, nil
	case err != nil:
		return nil, fmt.Errorf("reading the checkpoint of target %q: %w", s.result.Target, err)
	}
	bad := s.config.Master.Consistent(ctx, got.bytes)
	if bad != nil {
		// A body that was damaged on the way must not be taken for another log's.
		if again, err := s.caller.get(ctx, CheckpointName, maxCheckpoint, true); err == nil &&
			again.digest != got.digest {
			got, bad = again, s.config.Master.Consistent(ctx, again.bytes)
		}
	}
	r := &remoteState{note: got.bytes, etag: got.etag}
	if bad != nil {
		return s.alien(r, got, bad)
	}
	r.size, err = noteSize(got.bytes)
	return r, err
}

// alien handles a checkpoint that is not of a prefix of the master's log.
func (s *session) alien(r *remoteState, got *stored, err error) (*remoteState, error) {
	f := Finding{Code: Foreign, Name: CheckpointName, Want: artifact.Sum(s.config.Master.Checkpoint()), Got: got.digest,
		Detail: err.Error()}
	switch {
	case errors.Is(err, ledger.ErrFork):
		f.Code, f.Hint = Fork,
			"the target and this master were both signed and contradict each other: keep both as evidence and stop "+
				"publishing"
	case errors.Is(err, ledger.ErrRollback):
		f.Code, f.Hint = Ahead,
			"the target knows more than this master: bring this copy up to date (publisher import with the newest "+
				"export), then sync again"
	case errors.Is(err, ledger.ErrOrigin):
		f.Hint = "the bucket belongs to another log: check the target's name in the configuration"
	case s.config.Repair:
		// Signed by nobody we know, under our own origin or none: damage.
		f.Hint = "the damaged checkpoint is being replaced from the master"
		f.Restored, r.alien = true, true
		s.result.Findings = append(s.result.Findings, f)
		return r, nil
	default:
		f.Hint = "if the target is ours, its checkpoint was damaged: run sync with --repair"
	}
	s.result.Findings = append(s.result.Findings, f)
	return nil, fmt.Errorf("target %q is refused: %w", s.result.Target, err)
}

// noteSize reads the tree size of a checkpoint that was verified before: its
// second line (C2SP tlog-checkpoint).
func noteSize(note []byte) (int64, error) {
	lines := strings.SplitN(string(note), "\n", 3)
	if len(lines) < 3 {
		return 0, errors.New("reading the size of a checkpoint: it has no second line")
	}
	n, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("reading the size of a checkpoint: %q is not a size", lines[1])
	}
	return n, nil
}

// putCheckpoint makes the promise: everything up to this size is there. It
// never replaces a checkpoint of a larger tree.
func (s *session) putCheckpoint(ctx context.Context) error {
	r := s.plan.remote
	if s.plan.To == 0 || r.size == s.plan.To && s.plan.From == r.size {
		return nil
	}
	if r.size == s.plan.To && !r.alien {
		s.promiseStands(r.note)
		return nil
	}
	note, err := s.note(ctx)
	if err != nil {
		return err
	}
	it := &item{
		name: CheckpointName, kind: artifact.Checkpoint, digest: artifact.Sum(note), bytes: note,
		header: public.HeaderFor(artifact.Checkpoint, time.Time{}, time.Time{}, s.now(), s.plan.config.Cadence),
	}
	cond := Condition{IfAbsent: true}
	if s.plan.remote.note != nil {
		cond = Condition{IfMatch: s.plan.remote.etag}
	}
	for range rounds {
		receipt, err := s.caller.put(ctx, it.object(), cond)
		if err == nil {
			return s.committed(ctx, it, receipt)
		}
		if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound) {
			return err
		}
		done, next, err := s.checkpointConflict(ctx, it)
		if done || err != nil {
			return err
		}
		cond = next
	}
	return fmt.Errorf("putting the checkpoint: others keep changing it: gave up after %d rounds", rounds)
}

// note returns the signed checkpoint of the size the plan leads to.
func (s *session) note(ctx context.Context) ([]byte, error) {
	if s.plan.To == s.config.Master.Size() {
		return s.config.Master.Checkpoint(), nil
	}
	return s.config.Master.ArchivedCheckpoint(ctx, s.plan.To)
}

func (s *session) committed(ctx context.Context, it *item, receipt Receipt) error {
	if err := s.readBackCheckpoint(ctx, it); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Size = s.plan.To
	s.result.Counts.Sent++
	s.result.Counts.Bytes += int64(len(it.bytes))
	s.receipts = append(s.receipts,
		s.receipt(it.name, it.kind, it.digest, int64(len(it.bytes)), outcome{op: "put", receipt: receipt}))
	return nil
}

// promiseStands notes that the checkpoint is there already.
func (s *session) promiseStands(note []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Size = s.plan.To
	s.result.Counts.Replayed++
	s.receipts = append(s.receipts,
		s.receipt(CheckpointName, artifact.Checkpoint, artifact.Sum(note), int64(len(note)), outcome{op: "replay"}))
}

// readBackCheckpoint accepts our checkpoint, or a larger one of the same log
// that another publisher wrote in the meantime.
func (s *session) readBackCheckpoint(ctx context.Context, it *item) error {
	got, err := s.confirm(ctx, it)
	if got == nil {
		return err
	}
	if err := s.config.Master.Consistent(ctx, got.bytes); errors.Is(err, ledger.ErrRollback) {
		return nil
	}
	return fmt.Errorf("reading back %q: got SHA-256 %s, sent %s; something between us and the store alters or "+
		"caches it", it.name, got.digest, it.digest)
}

// checkpointConflict looks at the checkpoint that was there instead.
func (s *session) checkpointConflict(ctx context.Context, it *item) (done bool, next Condition, err error) {
	got, err := s.caller.get(ctx, it.name, maxCheckpoint, true)
	if errors.Is(err, ErrNotFound) {
		return false, Condition{IfAbsent: true}, nil
	}
	if err != nil {
		return false, next, err
	}
	if got.digest == it.digest {
		s.promiseStands(got.bytes)
		return true, next, nil
	}
	err = s.config.Master.Consistent(ctx, got.bytes)
	if err != nil && s.config.Repair && !errors.Is(err, ledger.ErrFork) && !errors.Is(err, ledger.ErrRollback) &&
		!errors.Is(err, ledger.ErrOrigin) {
		return false, Condition{IfMatch: got.etag}, nil
	}
	if err != nil {
		_, err := s.alien(&remoteState{}, got, err)
		return true, next, err
	}
	size, err := noteSize(got.bytes)
	if err != nil {
		return true, next, err
	}
	if size >= s.plan.To {
		s.result.Size = size // another publisher made the same promise
		return true, next, nil
	}
	return false, Condition{IfMatch: got.etag}, nil
}
