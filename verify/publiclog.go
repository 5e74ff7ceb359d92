package verify

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
	"seihon/verify/report"
)

// An auditor who was given no master still has the public copy of its log. Tier log then reads that, from one or
// several places, with the pinned keys and the auditor's last checkpoint: every entry, hash and manifest, that nothing
// seen before is gone, that the places do not contradict each other. What the artifacts themselves are is not looked
// at.
//
// The newest log is fetched into a temporary directory in the layout of a master, so that the rules of package ledger
// are applied to it by the same code.

const (
	maxPublicLog = 1 << 28 // entries; a forged checkpoint could name any number
	maxBundle    = 256 * (2 + ledger.MaxEntry)
)

// A publicLog is a place with its checkpoint.
type publicLog struct {
	*copyCheck
	cp     *ledger.Checkpoint
	answer *Object
	dir    string      // where the log is fetched to
	failed atomic.Bool // a file is missing or wrong, which has been reported
}

// checkPublicLog is checkLogs without a master.
func (c *checker) checkPublicLog(ctx context.Context, r *report.Report) error {
	var err error
	if c.mirror, err = os.MkdirTemp("", "seihon-log-"); err != nil {
		return fmt.Errorf("making a folder for the public log: %w", err)
	}
	var places []*publicLog
	var newest *publicLog
	for i, p := range c.Copies {
		l := &publicLog{copyCheck: c.newCopyCheck(i, p), dir: c.mirror}
		places = append(places, l)
		if l.cp, l.answer, err = l.readCheckpoint(ctx); errors.Is(err, errCopyForbidden) {
			l.reportForbidden()
		} else if err != nil && !errors.Is(err, errCopySilent) {
			return err
		}
		if l.cp != nil && (newest == nil || l.cp.Size > newest.cp.Size) {
			newest = l
		}
	}
	if newest != nil {
		if err := c.checkNewest(ctx, newest, places); err != nil {
			return err
		}
	}
	for _, l := range places {
		l.reportNotAsked()
		r.Copies = append(r.Copies, l.summary())
	}
	return nil
}

// checkNewest fetches and checks the log of one place and compares the checkpoints of the others with it.
func (c *checker) checkNewest(ctx context.Context, newest *publicLog, places []*publicLog) error {
	if newest.cp.Size > maxPublicLog {
		newest.report(report.Finding{Code: "checkpoint-invalid", Name: public.Checkpoint, Got: itoa(newest.cp.Size),
			Detail: "no log of this kind is so long"})
		return nil
	}
	if err := newest.fetchTree(ctx); err != nil || newest.failed.Load() {
		return err
	}
	if err := newest.fetchManifests(ctx); err != nil {
		return err
	}
	log, err := ledger.Open(ctx, c.mirror, c.Verifier)
	known := c.Known
	if err == nil {
		if known, err = newest.checkRetired(ctx, log); err != nil {
			return err
		}
		c.log = log
	}
	conf := ledger.CheckConfig{Known: known, SkipArtifacts: true, SkipManifests: newest.failed.Load(), Now: c.Now}
	if err := c.checkLog(ctx, newest.src.Name(), c.mirror, c.Verifier, conf); err != nil || c.log == nil {
		return err
	}
	for _, l := range places {
		if l.cp == nil {
			continue
		}
		if err := l.judgeCheckpoint(ctx, l.cp, l.answer); err != nil {
			return err
		}
	}
	return nil
}

// checkRetired compares the log with those of the auditor's checkpoints that keys signed which the log has replaced
// since, and returns the others. Package ledger follows rotations by the master's archive of checkpoints, which is not
// public; here the pinned keys vouch for the entry that names the old ones.
func (l *publicLog) checkRetired(ctx context.Context, log *ledger.Log) (others [][]byte, err error) {
	var retired []*ledger.Verifier
	for e, err := range log.Entries(ctx, 0, log.Size()) {
		if err != nil {
			break // the check of the log says why
		}
		if e.KeyRotation == nil {
			continue
		}
		if v, err := ledger.NewVerifier(log.Origin(), e.KeyRotation.Old...); err == nil {
			retired = append(retired, v)
		}
	}
	for _, known := range l.Known {
		i := slices.IndexFunc(retired, func(v *ledger.Verifier) bool { _, err := v.Open(known); return err == nil })
		if i < 0 {
			others = append(others, known)
			continue
		}
		cp, err := retired[i].Open(known)
		if err == nil {
			err = log.ConsistentTree(ctx, cp.Size, cp.Root)
		}
		if err != nil {
			l.Found(report.Finding{Code: report.LogPrefix + codeOf(err), Source: l.src.Name(),
				Name: "a known checkpoint, signed by keys that were replaced", Detail: err.Error()})
		}
	}
	return others, ctx.Err()
}

func codeOf(err error) string {
	if errors.Is(err, ledger.ErrRollback) {
		return ledger.CodeRollback
	}
	return ledger.CodeFork
}

// treeFiles names the tiles and entry bundles of a log (c2sp.org/tlog-tiles).
func treeFiles(size int64) iter.Seq[string] {
	return func(yield func(string) bool) {
		const height, width = 8, 256
		for level := 0; size>>(height*level) > 0; level++ {
			count := size >> (height * level)
			for n := int64(0); n*width < count; n++ {
				t := tlog.Tile{H: height, L: level, N: n, W: int(min(width, count-n*width))}
				tile := strings.TrimPrefix(t.Path(), "tile/8/")
				if !yield("log/tile/"+tile) ||
					level == 0 && !yield("log/tile/entries/"+strings.TrimPrefix(tile, "0/")) {
					return
				}
			}
		}
	}
}

func (l *publicLog) fetchTree(ctx context.Context) error {
	path := filepath.Join(l.dir, filepath.FromSlash(public.Checkpoint))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, l.cp.Note, 0o600)); err != nil {
		return fmt.Errorf("keeping the public checkpoint: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(l.Workers)
	for name := range treeFiles(l.cp.Size) {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			l.progress(l.src.Name(), l.requests.Load(), 0)
			_, err := l.fetchFile(ctx, name, name, maxBundle)
			return err
		})
	}
	return g.Wait()
}

// fetchManifests fetches what the entries, which are checked against the tree on their way, name. A log that cannot be
// opened has none; its check says why.
func (l *publicLog) fetchManifests(ctx context.Context) error {
	log, err := ledger.Open(ctx, l.dir, l.Verifier)
	if err != nil {
		return ctx.Err()
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(l.Workers)
	for e, err := range log.Entries(ctx, 0, log.Size()) {
		if err != nil || gctx.Err() != nil {
			break
		}
		if e.Batch == nil {
			continue
		}
		g.Go(func() error {
			public, want := public.Manifest(e.Batch.Manifest), e.Batch.Manifest
			got, err := l.fetchFile(gctx, public, "manifests/"+want.String(), e.Batch.Size)
			if err == nil && !got.IsZero() && got != want {
				l.failed.Store(true)
				l.report(report.Finding{Code: "copy-different", Name: public, Want: want.String(), Got: got.String()})
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// fetchFile fetches an object of at most max bytes and returns its digest, which is zero when there was none to read.
func (l *publicLog) fetchFile(ctx context.Context, name, local string, max int64) (d artifact.Digest, err error) {
	b, _, err := l.read(ctx, name, max)
	if err != nil {
		l.failed.Store(true)
		l.unread(ctx, name, "", err)
		return d, ctx.Err()
	}
	l.objects.Add(1)
	path := filepath.Join(l.dir, filepath.FromSlash(local))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b, 0o600)); err != nil {
		return d, fmt.Errorf("keeping the public log: %w", err)
	}
	return artifact.Sum(b), nil
}
