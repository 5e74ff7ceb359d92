package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"seihon/artifact"
	"seihon/ledger"
)

// expand sends the responses of an issuer that changed, bundle by bundle.
func (s *session) expand(ctx context.Context, step *Step, launch func(int64, func(context.Context) error) bool) error {
	promised, err := s.promisedResponses(ctx, step)
	if err != nil {
		return err
	}
	defer promised.close()
	for _, gb := range step.expand.changed() {
		line := bundleLine(gb)
		run := &bundleRun{session: s, step: step.Name, index: step.index, line: line}
		for m, err := range step.expand.members(ctx, s.config.Master, gb, func(l ledger.Line) error {
			return s.config.Master.CheckBlob(ctx, l)
		}) {
			if err != nil {
				if ctx.Err() != nil {
					return nil
				}
				s.keepBack(line.Name, line.Kind, line.Digest,
					&problem{err: fmt.Errorf("reading %q from the master: %w", line.Name, err)})
				run.fail()
				break
			}
			if m.removed {
				continue
			}
			if der, err := promised.lookup(m.key); err != nil {
				return err
			} else if der != nil {
				m.promised = artifact.Sum(der)
			}
			m.der, m.prev = append([]byte(nil), m.der...), append([]byte(nil), m.prev...)
			if len(m.prev) == 0 {
				m.prev = nil
			}
			run.pending.Add(1)
			size := int64(len(m.der))
			if !launch(size, func(ctx context.Context) error { return run.send(ctx, m) }) {
				return nil
			}
		}
		run.close()
	}
	return nil
}

// promisedResponses are, for a repair, those of the generation that the target's checkpoint speaks of: a target that
// has them is behind, and nobody put them back.
func (s *session) promisedResponses(ctx context.Context, step *Step) (*oldGeneration, error) {
	none := openOld(s.config.Master, nil)
	if !s.config.Repair || s.plan.remote.size == 0 {
		return none, nil
	}
	line, err := s.plan.promise.get(ctx, step.Name)
	if line == nil || err != nil {
		return none, err
	}
	g, err := readGeneration(ctx, s.config.Master, *line)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil // as in an oldGeneration: unknown, and so told
	}
	return openOld(s.config.Master, g), err
}

// A bundleRun counts the responses of one bundle. One receipt stands for all of
// them: a receipt each would make the publication log as large as the target.
type bundleRun struct {
	session *session
	step    string // the generation, which the next sync takes up again if one fails
	index   int64
	line    ledger.Line
	pending atomic.Int64
	failed  atomic.Bool
	read    atomic.Bool // all responses are on their way
	once    sync.Once
}

func (r *bundleRun) fail() {
	if !r.failed.Swap(true) {
		r.session.hold(r.step)
	}
}

func (r *bundleRun) send(ctx context.Context, m member) error {
	s := r.session
	it, p := s.loadMember(m, r.index)
	if p != nil {
		s.keepBack(m.name, artifact.OCSPResponse, artifact.Sum(m.der), p)
		r.fail()
		r.settle()
		return nil
	}
	ok, err := s.send(ctx, it)
	if !ok || err != nil {
		r.fail()
	}
	r.settle()
	return err
}

func (r *bundleRun) settle() {
	if r.pending.Add(-1) == 0 && r.read.Load() {
		r.once.Do(r.record)
	}
}

func (r *bundleRun) close() {
	r.read.Store(true)
	if r.pending.Load() == 0 {
		r.once.Do(r.record)
	}
}

func (r *bundleRun) record() {
	if r.failed.Load() {
		return
	}
	s := r.session
	s.mu.Lock()
	defer s.mu.Unlock()
	s.receipts = append(s.receipts,
		s.receipt(r.line.Name, artifact.OCSPBundle, r.line.Digest, r.line.Size, outcome{op: "put"}))
}

// remove deletes a withdrawn object, if it still holds bytes that the master
// published there.
func (s *session) remove(ctx context.Context, step *Step) error {
	if step.expand != nil {
		return s.removeMembers(ctx, step)
	}
	known := append([]artifact.Digest{step.Digest}, step.older...)
	if step.prev != nil {
		known = append(known, step.prev.Digest)
	}
	for _, alias := range s.with[step.Name] {
		if err := s.removeName(ctx, alias.Name, alias.Kind, known); err != nil {
			return err
		}
	}
	return s.removeName(ctx, step.Name, step.Kind, known)
}

func (s *session) removeMembers(ctx context.Context, step *Step) error {
	for _, gb := range step.expand.changed() {
		for m, err := range step.expand.members(ctx, s.config.Master, gb, nil) {
			if err != nil {
				return err
			}
			if !m.removed {
				continue
			}
			if err := s.removeName(ctx, m.name, artifact.OCSPResponse,
				[]artifact.Digest{artifact.Sum(m.prev)}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *session) removeName(ctx context.Context, name string, kind artifact.Kind, known []artifact.Digest) error {
	it := &item{name: name, kind: kind}
	got, err := s.look(ctx, it)
	if err != nil || got == nil {
		return err // nothing is there: done, perhaps by an earlier sync
	}
	if slices.Contains(known, got.digest) || slices.Contains(known, bodyDigest(got.bytes)) {
		return s.delete(ctx, name, kind, got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Findings = append(s.result.Findings, Finding{
		Code: Drift, Name: name, Got: got.digest,
		Detail: "the master withdrew this name, but the object holds bytes that the master never had there",
		Hint:   "find out who wrote it and remove it by hand",
	})
	s.held = append(s.held, name)
	return nil
}

func (s *session) delete(ctx context.Context, name string, kind artifact.Kind, got *stored) error {
	err := s.caller.remove(ctx, name, got.etag)
	if errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
		return nil // changed or gone since it was read: the next prune looks again
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Counts.Deleted++
	s.receipts = append(s.receipts, s.receipt(name, kind, got.digest, got.size, outcome{op: "delete"}))
	return nil
}
