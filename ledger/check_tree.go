package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"seihon/artifact"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"
)

// A section is what one entry bundle gave.
type section struct {
	root        tlog.Hash // over a full bundle
	rest        []tlog.Hash
	entries     []numbered
	first, last time.Time
	accepted    bool // the first entry says why its time is before that of the entry before it
	findings    []Finding
	err         error // the tree ends here
}

// tree reads every entry, computes every hash and compares every tile.
func (k *checker) tree(ctx context.Context) error {
	size := k.l.cp.Size
	n := (size + tileWidth - 1) / tileWidth
	sections := make([]section, n)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		g.Go(func() error {
			sections[i] = k.section(i, int(min(tileWidth, size-i*tileWidth)))
			return gctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	var last time.Time
	var hashes []tlog.Hash
	for i := range sections {
		s := &sections[i]
		k.findings = append(k.findings, s.findings...)
		k.entries = append(k.entries, s.entries...)
		k.damaged = k.damaged || s.err != nil
		if s.first.Before(last) && !s.first.IsZero() {
			k.backwards(int64(i)*tileWidth, last, s.first, s.accepted)
		}
		last = s.last
		if s.rest == nil {
			hashes = append(hashes, s.root)
		}
	}
	if k.damaged {
		return nil
	}
	k.upper(hashes, size)
	return nil
}

// backwards reports a time that went back. Where the room accepted its clock, that very entry says when and why.
func (k *checker) backwards(i int64, before, after time.Time, accepted bool) {
	format := "its time %s is before %s, that of the entry before it"
	if accepted {
		format = "its time %s is before %s, that of the entry before it; it records that the clock before was wrong " +
			"(clock-accepted)"
	}
	k.warn(CodeBackwards, fmt.Sprintf("entry %d", i), "compare with the timestamps and the clock's records", format,
		after.Format(timeFormat), before.Format(timeFormat))
	if accepted {
		k.findings[len(k.findings)-1].Severity = SeverityNote
	}
}

func acceptsClock(e *Entry) bool { return e.Evidence != nil && e.Evidence.Kind == EvidenceClock }

// section checks the bundle and the tile of level 0 with number n.
func (k *checker) section(n int64, width int) (s section) {
	sub := &checker{c: k.c, l: k.l}
	defer func() { s.findings = sub.findings }()
	dir := filepath.Join(k.l.dir, logDir)
	path, data, err := readBundle(dir, n, width)
	var records [][]byte
	if err == nil {
		records, err = splitBundle(data, width)
	}
	if err != nil {
		sub.add(CodeTree, path, hintRestore, "%v", err)
		s.err = err
		return s
	}
	hs := make([]tlog.Hash, width)
	for i, r := range records {
		hs[i] = leafHash(r)
	}
	if s.err = sub.tile(0, n, hs); s.err != nil {
		return s
	}
	if width == tileWidth {
		s.root = perfect(hs)
	} else {
		s.rest = hs
	}
	latest := k.c.Now().Add(maxSkew)
	for i, r := range records {
		sub.entry(&s, n*tileWidth+int64(i), r, latest)
	}
	return s
}

// entry decodes one entry and checks what can be checked of it alone.
func (k *checker) entry(s *section, i int64, raw []byte, latest time.Time) {
	where := fmt.Sprintf("entry %d", i)
	e, err := ParseEntry(raw)
	if err != nil {
		k.add(CodeEntry, where, hintEvidence, "%v", err)
		return
	}
	if e.Time.After(latest) {
		k.add(CodeFuture, where, "compare the clocks of the signing room and of this machine", "its time is %s",
			e.Time.Format(timeFormat))
	}
	if s.first.IsZero() {
		s.first, s.accepted = e.Time, acceptsClock(e)
	} else if e.Time.Before(s.last) {
		k.backwards(i, s.last, e.Time, acceptsClock(e))
	}
	s.last = e.Time
	if e.Probe == nil && e.Rounds == nil && e.Publish == nil && e.Refusal == nil {
		s.entries = append(s.entries, numbered{i, e})
	}
}

// tile compares a tile file with the hashes it must have.
func (k *checker) tile(level int, n int64, want []tlog.Hash) error {
	path := filepath.Join(k.l.dir, logDir, tilePath(level, n, len(want)))
	got, err := k.l.tiles.read(level, n, len(want))
	if err == nil {
		for i := range want {
			if got[i] != want[i] {
				err = fmt.Errorf("hash %d of the tile is not that of what lies below it", i)
				break
			}
		}
	}
	if err != nil {
		var ce *CorruptError
		if errors.As(err, &ce) {
			path, err = ce.Path, ce.Err
		}
		k.add(CodeTree, path, hintRestore, "%v", err)
	}
	return err
}

// upper compares the tiles above level 0, and at last the root.
func (k *checker) upper(hashes []tlog.Hash, size int64) {
	for level := 1; len(hashes) > 0; level++ {
		var next []tlog.Hash
		for n := int64(0); len(hashes) > 0; n++ {
			w := min(tileWidth, len(hashes))
			if err := k.tile(level, n, hashes[:w]); err != nil {
				k.damaged = true
				return
			}
			if w == tileWidth {
				next = append(next, perfect(append([]tlog.Hash(nil), hashes[:w]...)))
			}
			hashes = hashes[w:]
		}
		hashes = next
	}
	// The edge was checked against the signed root when the log was opened, and
	// every tile now leads to the edge.
	if root, err := k.l.tiles.rootAt(size); err != nil || root != k.l.cp.Root {
		k.add(CodeTree, filepath.Join(k.l.dir, logDir, "tile"), hintRestore,
			"the tiles do not give the root of the checkpoint")
		k.damaged = true
	}
}

// extra looks for files in log/ that the tree does not have. An older partial
// tile is no surprise as long as it is the start of the present one.
func (k *checker) extra(ctx context.Context) error {
	if k.damaged {
		return ctx.Err()
	}
	root := filepath.Join(k.l.dir, logDir)
	err := filepath.WalkDir(filepath.Join(root, "tile"), func(path string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if d.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if why := k.strange(filepath.ToSlash(rel), path); why != "" {
			k.warn(CodeExtraFile,
				path, "if a commit is under way, check again; else delete the file after a look at it", "%s", why)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) && k.l.cp.Size == 0 {
		return nil
	}
	return err
}

// strange says why a file is not one of the tree, or "".
func (k *checker) strange(rel, path string) string {
	level, n, width, err := parseTilePath(rel)
	if err != nil {
		return "not the name of a tile"
	}
	if count := k.l.cp.Size >> (8 * max(level, 0)); n*tileWidth+int64(width) > count {
		return "it lies beyond the end of the log"
	}
	if width == tileWidth {
		return "" // compared above
	}
	b, err := readSmall(path, tileWidth*(2+MaxEntry))
	if err != nil {
		return err.Error()
	}
	if level >= 0 {
		hs, err := k.l.tiles.get(level, n)
		if err != nil {
			return err.Error()
		}
		var whole []byte
		for i := range hs[:width] {
			whole = append(whole, hs[i][:]...)
		}
		if len(b) != len(whole) || !sameStart(b, whole) {
			return "an older partial tile that is not the start of the present one"
		}
		return ""
	}
	records, err := splitBundle(b, width)
	if err != nil {
		return err.Error()
	}
	leaves, err := k.l.tiles.get(0, n)
	if err != nil {
		return err.Error()
	}
	for i, r := range records {
		if leafHash(r) != leaves[i] {
			return "an older partial bundle that is not the start of the present one"
		}
	}
	return ""
}

// batches checks manifests and, from them, every artifact once.
func (k *checker) batches(ctx context.Context) error {
	if k.c.SkipManifests {
		return nil
	}
	used := map[string]bool{}
	for _, e := range k.entries {
		if e.Private != nil {
			path := privatePath(k.l.dir, e.Private.Manifest)
			used[path], used[strings.TrimSuffix(path, ".zst")] = true, true
		}
		if d := e.attachment(); !d.IsZero() {
			k.attached(ctx, e)
		}
		if e.Batch == nil {
			continue
		}
		path := k.l.manifestPath(e.Batch.Manifest)
		used[path], used[strings.TrimSuffix(path, ".zst")] = true, true
		for line, err := range k.l.Lines(ctx, e.Batch) {
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				code := CodeManifest
				if errors.Is(err, fs.ErrNotExist) {
					code = CodeManifestAbsent
				}
				k.add(code, path, hintRestore, "entry %d: %v", e.i, err)
				break
			}
			if k.c.SkipArtifacts || !ownBlob(line.Kind) {
				continue
			}
			path := k.l.BlobPath(line)
			if !used[path] {
				used[path] = true
				k.blob(ctx, path, line)
			}
		}
	}
	if err := k.privates(ctx); err != nil || k.c.SkipArtifacts || k.damaged {
		return err
	}
	return k.unreferenced(ctx, used)
}

func (k *checker) blob(ctx context.Context, path string, line Line) {
	err := k.l.CheckBlob(ctx, line)
	if err == nil || ctx.Err() != nil {
		return
	}
	code := CodeBlob
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		code = CodeBlobAbsent
	}
	k.add(code, path, hintRestore, "%s: %v", line.Name, err)
}

// attached checks the file an entry tells of, if it is here. Evidence of a size
// must be; tokens lie beside the checkpoints and reports may be anywhere.
func (k *checker) attached(ctx context.Context, e numbered) {
	d := e.attachment()
	path := blobPath(k.l.dir, artifact.Document, d)
	st, err := os.Stat(path)
	switch {
	case err != nil && e.Evidence != nil && e.Evidence.Size > 0:
		k.add(CodeBlobAbsent, path, hintRestore, "entry %d: the evidence %q is missing", e.i, e.Evidence.Kind)
	case err == nil:
		k.blob(ctx,
			path,
			Line{Name: fmt.Sprintf("attachment of entry %d", e.i), Kind: artifact.Document, Digest: d, Size: st.Size()})
	}
}

// unreferenced notes files that no entry leads to: what an interrupted signing
// run leaves, or what somebody put there.
func (k *checker) unreferenced(ctx context.Context, used map[string]bool) error {
	for _, d := range []string{manifestDir, blobDir, bundleDir, privateDir} {
		err := filepath.WalkDir(filepath.Join(k.l.dir, d), func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err := errors.Join(err, ctx.Err()); err != nil {
				return err
			}
			if !e.IsDir() && !used[path] && !k.evidence(path) {
				k.warn(CodeUnreferenced, path,
					"an interrupted signing run leaves such files; look at it before you delete it",
					"no entry of the log leads to it")
				k.findings[len(k.findings)-1].Severity = SeverityNote
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// evidence reports whether a file's name is a digest that stands in an entry
// other than a batch: tokens, attestations, reports.
func (k *checker) evidence(path string) bool {
	d, err := artifact.ParseDigest(strings.TrimSuffix(filepath.Base(path), ".zst"))
	if err != nil {
		return false
	}
	for _, e := range k.entries {
		if e.Evidence != nil && e.Evidence.Digest == d || e.Anchor != nil && e.Anchor.Digest == d ||
			e.Verify != nil && e.Verify.Report == d {
			return true
		}
	}
	return false
}
