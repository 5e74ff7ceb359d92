package ledger

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"seihon/artifact"
	"seihon/internal/regular"
)

// An export is everything a copy of the master at one size lacks, in one file
// for a one-way medium. It is a sequence of frames, each a line
//
//	<what> <size in bytes>[ <name>]\n
//
// followed by so many bytes and a line feed, in this order: head, the entries,
// the archived checkpoints and tokens, the manifests, the artifacts, the private
// manifests if they were asked for, end. The
// entries come first, since with them and the signed checkpoint everything
// that follows can be checked as it is read. Tiles are not in it: the importer
// computes them.

const exportHeader = "seihon/export/v1\n"

const (
	frameHead       = "head"       // origin, from, to: a line each
	frameEntry      = "entry"      // canonical JSON
	frameCheckpoint = "checkpoint" // name: the size
	frameToken      = "token"      // name: the file's name in log/checkpoints
	frameManifest   = "manifest"   // name: the digest; bytes: zstd
	frameBlob       = "blob"       // name: the path in the master
	framePrivate    = "private"    // name: the digest; bytes: zstd
	frameEnd        = "end"        // bytes: the number of frames before
)

// Export writes everything since the size from but the private master. What an
// importer already has does no harm, what it lacks before from it will ask for.
func (l *Log) Export(ctx context.Context, w io.Writer, from int64) error {
	return l.export(ctx, w, from, false)
}

// ExportPrivate is Export with the private master: for another signing room or
// an auditor, never for the publishing host.
func (l *Log) ExportPrivate(ctx context.Context, w io.Writer, from int64) error {
	return l.export(ctx, w, from, true)
}

func (l *Log) export(ctx context.Context, w io.Writer, from int64, private bool) error {
	if err := l.within(from, l.cp.Size); err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	x := &exporter{l: l, w: bufio.NewWriterSize(w, 1<<20), from: from, done: map[string]bool{}}
	x.text(exportHeader)
	x.frame(frameHead, "", fmt.Appendf(nil, "%s\n%d\n%d\n", l.cp.Origin, from, l.cp.Size))
	steps := []func(context.Context) error{x.entries, x.checkpoints, x.artifacts}
	if private {
		steps = append(steps, x.privates)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return fmt.Errorf("exporting: %w", err)
		}
	}
	x.frame(frameEnd, "", strconv.AppendInt(nil, x.frames, 10))
	if x.err == nil {
		x.err = x.w.Flush()
	}
	if x.err != nil {
		return fmt.Errorf("exporting: %w", x.err)
	}
	return nil
}

// An exporter writes frames and keeps the first error.
type exporter struct {
	l      *Log
	w      *bufio.Writer
	from   int64
	frames int64
	done   map[string]bool // files already in it
	err    error
}

func (x *exporter) text(s string) {
	if x.err == nil {
		_, x.err = x.w.WriteString(s)
	}
}

func (x *exporter) begin(what, name string, size int64) {
	if name != "" {
		name = " " + name
	}
	x.text(fmt.Sprintf("%s %d%s\n", what, size, name))
	x.frames++
}

func (x *exporter) frame(what, name string, b []byte) {
	x.begin(what, name, int64(len(b)))
	if x.err == nil {
		_, x.err = x.w.Write(b)
	}
	x.text("\n")
}

// file writes a file of the master as a frame, whose bytes check looks at.
func (x *exporter) file(ctx context.Context, what, name, path string, size int64) error {
	f, err := regular.Open(path)
	if err != nil {
		return corrupt(path, err)
	}
	defer f.Close()
	if size < 0 {
		st, err := f.Stat()
		if err != nil {
			return err
		}
		size = st.Size()
	}
	x.begin(what, name, size)
	if x.err != nil {
		return x.err
	}
	n, err := io.Copy(x.w, io.LimitReader(&ctxReader{ctx, f}, size))
	if err != nil {
		return err
	}
	if n != size {
		return &CorruptError{Path: path, Err: fmt.Errorf("it has %d bytes, not %d", n, size)}
	}
	x.text("\n")
	return x.err
}

func (x *exporter) entries(ctx context.Context) error {
	for i := x.from; i < x.l.cp.Size && x.err == nil; i++ {
		raw, err := x.l.Raw(ctx, i)
		if err != nil {
			return err
		}
		x.frame(frameEntry, "", raw)
	}
	return x.err
}

// checkpoints writes the archived ones after from with their tokens, and
// tokens of older ones too, since those are added later; the last is the
// log's own.
func (x *exporter) checkpoints(ctx context.Context) error {
	sizes, err := x.l.Archived()
	if err != nil {
		return err
	}
	for _, size := range sizes {
		if size > x.l.cp.Size {
			break
		}
		if size > x.from && size < x.l.cp.Size {
			b, err := x.l.ArchivedCheckpoint(ctx, size)
			if err != nil {
				return err
			}
			x.frame(frameCheckpoint, strconv.FormatInt(size, 10), b)
		}
	}
	x.frame(frameCheckpoint, strconv.FormatInt(x.l.cp.Size, 10), x.l.cp.Note)
	for _, size := range sizes {
		if size > x.l.cp.Size {
			break
		}
		tokens, err := x.l.Tokens(size)
		if err != nil {
			return err
		}
		for _, path := range tokens {
			b, err := readSmall(path, maxToken)
			if err != nil {
				return err
			}
			x.frame(frameToken, filepath.Base(path), b)
		}
	}
	return x.err
}

// artifacts writes the manifests, then the files that the new entries lead to.
func (x *exporter) artifacts(ctx context.Context) error {
	for e, err := range x.l.Entries(ctx, x.from, x.l.cp.Size) {
		if err != nil {
			return err
		}
		if e.Batch == nil || x.once(e.Batch.Manifest.String()) {
			continue
		}
		// Only a manifest that is good may leave the room.
		if _, err := x.l.Manifest(ctx, e.Batch); err != nil {
			return err
		}
		if err := x.file(ctx, frameManifest, e.Batch.Manifest.String(), x.l.manifestPath(e.Batch.Manifest),
			-1); err != nil {
			return err
		}
	}
	for e, err := range x.l.Entries(ctx, x.from, x.l.cp.Size) {
		if err != nil {
			return err
		}
		if err := x.lines(ctx, e); err != nil {
			return err
		}
	}
	return x.err
}

func (x *exporter) lines(ctx context.Context, e *Entry) error {
	if d := e.attachment(); !d.IsZero() {
		path := blobPath(x.l.dir, artifact.Document, d)
		if _, err := os.Stat(path); err == nil && !x.once(x.rel(path)) {
			return x.file(ctx, frameBlob, x.rel(path), path, -1)
		}
	}
	if e.Batch == nil {
		return nil
	}
	for line, err := range x.l.Lines(ctx, e.Batch) {
		if err != nil {
			return err
		}
		path := x.l.BlobPath(line)
		if !ownBlob(line.Kind) || x.once(x.rel(path)) {
			continue
		}
		if err := x.l.CheckBlob(ctx, line); err != nil {
			return err
		}
		if err := x.file(ctx, frameBlob, x.rel(path), path, line.Size); err != nil {
			return err
		}
	}
	return nil
}

// privates writes the private manifests.
func (x *exporter) privates(ctx context.Context) error {
	i := x.from - 1
	for e, err := range x.l.Entries(ctx, x.from, x.l.cp.Size) {
		if err != nil {
			return err
		}
		if i++; e.Private == nil || x.once(e.Private.Manifest.String()) {
			continue
		}
		_, err := x.l.privateRecords(e.Private) // only what is good may leave the room
		lost, err := x.l.LostOnRecord(ctx, i, err)
		if err != nil {
			return err
		}
		if lost {
			continue
		}
		path := privatePath(x.l.dir, e.Private.Manifest)
		if err := x.file(ctx, framePrivate, e.Private.Manifest.String(), path, -1); err != nil {
			return err
		}
	}
	return x.err
}

// rel is the slash-separated path of a file in the master.
func (x *exporter) rel(path string) string {
	rel, err := filepath.Rel(x.l.dir, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(rel)
}

// once reports whether a file was written before, and notes that it now is.
func (x *exporter) once(name string) bool {
	was := x.done[name]
	x.done[name] = true
	return was
}

// attachment is the digest of the file an entry other than a batch tells of.
func (e *Entry) attachment() artifact.Digest {
	switch {
	case e.Evidence != nil:
		return e.Evidence.Digest
	case e.Anchor != nil:
		return e.Anchor.Digest
	case e.Verify != nil:
		return e.Verify.Report
	}
	return artifact.Digest{}
}

// exists reports whether a file of that size, or any when it is negative, is there.
func exists(path string, size int64) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && (size < 0 || st.Size() == size)
}
