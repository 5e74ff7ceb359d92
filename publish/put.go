package publish

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"seihon/artifact"
)

// rounds bounds how often a write is tried against conditions that change under
// it. Each round loses to another writer; ten in a row do not happen to names
// that change every hour.
const rounds = 10

// An outcome is what became of an item.
type outcome struct {
	op      string // "put", "replay" or "repair"; "" when left alone
	receipt Receipt
	finding *Finding
}

// put brings one item to the target under a condition that holds exactly when
// nobody else has been there.
func (s *session) put(ctx context.Context, it *item) (outcome, error) {
	var out outcome
	cond, got, err := s.firstCondition(ctx, it, &out)
	if err != nil {
		return outcome{}, err
	}
	for range rounds {
		if got != nil {
			done, next, err := s.compare(ctx, it, got, &out)
			if err != nil || done {
				return out, err
			}
			cond, got = next, nil
		}
		receipt, err := s.caller.put(ctx, it.object(), cond)
		switch {
		case err == nil:
			out.op, out.receipt = "put", receipt
			if it.predicted != "" && cond.IfMatch == it.predicted {
				s.caller.hits.Add(1)
			}
			if out.finding != nil {
				out.op, out.finding.Restored = "repair", true
				out.finding.Hint = restoredHint
			}
			return out, s.readBack(ctx, it)
		case errors.Is(err, ErrNotFound) && !cond.IfAbsent:
			out.finding = s.missing(it)
			cond = Condition{IfAbsent: true}
		case errors.Is(err, ErrConflict):
			got, err = s.look(ctx, it)
			if err != nil {
				return out, err
			}
			if got == nil { // it went away between the two requests, or 412 stood for 404
				if !cond.IfAbsent {
					out.finding = s.missing(it)
				}
				cond = Condition{IfAbsent: true}
			}
		default:
			return out, err
		}
	}
	return out, fmt.Errorf("putting %q: others keep changing it: gave up after %d rounds", it.name, rounds)
}

// firstCondition chooses the condition of the first try. It asks the store only
// when the master does not know what is there, or when the tag of what it knows
// cannot be predicted.
func (s *session) firstCondition(ctx context.Context, it *item, out *outcome) (Condition, *stored, error) {
	if !s.config.Repair {
		if it.fresh {
			return Condition{IfAbsent: true}, nil, nil
		}
		if it.predicted = s.predict(it); it.predicted != "" {
			return Condition{IfMatch: it.predicted}, nil, nil
		}
	}
	got, err := s.look(ctx, it)
	if errors.Is(err, ErrDenied) {
		// Without s3:ListBucket, S3 answers 403 for a missing object.
		return Condition{IfAbsent: true}, nil, nil
	}
	if err != nil || got != nil {
		return Condition{}, got, err
	}
	if s.promised(it) {
		out.finding = s.missing(it)
	}
	return Condition{IfAbsent: true}, nil, nil
}

// promised reports, for a repair, whether the target's checkpoint speaks of the
// item. Other syncs know it by what the item replaces.
func (s *session) promised(it *item) bool {
	return s.config.Repair && it.index >= 0 && it.index < s.plan.remote.size && !it.taken()
}

// keptPromise reports, for a repair, whether an older object is just what the target's checkpoint speaks of: the target
// is behind the master, and nobody put anything back.
func (s *session) keptPromise(ctx context.Context, it *item, got *stored) (bool, error) {
	if s.plan.remote.size == 0 {
		return false, nil
	}
	if it.step == nil {
		return it.promised == got.digest, nil
	}
	line, err := s.plan.promise.get(ctx, it.step.artifact())
	d := got.digest
	if it.kind == artifact.OCSPGeneration {
		d = bodyDigest(got.bytes)
	}
	return line != nil && line.Digest == d, err
}

// restoredHint is what remains to be done about a finding that was put right.
const restoredHint = "it was restored from the master; find out who did it"

// predict returns the tag that the object has if it holds what the master
// published there, "" if that cannot be said.
func (s *session) predict(it *item) string {
	tagger, ok := s.caller.store.(Tagger)
	if !ok || s.caller.unpredictable() || it.prevBytes == nil {
		return ""
	}
	b := it.prevBytes()
	if b == nil {
		return ""
	}
	return tagger.Tag(b)
}

// look reads what is under the item's name; nil when there is nothing.
func (s *session) look(ctx context.Context, it *item) (*stored, error) {
	got, err := s.caller.get(ctx, it.name, int64(len(it.bytes)), it.kind != artifact.OCSPBundle)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return got, err
}

// compare decides about an object that is there. It returns done when the item
// needs no write, and the condition of the next write otherwise.
func (s *session) compare(ctx context.Context, it *item, got *stored,
	out *outcome) (done bool, next Condition, err error) {
	v, err := s.judge(ctx, it, got)
	if err != nil {
		return false, next, err
	}
	if v == strange || v == older || v == newer || v == before {
		// A body that was damaged on the way must not be taken for drift.
		again, err := s.look(ctx, it)
		if err != nil {
			return false, next, err
		}
		if again == nil || again.digest != got.digest {
			if again == nil {
				return false, Condition{IfAbsent: true}, nil
			}
			if v, err = s.judge(ctx, it, again); err != nil {
				return false, next, err
			}
			got = again
		}
	}
	next = Condition{IfMatch: got.etag}
	switch {
	case v == same:
		if out.op == "" {
			out.op = "replay"
		}
		out.receipt = Receipt{ETag: got.etag}
		return true, next, nil
	case v == found:
		return false, next, nil
	case v == superseded && s.config.Repair && !it.taken():
		kept, err := s.keptPromise(ctx, it, got)
		if err == nil && !kept {
			out.finding = s.finding(it, Rollback, got)
		}
		return false, next, err
	case v == superseded:
		if it.predicted != "" && got.digest == it.prevDigest {
			s.caller.misses.Add(1)
		}
		return false, next, nil
	}
	out.finding = s.finding(it, FindingCode(v), got)
	return !s.config.Repair || v == newer || v == before, next, nil
}

// readBack reads what clients depend on and compares it with what was sent.
func (s *session) readBack(ctx context.Context, it *item) error {
	if !readBack(it.kind) {
		return nil
	}
	got, err := s.confirm(ctx, it)
	if got == nil {
		return err
	}
	if v, err := s.judge(ctx, it, got); err == nil && (v == same || v == newer) {
		return nil // another publisher, with a newer master, was just as quick
	}
	return fmt.Errorf("reading back %q: got SHA-256 %s, sent %s; something between us and the store alters or "+
		"caches it", it.name, got.digest, it.digest)
}

// confirm reads an object back, twice if need be, and returns what is there
// instead of what was sent; nil when it is the same.
func (s *session) confirm(ctx context.Context, it *item) (*stored, error) {
	var got *stored
	for again := range 2 {
		var err error
		got, err = s.caller.get(ctx, it.name, int64(len(it.bytes)), again == 1) // the bytes matter only if they differ
		if err != nil {
			return nil, fmt.Errorf("reading back %q: %w", it.name, err)
		}
		if got.digest == it.digest {
			return nil, nil
		}
	}
	return got, nil
}

// readBack reports whether relying parties depend on a kind under a name that
// stays.
func readBack(k artifact.Kind) bool {
	return k.IsRevocationList() || k == artifact.OCSPGeneration || k == artifact.Checkpoint
}

func (s *session) missing(it *item) *Finding {
	s.logger.Warn("object is missing on the target", zap.String("name", it.name))
	return &Finding{
		Code: Missing, Name: it.name, Want: it.digest,
		Detail: "the target's checkpoint promises this object, but it was not there",
		Hint:   "find out who removed it; the publisher needs no permission to delete",
	}
}

func (s *session) finding(it *item, code FindingCode, got *stored) *Finding {
	f := &Finding{Code: code, Name: it.name, Want: it.digest, Got: got.digest}
	switch code {
	case Drift:
		f.Detail = "the object holds bytes that the master never had under this name"
		f.Hint = "find out who wrote it, then run sync with --repair"
	case Rollback:
		f.Detail = "the object is older than what the target's checkpoint promises"
		f.Hint = "somebody put an old copy back: find out who, then run sync with --repair"
	case Before:
		f.Detail, f.Hint = s.earlierList(it, got)
	case Ahead:
		f.Detail = "the object is newer than this master and signed by the CA; it is left alone"
		f.Hint = "another publisher has a newer master: bring this copy up to date (publisher import)"
	}
	if code == Drift && errors.Is(s.newer(), ErrBehind) {
		f.Hint = "what lies beside it is newer than this master: bring this copy of the master up to date first, " +
			"then sync again"
	}
	s.logger.Warn("object is not what it should be", zap.String("name", it.name), zap.String("finding", string(code)),
		zap.Stringer("want", it.digest), zap.Stringer("got", got.digest))
	return f
}

// earlierList says what to do about a list of the CA from before the take-over.
func (s *session) earlierList(it *item, got *stored) (detail, hint string) {
	detail = "a list of this CA from before the take-over lies here: the master never had it"
	hint = "publisher adopt --target " + s.result.Target +
		" records what lies there, and the next sync replaces it; --repair does not"
	theirs, err := artifact.ParseRevocationList(got.bytes)
	if err == nil && theirs.Number != nil && it.list.Number != nil && theirs.Number.Cmp(it.list.Number) > 0 {
		detail += fmt.Sprintf(", and its number %d is higher than ours, %d", theirs.Number, it.list.Number)
		hint = fmt.Sprintf("save it and run signer import --issuer %s --crl FILE, which takes revocations and number "+
			"over, then signer crl and signer run, and publisher adopt here; "+
			"if another host publishes here, bring this copy of the master up to date instead (publisher import)",
			it.step.line.Issuer)
	}
	return detail, hint
}
