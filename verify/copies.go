package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
)

const checkpointName = "log/checkpoint"

// maxRead bounds what is kept of an object that is not what it should be, for classifying it.
const maxRead = 64 << 20

// A copyCheck is the check of one copy.
type copyCheck struct {
	*checker
	src    Source
	layout string
	size   int64 // tree size that the copy promises
	state  *ledger.State

	mu       sync.Mutex
	expected map[string]bool            // names that may be there
	digests  map[string]artifact.Digest // of mutable names, for comparing vantages

	tilesOnce sync.Once
	tiles     map[string]ledger.File // files of the newest log by stem

	objects, bytes, requests, extra atomic.Int64
	listed                          bool
}

// checkCopies checks every copy and then compares them with each other.
func (c *checker) checkCopies(ctx context.Context, r *Report) error {
	var done []*copyCheck
	for _, p := range c.Copies {
		k := &copyCheck{checker: c, src: p.Source, layout: p.Layout, expected: map[string]bool{}, digests: map[string]artifact.Digest{}}
		if err := k.run(ctx); err != nil {
			return fmt.Errorf("checking the copy %s: %w", p.Source.Name(), err)
		}
		done = append(done, k)
		r.Copies = append(r.Copies, CopySummary{
			Source: k.src.Name(), Layout: k.layout, Size: k.size, Objects: k.objects.Load(), Bytes: k.bytes.Load(), Requests: k.requests.Load(),
			Listed: k.listed, Extra: k.extra.Load(),
		})
	}
	c.compareVantages(done)
	return nil
}

func (k *copyCheck) run(ctx context.Context) error {
	if err := k.checkpoint(ctx); err != nil {
		return err
	}
	if k.state == nil { // nothing is promised; what is there is judged all the same
		k.size = k.log.Size()
		k.state = k.checker.state
	}
	if err := k.findLayout(ctx); err != nil {
		return err
	}
	if err := k.artifacts(ctx); err != nil {
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

func (k *copyCheck) report(f Finding) {
	f.Source = k.src.Name()
	k.add(f)
}

// fetch opens an object and counts the request.
func (k *copyCheck) fetch(ctx context.Context, name string) (*Object, error) {
	k.requests.Add(1)
	return k.src.Open(ctx, name)
}

// read reads a whole small object.
func (k *copyCheck) read(ctx context.Context, name string, limit int64) ([]byte, *Object, error) {
	o, err := k.fetch(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	defer o.Close()
	b, err := io.ReadAll(io.LimitReader(o, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("reading %s: it is longer than %d bytes", name, limit)
	}
	k.bytes.Add(int64(len(b)))
	return b, o, err
}

// checkpoint reads the copy's checkpoint, which says what the copy promises, and compares it with the master's log and with
// what the auditor saw before.
func (k *copyCheck) checkpoint(ctx context.Context) error {
	k.expected[checkpointName] = true
	b, o, err := k.read(ctx, checkpointName, 64<<10)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrNotFound):
		k.report(Finding{Code: "checkpoint-missing", Name: checkpointName})
		return nil
	case err != nil:
		k.report(Finding{Code: "copy-unreadable", Name: checkpointName, Detail: err.Error()})
		return nil
	}
	k.objects.Add(1)
	cp, err := ledger.ParseCheckpoint(b)
	if err != nil {
		k.report(Finding{Code: "checkpoint-invalid", Name: checkpointName, Detail: err.Error()})
		return nil
	}
	err = k.log.Consistent(ctx, b)
	switch {
	case err == nil:
	case errors.Is(err, ledger.ErrRollback):
		k.report(Finding{Code: "checkpoint-ahead", Name: checkpointName, Want: fmt.Sprint(k.log.Size()), Got: fmt.Sprint(cp.Size), Detail: err.Error()})
		return nil
	case errors.Is(err, ledger.ErrFork):
		k.report(Finding{Code: "checkpoint-fork", Name: checkpointName, Detail: err.Error()})
		return nil
	default:
		k.report(Finding{Code: "checkpoint-invalid", Name: checkpointName, Detail: err.Error()})
		return nil
	}
	k.checkHeaders(checkpointName, artifact.Checkpoint, nil, o)
	for _, known := range k.Known {
		if old, err := ledger.ParseCheckpoint(known); err == nil && old.Size > cp.Size && old.Origin == cp.Origin && k.log.Consistent(ctx, known) == nil {
			k.report(Finding{Code: "checkpoint-rollback", Name: checkpointName, Want: fmt.Sprint("at least ", old.Size), Got: fmt.Sprint(cp.Size)})
		}
	}
	if cp.Size < k.log.Size() {
		k.report(Finding{Code: "checkpoint-behind", Name: checkpointName, Want: fmt.Sprint(k.log.Size()), Got: fmt.Sprint(cp.Size)})
	}
	k.size = cp.Size
	k.state, err = k.log.Replay(ctx, cp.Size)
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
	for _, path := range k.bundlePaths(ctx) {
		b, err := ocspcache.OpenBundle(path)
		if err != nil {
			continue
		}
		for key := range b.All() {
			o, err := k.fetch(ctx, ocspcache.ObjectName(key))
			if err == nil {
				o.Close()
				k.layout = LayoutObjects
			}
			break
		}
		b.Close()
		if k.layout == LayoutObjects {
			return nil
		}
	}
	return ctx.Err()
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
	if k.Tier == TierSample {
		lines = k.sample(lines)
	}
	return k.each(ctx, len(lines), func(ctx context.Context, i int) { k.compare(ctx, lines[i]) })
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
	rnd := rand.New(rand.NewPCG(k.Seed, 1))
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

// compare fetches one artifact and compares it with its line.
func (k *copyCheck) compare(ctx context.Context, line ledger.Line) {
	if k.Tier == TierList {
		k.compareSize(ctx, line.Name, line.Size, line.Kind == artifact.OCSPGeneration)
		return
	}
	if line.Kind == artifact.OCSPGeneration {
		k.compareGeneration(ctx, line)
		return
	}
	got, o, err := k.digest(ctx, line.Name)
	if err != nil {
		k.unread(ctx, line.Name, line.Digest.String(), err)
		return
	}
	k.remember(line, got)
	k.checkHeaders(line.Name, line.Kind, &line, o)
	if got != line.Digest {
		k.mismatch(ctx, line, got)
	}
}

// digest hashes an object as it arrives.
func (k *copyCheck) digest(ctx context.Context, name string) (artifact.Digest, *Object, error) {
	o, err := k.fetch(ctx, name)
	if err != nil {
		return artifact.Digest{}, nil, err
	}
	defer o.Close()
	h := sha256.New()
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	n, err := io.CopyBuffer(onlyWriter{h}, onlyReader{o}, *buf)
	k.bytes.Add(n)
	if err == nil && o.Size >= 0 && n != o.Size {
		err = fmt.Errorf("reading %s: %d bytes arrived of %d", name, n, o.Size)
	}
	if err != nil {
		return artifact.Digest{}, o, err
	}
	k.objects.Add(1)
	return artifact.Digest(h.Sum(nil)), o, nil
}

// buffers are what bytes pass through while they are hashed. The wrappers keep io.CopyBuffer from finding other ways.
var buffers = sync.Pool{New: func() any { b := make([]byte, 128<<10); return &b }}

type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)

// remember keeps the digests of names that change, for comparing vantages.
func (k *copyCheck) remember(line ledger.Line, got artifact.Digest) {
	if line.Kind == artifact.OCSPBundle || len(k.Copies) < 2 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.digests[line.Name] = got
}

// unread reports an object that is missing or could not be read.
func (k *copyCheck) unread(ctx context.Context, name, want string, err error) {
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, ErrNotFound):
		k.report(Finding{Code: "copy-missing", Name: name, Want: want})
	default:
		k.report(Finding{Code: "copy-unreadable", Name: name, Want: want, Detail: err.Error()})
	}
}

// mismatch says what the bytes under a name are instead of the master's.
func (k *copyCheck) mismatch(ctx context.Context, line ledger.Line, got artifact.Digest) {
	f := Finding{Code: "copy-different", Name: line.Name, Want: line.Digest.String(), Got: got.String()}
	promised := k.past.lineAt(line.Name, k.size)
	for _, v := range k.past.byName[line.Name] {
		if v.Digest != got || promised == nil {
			continue
		}
		if v.index > promised.index {
			f.Code, f.Severity = "copy-ahead", Note
		} else if f.Code != "copy-ahead" {
			f.Code = "copy-outdated"
		}
		f.Detail = describe(v)
	}
	if vs := k.past.byDigest[got]; f.Code == "copy-different" && len(vs) > 0 {
		f.Code, f.Detail = "copy-swapped", "the master of "+vs[0].Name
	}
	if f.Code == "copy-different" {
		f.Detail = k.explain(ctx, line)
		if f.Detail == "" {
			return // explain reported it under a code of its own
		}
	}
	k.report(f)
}

// explain looks into bytes that no master has. It returns "" when they hold a private key, which it reports.
func (k *copyCheck) explain(ctx context.Context, line ledger.Line) string {
	b, _, err := k.read(ctx, line.Name, maxRead)
	if err != nil {
		return "its content could not be read again: " + err.Error()
	}
	a := artifact.Parse(b)
	if a.Kind == artifact.PrivateKey {
		k.report(Finding{Code: "private-key", Name: line.Name, Want: line.Digest.String(), Got: a.Digest.String(), Detail: a.Problem})
		return ""
	}
	if a.Trailing > 0 || int64(len(b)) > line.Size && artifact.Sum(b[:line.Size]) == line.Digest {
		return fmt.Sprintf("the master's bytes, if any, are followed by %d others", int64(len(b))-line.Size)
	}
	if line.Kind.IsRevocationList() && a.CRL != nil {
		if _, err := k.trust.CheckCRL(a.CRL); err != nil {
			return "a list that no CA of this hierarchy signed: " + err.Error()
		}
		return fmt.Sprintf("a list numbered %v that is validly signed but not in the ledger", a.CRL.Number)
	}
	return strings.TrimSpace(fmt.Sprintf("its content is a %s of %d bytes, the master has %d. %s", a.Kind, len(b), line.Size, a.Problem))
}

// compareGeneration checks the public copy of a generation: the master's body, and a proof that holds with the pinned keys.
func (k *copyCheck) compareGeneration(ctx context.Context, line ledger.Line) {
	b, o, err := k.read(ctx, line.Name, 16<<20)
	if err != nil {
		k.unread(ctx, line.Name, line.Digest.String(), err)
		return
	}
	k.objects.Add(1)
	k.checkHeaders(line.Name, line.Kind, &line, o)
	g, proof, err := ocspcache.ParseGeneration(b)
	if err != nil {
		k.remember(line, artifact.Sum(b))
		k.report(Finding{Code: "copy-different", Name: line.Name, Want: line.Digest.String(), Got: artifact.Sum(b).String(), Detail: err.Error()})
		return
	}
	body := artifact.Sum(g.Body())
	k.remember(line, body)
	if body != line.Digest {
		k.mismatch(ctx, line, body)
		return
	}
	proven, _, err := ledger.VerifyProof(proof, k.Verifier)
	switch {
	case err != nil:
		k.report(Finding{Code: "generation-proof", Name: line.Name, Detail: err.Error()})
	case proven.Digest != body || proven.Name != line.Name || proven.Kind != line.Kind:
		k.report(Finding{Code: "generation-proof", Name: line.Name, Want: body.String(), Got: proven.Digest.String(), Detail: "the proof is of another line, " + proven.Name})
	}
}

// compareSize is compare without reading.
func (k *copyCheck) compareSize(ctx context.Context, name string, want int64, atLeast bool) {
	h, ok := k.src.(Heads)
	if !ok {
		return
	}
	k.requests.Add(1)
	got, err := h.Head(ctx, name)
	if err != nil {
		k.unread(ctx, name, bytesText(want), err)
		return
	}
	k.objects.Add(1)
	if got >= 0 && got != want && !(atLeast && got > want) {
		k.report(Finding{Code: "copy-different", Name: name, Want: bytesText(want), Got: bytesText(got)})
	}
}

// logFiles compares the public copy of the log itself.
func (k *copyCheck) logFiles(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(k.Workers)
	for f, err := range k.log.PublicFiles(ctx, 0, k.size) {
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			break // the log's own findings say why
		}
		k.expected[f.Name] = true
		g.Go(func() error {
			k.compareFile(gctx, f)
			return gctx.Err()
		})
	}
	return g.Wait()
}

func (k *copyCheck) compareFile(ctx context.Context, f ledger.File) {
	if k.Tier == TierList {
		k.compareSize(ctx, f.Name, f.Size, false)
		return
	}
	got, o, err := k.digest(ctx, f.Name)
	if err != nil {
		k.unread(ctx, f.Name, f.Digest.String(), err)
		return
	}
	k.checkHeaders(f.Name, f.Kind, nil, o)
	if got != f.Digest {
		k.mismatch(ctx, ledger.Line{Name: f.Name, Kind: f.Kind, Digest: f.Digest, Size: f.Size}, got)
	}
}

// bundlePaths returns the bundles of the generations that the promised state names.
func (k *copyCheck) bundlePaths(ctx context.Context) []string {
	var paths []string
	for line := range k.state.All() {
		if line.Kind != artifact.OCSPGeneration {
			continue
		}
		body, err := k.log.ReadBlob(ctx, line)
		if err != nil {
			continue
		}
		g, _, err := ocspcache.ParseGeneration(body)
		if err != nil {
			continue
		}
		for _, b := range g.Bundles {
			paths = append(paths, k.log.BlobPath(ledger.Line{Kind: artifact.OCSPBundle, Digest: b.Digest}))
		}
	}
	return paths
}

// responses compares the single objects of the layout without a responder with the members of the master's bundles.
func (k *copyCheck) responses(ctx context.Context) error {
	for _, path := range k.bundlePaths(ctx) {
		b, err := ocspcache.OpenBundle(path)
		if err != nil {
			continue // checkMaster or checkStatus has reported it
		}
		err = k.members(ctx, b)
		b.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (k *copyCheck) members(ctx context.Context, b *ocspcache.Bundle) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(k.Workers)
	for key, der := range b.All() {
		name := ocspcache.ObjectName(key)
		k.expected[name] = true
		if gctx.Err() != nil {
			break
		}
		g.Go(func() error {
			k.compareMember(gctx, name, der)
			return gctx.Err()
		})
	}
	return g.Wait()
}

func (k *copyCheck) compareMember(ctx context.Context, name string, der []byte) {
	if k.Tier == TierList {
		k.compareSize(ctx, name, int64(len(der)), false)
		return
	}
	b, o, err := k.read(ctx, name, 64<<10)
	if err != nil {
		k.unread(ctx, name, artifact.Sum(der).String(), err)
		return
	}
	k.objects.Add(1)
	line := ledger.Line{Name: name, Kind: artifact.OCSPResponse, Digest: artifact.Sum(der), Size: int64(len(der))}
	if r, err := artifact.ParseResponse(der); err == nil && len(r.Singles) > 0 {
		line.NotBefore, line.NotAfter = r.Singles[0].ThisUpdate, r.Singles[0].NextUpdate
	}
	k.checkHeaders(name, artifact.OCSPResponse, &line, o)
	if !bytes.Equal(b, der) {
		k.mismatchedMember(line, der, b)
	}
}

// mismatchedMember says what lies in the place of a response.
func (k *copyCheck) mismatchedMember(line ledger.Line, want, got []byte) {
	f := Finding{Code: "copy-different", Name: line.Name, Want: line.Digest.String(), Got: artifact.Sum(got).String()}
	a := artifact.Parse(got)
	switch {
	case a.Kind == artifact.PrivateKey:
		f.Code, f.Detail = "private-key", a.Problem
	case a.OCSP == nil:
		f.Detail = "its content is a " + string(a.Kind) + ". " + a.Problem
	default:
		ours, err := artifact.ParseResponse(want)
		if err == nil && a.OCSP.Singles[0].ThisUpdate.Before(ours.Singles[0].ThisUpdate) {
			f.Code, f.Detail = "copy-outdated", "its thisUpdate is "+stamp(a.OCSP.Singles[0].ThisUpdate)
		} else {
			f.Detail = "it is another response"
		}
	}
	k.report(f)
}
