package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/public"
	"seihon/verify/headers"
	"seihon/verify/report"
)

// maxRead bounds what is kept of an object that is not what it should be, for classifying it.
const maxRead = 64 << 20

// A copyCheck is the check of one copy.
type copyCheck struct {
	*checker
	src    Source
	index  int // among the copies
	layout string
	size   int64 // tree size that the copy promises
	state  *ledger.State
	shelf  shelf // the master's bundles of that state

	mu       sync.Mutex
	expected map[string]bool            // names that may be there
	digests  map[string]artifact.Digest // of mutable names, for comparing vantages

	tilesOnce sync.Once
	tiles     map[string]ledger.File // files of the newest log by stem

	record placeRecord // for the annex

	objects, bytes, requests, extra atomic.Int64
	unanswered                      atomic.Int64 // requests in a row
	notAsked                        atomic.Int64 // objects, since the host had stopped answering
	listed                          bool
}

// checkCopies checks every copy and then compares them with each other.
func (c *checker) checkCopies(ctx context.Context, r *report.Report) error {
	c.checkNames()
	var done []*copyCheck
	for i, p := range c.Copies {
		k := c.newCopyCheck(i, p)
		if err := step(ctx, "copy "+p.Source.Name(), k.run); err != nil {
			return fmt.Errorf("checking the copy %s: %w", p.Source.Name(), err)
		}
		done = append(done, k)
		c.looked = append(c.looked, k)
		r.Copies = append(r.Copies, k.summary())
	}
	c.compareVantages(done)
	return c.checkResponders(ctx, r, done)
}

func (c *checker) newCopyCheck(index int, p Copy) *copyCheck {
	return &copyCheck{checker: c, src: p.Source, index: index, layout: p.Layout, expected: map[string]bool{},
		digests: map[string]artifact.Digest{}}
}

func (k *copyCheck) summary() report.CopySummary {
	return report.CopySummary{Source: k.src.Name(), Layout: k.layout, Size: k.size, Objects: k.objects.Load(),
		Bytes: k.bytes.Load(), Requests: k.requests.Load(),
		Listed: k.listed, Extra: k.extra.Load()}
}

func (k *copyCheck) run(ctx context.Context) error {
	if err := k.checkpoint(ctx); errors.Is(err, errCopyForbidden) {
		k.reportForbidden()
		return ctx.Err()
	} else if errors.Is(err, errCopySilent) {
		return ctx.Err() // reported
	} else if err != nil {
		return err
	}
	if k.state == nil { // nothing is promised; what is there is judged all the same
		k.size = k.log.Size()
		k.state = k.checker.state
	}
	defer k.reportNotAsked()
	k.shelf = k.openShelf(ctx)
	defer k.shelf.close()
	if err := k.findLayout(ctx); err != nil {
		return err
	}
	k.checkStrict()
	if err := k.artifacts(ctx); err != nil {
		return err
	}
	if err := k.aliases(ctx); err != nil {
		return err
	}
	if err := k.logFiles(ctx); err != nil {
		return err
	}
	if k.layout == LayoutObjects {
		if err := k.responses(ctx); err != nil {
			return err
		}
	}
	return k.extras(ctx)
}

func (k *copyCheck) report(f report.Finding) {
	f.Source = k.src.Name()
	k.Found(f)
}

// fetch opens an object and counts the request.
func (k *copyCheck) fetch(ctx context.Context, name string) (*Object, error) {
	if err := k.silent(name); err != nil {
		return nil, err
	}
	k.requests.Add(1)
	o, err := k.src.Open(ctx, name)
	k.heard(ctx, err)
	return o, err
}

// head asks for an object's size and counts the request.
func (k *copyCheck) head(ctx context.Context, h Heads, name string) (Listed, error) {
	if err := k.silent(name); err != nil {
		return Listed{}, err
	}
	k.requests.Add(1)
	got, err := h.Head(ctx, name)
	k.heard(ctx, err)
	return got, err
}

// read reads a whole small object.
func (k *copyCheck) read(ctx context.Context, name string, limit int64) ([]byte, *Object, error) {
	o, err := k.fetch(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	defer o.Close()
	b, err := io.ReadAll(&boundedReader{ctx, o, limit + 1})
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("reading %s: it is longer than %d bytes", name, limit)
	}
	k.bytes.Add(int64(len(b)))
	return b, o, err
}

// checkpoint reads the copy's checkpoint, which says what the copy promises, and compares it with the master's log and
// with what the auditor saw before.
func (k *copyCheck) checkpoint(ctx context.Context) error {
	cp, o, err := k.readCheckpoint(ctx)
	if err != nil || cp == nil {
		return err
	}
	return k.judgeCheckpoint(ctx, cp, o)
}

// readCheckpoint returns nil when there is no checkpoint to compare, which it has reported.
func (k *copyCheck) readCheckpoint(ctx context.Context) (*ledger.Checkpoint, *Object, error) {
	k.expected[public.Checkpoint] = true
	b, o, err := k.read(ctx, public.Checkpoint, 64<<10)
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case errors.Is(err, ErrForbidden) && k.forbidden(ctx):
		return nil, nil, errCopyForbidden
	case errors.Is(err, ErrNotFound):
		k.enterCheckpoint(nil, report.Missing)
		k.report(report.Finding{Code: "checkpoint-missing", Name: public.Checkpoint, Detail: refusal(err)})
		return nil, nil, nil
	case errors.Is(err, ErrUnreachable):
		k.enterCheckpoint(nil, report.Unreadable)
		k.report(report.Finding{Code: "copy-unreadable", Severity: report.Error, Name: public.Checkpoint,
			Detail: fmt.Sprintf("nothing else was asked for, and nothing was compared: %v", err)})
		return nil, nil, errCopySilent
	case err != nil:
		k.enterCheckpoint(nil, report.Unreadable)
		f := cannotRead(public.Checkpoint, "", err)
		k.report(f)
		if f.Code == headers.CodeRedirect {
			return nil, nil, errCopySilent // it is another host's copy, of which nothing was asked
		}
		return nil, nil, nil
	}
	k.objects.Add(1)
	k.enterCheckpoint(b, report.Different)
	cp, err := ledger.ParseCheckpoint(b)
	if err != nil {
		k.report(report.Finding{Code: "checkpoint-invalid", Name: public.Checkpoint, Detail: err.Error()})
		return nil, nil, nil
	}
	return &cp, o, nil
}

func (k *copyCheck) judgeCheckpoint(ctx context.Context, cp *ledger.Checkpoint, o *Object) error {
	err := k.log.Consistent(ctx, cp.Note)
	switch {
	case err == nil:
	case errors.Is(err, ledger.ErrRollback):
		k.report(report.Finding{Code: "checkpoint-ahead", Name: public.Checkpoint, Want: fmt.Sprint(k.log.Size()),
			Got: fmt.Sprint(cp.Size), Detail: err.Error()})
		return nil
	case errors.Is(err, ledger.ErrFork):
		k.report(report.Finding{Code: "checkpoint-fork", Name: public.Checkpoint, Detail: err.Error()})
		return nil
	default:
		k.report(report.Finding{Code: "checkpoint-invalid", Name: public.Checkpoint, Detail: err.Error()})
		return nil
	}
	if f := k.record.checkpoint; f != nil {
		f.how = report.Signed
	}
	k.checkHeaders(public.Checkpoint, artifact.Checkpoint, nil, o)
	// without a master the keys are read from the log that is being fetched, and its checkpoint is looked at then
	if len(k.keys) > 0 {
		k.tolerate(k.src.Name(), []checkpointAt{{public.Checkpoint, cp.Note}}, k.keys)
	} else {
		k.notes = append(k.notes, placeNote{k.src.Name(), cp.Note})
	}
	for _, known := range k.Known {
		if old, err := ledger.ParseCheckpoint(known); err == nil && old.Size > cp.Size && old.Origin == cp.Origin &&
			k.log.Consistent(ctx, known) == nil {
			k.report(report.Finding{Code: "checkpoint-rollback", Name: public.Checkpoint,
				Want: fmt.Sprint("at least ", old.Size), Got: fmt.Sprint(cp.Size)})
		}
	}
	if cp.Size < k.log.Size() {
		k.report(report.Finding{Code: "checkpoint-behind", Name: public.Checkpoint, Want: fmt.Sprint(k.log.Size()),
			Got: fmt.Sprint(cp.Size)})
	}
	k.size, k.state = cp.Size, k.checker.state
	if k.size < k.log.Size() {
		k.state, err = k.log.Replay(ctx, k.size)
	}
	return err
}

// findLayout finds out how the copy publishes OCSP responses: a copy with the first generation file has bundles.
func (k *copyCheck) findLayout(ctx context.Context) error {
	if k.layout != "" {
		return nil
	}
	k.layout = LayoutBundle
	first := false
	for line := range k.state.All() {
		switch line.Kind {
		case artifact.OCSPGeneration, artifact.OCSPBundle:
		default:
			continue
		}
		o, err := k.fetch(ctx, line.Name)
		if err == nil {
			o.Close()
			return nil
		}
		if !errors.Is(err, ErrNotFound) {
			return ctx.Err()
		}
		first = true
	}
	if !first {
		return nil
	}
	// None of them is there. It is the layout of objects if the first response of some bundle is.
	for b := range k.shelf.all() {
		for key := range b.All() {
			o, err := k.fetch(ctx, ocspcache.ObjectName(key))
			if err == nil {
				o.Close()
				k.layout = LayoutObjects
				return nil
			}
			break
		}
	}
	return ctx.Err()
}

// checkStrict reports a copy with bundles when the policy is for static objects only. The master holds bundles in any
// case.
func (k *copyCheck) checkStrict() {
	if !k.Policy.Strict || k.layout != LayoutBundle {
		return
	}
	for line := range k.state.All() {
		if line.Kind == artifact.OCSPGeneration {
			k.report(report.Finding{Code: "section-a", Rule: "strict-static", Name: line.Name,
				Detail: "the policy is strict, but the copy is of use only to a responder"})
		}
	}
}

// published reports whether a kind lies on a copy of this layout under its own name.
func (k *copyCheck) published(kind artifact.Kind) bool {
	switch kind {
	case artifact.OCSPResponse:
		return false // a member of a bundle
	case artifact.OCSPBundle, artifact.OCSPGeneration:
		return k.layout == LayoutBundle
	}
	return true
}

// artifacts compares every artifact that the promised state names.
func (k *copyCheck) artifacts(ctx context.Context) error {
	var lines []ledger.Line
	for line := range k.state.All() {
		if k.published(line.Kind) {
			k.expected[line.Name] = true
			lines = append(lines, line)
		}
	}
	k.expect(lines)
	if k.Tier == report.TierSample {
		lines = k.sample(lines)
	}
	return k.each(ctx, len(lines), func(ctx context.Context, i int) { k.enter(lines[i], k.compare(ctx, lines[i])) })
}

// sample keeps pointers and lists, which relying parties read first, and as many of the rest as was asked for.
func (k *copyCheck) sample(lines []ledger.Line) []ledger.Line {
	var must, rest []ledger.Line
	for _, l := range lines {
		if l.Kind.IsRevocationList() || l.Kind == artifact.OCSPGeneration {
			must = append(must, l)
		} else {
			rest = append(rest, l)
		}
	}
	rnd := rand.New(rand.NewPCG(uint64(k.Seed), 1))
	rnd.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	return append(must, rest[:min(len(rest), k.Sample)]...)
}

// each runs work for 0 ≤ i < n in parallel.
func (k *copyCheck) each(ctx context.Context, n int, work func(ctx context.Context, i int)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(k.Workers)
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			work(ctx, i)
			k.progress(k.src.Name(), int64(i+1), int64(n))
			return ctx.Err()
		})
	}
	return g.Wait()
}
