package publish

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.uber.org/zap"

	"seihon/ledger"
	"seihon/publish/record"
)

// ErrLocked reports that another sync of the same target is running on this
// host (exit code 75).
var ErrLocked = errors.New("another sync of this target is running on this host; try again later")

// ErrTrial reports that the newest verdict of the signing room on its token says trial, and that the target may not
// show what such a token signed (exit code 4).
var ErrTrial = errors.New("the signing room's keys are on trial, not those of an accredited CA, and this target may " +
	"not show what they sign: " +
	"say trial: true at the target if it is meant to, or have the room sign with an approved HSM (docs/hsm.md, what " +
	"may sign); nothing was sent")

// ErrUnrecorded reports that a target has a checkpoint which this host's publication log has no receipt of, though no
// sync of this host set out to write it: the log was put back, with all that the host remembers, or another host
// published (exit code 5).
var ErrUnrecorded = errors.New("restore the newest publication log with its head, or, where there is none, begin " +
	"another log, on record, with " +
	"publisher sync --new-log --reason TEXT; nothing was sent")

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.random == nil {
		c.random = rand.Float64
	}
	if c.record == nil {
		c.record = sync.OnceValues(func() (*record.Verdict, error) { return c.checkRecord(context.Background()) })
	}
	if c.onTrial == nil {
		c.onTrial = sync.OnceValues(func() (bool, error) { return c.Master.OnTrial(context.Background()) })
	}
	if c.issuers == nil {
		c.issuers = sync.OnceValue(func() error { return AddIssuers(context.Background(), c.Master, c.Policy.Trust) })
	}
	return c
}

// Plans reads each target's checkpoint and plans what Sync would do. Both
// slices follow Config.Targets; a target that cannot be planned has the reason
// in its result, and no plan.
func Plans(ctx context.Context, c Config) ([]*Plan, *Result, error) {
	if err := c.Validate(); err != nil {
		return nil, nil, fmt.Errorf("planning: %w", err)
	}
	c = c.withDefaults()
	plans := make([]*Plan, len(c.Targets))
	result := &Result{Targets: make([]TargetResult, len(c.Targets))}
	var wg sync.WaitGroup
	for i, t := range c.Targets {
		wg.Go(func() {
			s := newSession(t, c)
			ctx, cancel := context.WithTimeout(ctx, s.caller.limits.TotalTimeout)
			defer cancel()
			ctx, span := begin(ctx, "target", attribute.String("target", t.Name))
			defer s.endTarget(span)
			start := c.Now()
			known, err := recall(c.StateDir, t.Name)
			if err == nil {
				plans[i], err = s.makePlan(ctx, t, known)
			}
			s.result.Err = err
			result.Targets[i] = *s.finish(start)
		})
	}
	wg.Wait()
	return plans, result, nil
}

// Sync brings every target up to the master, all at once and each on its own.
// The error is for what concerns all of them: the configuration, or the
// publication log. What became of each target, including the reason why it
// could not be finished, is in the result.
func Sync(ctx context.Context, c Config) (*Result, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("syncing: %w", err)
	}
	c = c.withDefaults()
	sessions := make([]*session, len(c.Targets))
	var wg sync.WaitGroup
	for i, t := range c.Targets {
		sessions[i] = newSession(t, c)
		wg.Go(func() { sessions[i].sync(ctx, t) })
	}
	wg.Wait()
	// What was done is recorded even if the rest was interrupted.
	ctx, span := begin(context.WithoutCancel(ctx), "record")
	err := recordAll(ctx, c.Publication, sessions)
	end(span, &err)
	result := &Result{}
	for _, s := range sessions {
		result.Targets = append(result.Targets, *s.result)
	}
	return result, err
}

// sync runs the session from lock to memory.
func (s *session) sync(ctx context.Context, t Target) {
	ctx, span := begin(ctx, "target", attribute.String("target", t.Name))
	defer s.endTarget(span)
	start := s.now()
	defer s.finish(start)
	ctx, cancel := context.WithTimeoutCause(ctx, s.caller.limits.TotalTimeout,
		fmt.Errorf("target %q took more than %v", t.Name, s.caller.limits.TotalTimeout))
	defer cancel()
	unlock, err := lockTarget(s.config.StateDir, t.Name)
	if err != nil {
		s.result.Err = err
		return
	}
	defer unlock()
	known, err := recall(s.config.StateDir, t.Name)
	if err != nil {
		s.result.Err = err
		return
	}
	plan, err := s.makePlan(ctx, t, known)
	if err != nil {
		s.result.Err = err
		s.result.Behind = s.behind(ctx, known.Size)
		if ahead, ok := errors.AsType[*ledger.RollbackError](err); ok { // it is signed: a later sync must not forget it
			known.Size = max(known.Size, ahead.Seen)
		}
		known.Last = s.last()
		s.result.Err = errors.Join(err, remember(s.config.StateDir, t.Name, known))
		return
	}
	s.suspect(known, plan)
	if plan.To > known.Begun {
		known.Begun = plan.To
		// a sync that is killed then could not be told from another host's
		if err := remember(s.config.StateDir, t.Name, known); err != nil {
			s.result.Err = fmt.Errorf("remembering up to where this sync goes, nothing was sent: %w", err)
			return
		}
	}
	stop := s.report(plan)
	s.run(ctx, plan)
	stop()
	if err := remember(s.config.StateDir, t.Name, s.learn(known)); err != nil {
		s.logger.Warn("next sync will do more than it must", zap.Error(err))
	}
}

// behind is the age of the first entry that a target of a size lacks. For a
// target that does not answer it goes by what this host remembers.
func (s *session) behind(ctx context.Context, size int64) time.Duration {
	if size >= s.config.Master.Size() {
		return 0
	}
	first, err := s.config.Master.Entry(context.WithoutCancel(ctx), size)
	if err != nil {
		return 0 // what is wrong with the master is reported by what needs it
	}
	return s.now().Sub(first.Time)
}

// makePlan reads the target's checkpoint and plans from there.
func (s *session) makePlan(ctx context.Context, t Target, known memory) (_ *Plan, err error) {
	ctx, span := begin(ctx, "plan")
	defer end(span, &err)
	if !t.Trial {
		trial, err := s.config.onTrial()
		if err != nil {
			return nil, fmt.Errorf("looking for the room's verdict on its token: %w", err)
		}
		if trial {
			return nil, ErrTrial
		}
	}
	remote, err := s.readRemote(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.notBehind(ctx, known.Size); err != nil {
		return nil, err
	}
	from, to := remote.size, s.config.Master.Size()
	s.result.Size, s.result.From = from, from
	if s.config.Publication != nil && from > 0 {
		if from, err = recorded(ctx, s.config.Publication.Log(), t.Name, from); err == nil && s.config.StateDir != "" {
			err = known.account(t.Name, from, remote.size)
		}
		if err != nil {
			return nil, err
		}
	}
	if s.config.Repair {
		from = 0 // everything is compared again
	}
	p, err := NewPlan(ctx, s.config.Master, from, to, t.TargetConfig)
	if err != nil {
		return nil, err
	}
	p.meets(remote)
	if remote.note == nil && known.Size == 0 && !s.config.Repair && !s.config.Prune {
		p.forget()
	}
	if _, ok := t.Store.(Tagger); !ok {
		p.untagged = true
		p.Estimate = p.estimate()
	}
	if err := p.resume(ctx, known, s.config); err != nil {
		return nil, err
	}
	if err := p.takeUp(ctx, known); err != nil {
		return nil, err
	}
	if s.config.Prune {
		if err := p.addWithdrawn(ctx, min(known.Pruned, from)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// suspect reports a checkpoint that is older than the one this host saw before.
// The sync itself repairs it by going forward.
func (s *session) suspect(known memory, p *Plan) {
	if p.remote.size >= known.Size || p.remote.alien {
		return
	}
	f := Finding{
		Code: Rollback, Name: CheckpointName, Restored: true,
		Detail: fmt.Sprintf("the checkpoint is of size %d, but this host has seen %d there", p.remote.size, known.Size),
		Hint:   "find out who put the old checkpoint back; everything since is being compared again",
	}
	if p.remote.note == nil {
		f.Code = Missing
		f.Detail = fmt.Sprintf("there is no checkpoint, but this host has seen one of size %d there", known.Size)
		f.Hint = "find out who removed it; everything is being compared again"
	}
	s.result.Findings = append(s.result.Findings, f)
}

// last says how the sync ended.
func (s *session) last() *Last {
	l := &Last{At: s.now().UTC().Truncate(time.Second)}
	switch r := s.result; {
	case r.Err != nil:
		l.Why = r.Err.Error()
	case len(r.Refused) > 0:
		l.Why = fmt.Sprintf("section A refused %d artifacts", len(r.Refused))
	case len(r.Unsaid) > 0:
		l.Why = fmt.Sprintf("the master log unsays %d statements", len(r.Unsaid))
	case len(s.held) > 0:
		l.Why = fmt.Sprintf("%d names were left alone, the first %q", len(s.held), s.held[0])
	default:
		l.Finished = true
	}
	return l
}

// learn is what the next sync should know. One that failed, or did a part only,
// leaves what is known of the held names as it was.
func (s *session) learn(known memory) memory {
	m := known
	m.Size, m.Last = max(known.Size, s.result.Size), s.last()
	if s.result.Err == nil && s.config.Only == Everything {
		m.Aliases = s.learnAliases()
	}
	switch {
	case s.result.Complete:
		m.From, m.Done, m.Held = 0, 0, nil
		if s.config.Prune {
			m.Pruned = s.plan.To
		}
	case s.result.Err == nil && s.config.Only == Everything && !s.config.Repair:
		m.From, m.Done, m.Held = s.plan.From, s.plan.To, s.held
	}
	return m
}

// report calls the progress function now and then until stop is called.
func (s *session) report(p *Plan) (stop func()) {
	if s.config.Progress == nil {
		return func() {}
	}
	tell := func() {
		s.config.Progress(Progress{
			Target: p.Target, Done: int(s.done.Load()), Objects: p.Estimate.Objects,
			Bytes: s.bytes.Load(), Total: p.Estimate.Bytes, Workers: s.caller.gate.workers(),
		})
	}
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				tell()
			case <-done:
				tell()
				return
			}
		}
	}()
	return func() { close(done); <-stopped }
}
