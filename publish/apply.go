package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/publish/record"
)

// A session is the sync of one target.
type session struct {
	config Config
	plan   *Plan
	caller *caller
	memory *semaphore.Weighted
	now    func() time.Time
	logger *zap.Logger
	result *TargetResult

	with map[string][]*Step // of the stage that runs: the aliases that go with an artifact

	done, bytes  atomic.Int64 // for progress
	certificates artifact.CertificateCache
	verdict      *record.Verdict // on what the master says; nil until it is asked for

	mu         sync.Mutex // guards what follows and result
	bad        map[artifact.Digest]string
	receipts   []ledger.Receipt
	problems   []error
	held       []string // names that were not published
	entryTimes map[int64]time.Time
	// what lay there when the target was taken over; nil until it is asked for
	found func() (map[string]artifact.Digest, error)
}

func newSession(t Target, c Config) *session {
	limits := c.Limits.withDefaults()
	if t.Timeout > 0 {
		limits.TotalTimeout = t.Timeout
	}
	logger := c.Logger.With(zap.String("target", t.Name))
	g := newGate(limits.MinWorkers, limits.MaxWorkers, c.Now)
	return &session{
		config: c,
		caller: &caller{store: t.Store, limits: limits, gate: g, now: c.Now, random: c.random, logger: logger},
		memory: semaphore.NewWeighted(limits.Memory),
		now:    c.Now, logger: logger,
		result:     &TargetResult{Target: t.Name, To: c.Master.Size()},
		bad:        map[artifact.Digest]string{},
		entryTimes: map[int64]time.Time{},
	}
}

// Apply executes the plan on a store and returns what became of it. c is the
// configuration of the sync the plan belongs to; its Targets are not used. It
// fails if the target is no longer where the plan begins.
func (p *Plan) Apply(ctx context.Context, store Store, c Config) *TargetResult {
	c = c.withDefaults()
	s := newSession(Target{TargetConfig: p.config, Store: store}, c)
	ctx, cancel := context.WithTimeout(ctx, s.caller.limits.TotalTimeout)
	defer cancel()
	start := s.now()
	if p.remote == nil {
		remote, err := s.readRemote(ctx)
		if err == nil && remote.size != p.From {
			err = fmt.Errorf("target %q is at size %d, the plan begins at %d: plan again", p.Target, remote.size,
				p.From)
		}
		if err != nil {
			s.result.Err = err
			return s.finish(start)
		}
		p.meets(remote)
	}
	s.run(ctx, p)
	return s.finish(start)
}

func (s *session) finish(start time.Time) *TargetResult {
	s.result.Elapsed = s.now().Sub(start)
	s.result.Counts.Requests = s.caller.requests.Load()
	s.result.Counts.Retries = s.caller.retries.Load()
	return s.result
}

// run executes the plan, stage by stage, and writes the checkpoint if all of it
// is there.
func (s *session) run(ctx context.Context, p *Plan) {
	s.plan = p
	s.result.From, s.result.To, s.result.Size = p.From, p.To, p.remote.size
	steps := p.only(s.config.Only)
	var err error
	if len(steps) > 0 {
		if err = s.config.issuers(); err == nil {
			err = s.judgeRecord()
		}
	}
	if err == nil {
		err = s.runStages(ctx, steps)
	}
	complete := err == nil && len(s.held) == 0 && len(s.problems) == 0
	if complete && s.config.Only == Everything {
		err = s.putCheckpoint(ctx)
	}
	s.result.Complete = s.result.Size >= p.To && complete && err == nil
	s.result.Err = errors.Join(append(slices.Clone(s.problems), err)...)
	if !s.result.Complete && !p.oldest.IsZero() {
		s.result.Behind = s.now().Sub(p.oldest)
	}
	slices.SortFunc(s.result.Refused, func(a, b Refused) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(s.result.Findings, func(a, b Finding) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(s.receipts, func(a, b ledger.Receipt) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(s.held)
}

func (s *session) runStages(ctx context.Context, steps []Step) error {
	for stage := Stage(0); stage < stages; stage++ {
		var some []*Step
		for i := range steps {
			if steps[i].Stage == stage {
				some = append(some, &steps[i])
			}
		}
		if s.config.Repair && stage > Pointers {
			if err := s.newer(); err != nil {
				return err
			}
		}
		if stage == Removals && !s.config.Prune {
			for _, step := range some {
				s.result.Counts.Kept += step.Objects
			}
			continue
		}
		if len(some) == 0 && ctx.Err() == nil {
			continue
		}
		if err := s.runStage(ctx, stage, some); err != nil {
			return err
		}
	}
	return nil
}

// runStage runs the steps of a stage at once, as many as the gate lets in. The
// first error of the target ends it; problems of single artifacts do not.
func (s *session) runStage(ctx context.Context, stage Stage, steps []*Step) (err error) {
	ctx, span := begin(ctx, "stage "+stage.String(), attribute.Int("steps", len(steps)))
	defer end(span, &err)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var crew crew
	launch := func(size int64, f func(context.Context) error) bool {
		if s.enter(ctx, size) != nil {
			return false
		}
		crew.run(func() {
			defer s.leave(size)
			if err := f(ctx); err != nil {
				cancel(err)
			}
		})
		return true
	}
	steps, s.with = group(steps)
	for _, step := range steps {
		if why := s.unsaid(step); why != nil {
			s.keepBack(step.Name, step.Kind, step.Digest, why)
			continue
		}
		if step.Action == Expand {
			if err := s.expand(ctx, step, launch); err != nil {
				cancel(err)
			}
		} else if !launch(step.Size, func(ctx context.Context) error { return s.do(ctx, step) }) {
			break
		}
		if ctx.Err() != nil {
			break
		}
	}
	crew.wait()
	return context.Cause(ctx)
}

// A crew runs functions in goroutines that it uses again: a request goes deep,
// and growing a new stack for each small object would cost a seventh of it all.
type crew struct {
	tasks chan func()
	wg    sync.WaitGroup
}

// run starts f in an idle goroutine, or in a new one. It does not wait.
func (c *crew) run(f func()) {
	if c.tasks == nil {
		c.tasks = make(chan func())
	}
	select {
	case c.tasks <- f:
	default:
		c.wg.Go(func() {
			f()
			for f := range c.tasks {
				f()
			}
		})
	}
}

// wait ends the crew when all is done.
func (c *crew) wait() {
	if c.tasks != nil {
		close(c.tasks)
	}
	c.wg.Wait()
}

// enter waits for a place and for the memory of an object.
func (s *session) enter(ctx context.Context, size int64) error {
	if err := s.memory.Acquire(ctx, s.weight(size)); err != nil {
		return err
	}
	err := s.caller.gate.enter(ctx)
	if err != nil {
		s.memory.Release(s.weight(size))
	}
	return err
}

func (s *session) leave(size int64) {
	s.caller.gate.leave()
	s.memory.Release(s.weight(size))
}

// weight keeps an object larger than all of the memory from waiting forever: it
// goes alone.
func (s *session) weight(size int64) int64 {
	return min(max(size, 1<<10), s.caller.limits.Memory)
}

// do executes one step.
func (s *session) do(ctx context.Context, step *Step) error {
	if step.Action == Remove {
		return s.remove(ctx, step)
	}
	if step.superseded && artifact.Stale(step.line.NotAfter, s.now()) {
		return nil // section A would refuse it, and nobody has any use for it
	}
	it, problem := s.load(ctx, step)
	if problem != nil {
		if problem.refusal == nil && ctx.Err() != nil {
			return context.Cause(ctx) // the stage ended while it was read: nothing is wrong with it
		}
		s.keepBack(step.Name, step.Kind, step.Digest, problem)
		return nil
	}
	if it.generation != nil {
		if why := s.unsafe(it); why != "" {
			s.logger.Warn("generation is held back", zap.String("name", it.name), zap.String("because", why))
			s.hold(it.name)
			return nil
		}
	}
	if _, err := s.send(ctx, it); err != nil {
		return err
	}
	return s.sendAliases(ctx, it)
}

// send puts an item and records what became of it. It reports whether the
// master's bytes are on the target now.
func (s *session) send(ctx context.Context, it *item) (bool, error) {
	out, err := s.put(ctx, it)
	s.mu.Lock()
	defer s.mu.Unlock()
	if out.finding != nil {
		s.result.Findings = append(s.result.Findings, *out.finding)
	}
	if err != nil {
		return false, err
	}
	s.done.Add(1)
	s.bytes.Add(int64(len(it.bytes)))
	switch out.op {
	case "":
		s.held = append(s.held, it.name)
		s.bad[it.digest] = "the target holds other bytes at " + it.name
		return false, nil
	case "replay":
		s.result.Counts.Replayed++
	default:
		s.result.Counts.Sent++
		s.result.Counts.Bytes += int64(len(it.bytes))
		if it.kind.IsRevocationList() && !it.signed.IsZero() {
			s.result.Revocation = max(s.result.Revocation, s.now().Sub(it.signed))
		}
	}
	if it.step != nil {
		s.receipts = append(s.receipts, s.receipt(it.name, it.kind, it.step.Digest, int64(len(it.bytes)), out))
	}
	return true, nil
}

// keepBack records an artifact that cannot be published.
func (s *session) keepBack(name string, kind artifact.Kind, d artifact.Digest, p *problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = append(s.held, name)
	for _, alias := range s.with[name] {
		s.held = append(s.held, alias.Name)
	}
	s.bad[d] = name + " is not published"
	if p.unsaid {
		return
	}
	if p.refusal == nil {
		s.problems = append(s.problems, p.err)
		return
	}
	s.result.Refused = append(s.result.Refused, Refused{Name: name, Kind: kind, Digest: d, Refusal: p.refusal})
	s.logger.Warn("section A refuses an artifact", zap.String("name", name), zap.String("rule", p.refusal.Rule),
		zap.String("reason", p.refusal.Reason))
}

func (s *session) hold(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = append(s.held, name)
}

// unsafe says why a generation must not become public: one of its bundles is
// not there. The old generation stays, with its bundles.
func (s *session) unsafe(it *item) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range it.generation.Bundles {
		if why := s.bad[b.Digest]; why != "" {
			return why
		}
	}
	return ""
}
