package ledger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// The order of a commit, and why each step stands where it stands:
//
//  1. blobs, bundles, manifests (they were staged), a note of how far this
//     commit will get, then entry bundles and tiles: each written, synced,
//     named; then the directories are synced. Until now the log is unchanged:
//     no checkpoint leads to any of these files.
//  2. sign. The tree is complete on stable storage before anybody is told of it.
//  3. log/checkpoints/<size>: synced with its directory. From here on the
//     commit has happened: whoever opens the log rolls forward to it. A
//     signature that might have left the machine is never forgotten.
//  4. log/checkpoint: replaced and synced. Only then the caller is told.
//
// An error in steps 1 and 2 leaves the log as it was, and the Writer usable;
// an error in 3 or 4 leaves it unknown which of the two it is, so the Writer
// refuses to go on and the next one finds out.

// Commit makes everything staged durable and signs one checkpoint over it.
// With nothing staged it gives the current checkpoint.
func (w *Writer) Commit(ctx context.Context) (checkpoint []byte, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.commit(ctx)
}

func (w *Writer) commit(ctx context.Context) ([]byte, error) {
	switch {
	case w.log == nil:
		return nil, fmt.Errorf("committing: %w", errors.New("the writer is closed"))
	case w.err != nil:
		return nil, fmt.Errorf("committing: %w", errors.Join(ErrBroken, w.err))
	case len(w.staged) == 0:
		return w.log.Checkpoint(), nil
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("committing: %w", err)
	}
	started := w.c.Now()
	next, signed, err := w.prepare(ctx)
	if err != nil {
		return nil, fmt.Errorf("committing: %w", err)
	}
	if err := w.publish(next.Size, signed); err != nil {
		w.err = err
		return nil, fmt.Errorf("committing: %w", errors.Join(err, ErrBroken))
	}
	cp := Checkpoint{Origin: next.Origin, Size: next.Size, Root: next.Root, Note: signed}
	last, err := ParseEntry(w.staged[len(w.staged)-1])
	if err != nil {
		w.err = err
		return nil, fmt.Errorf("committing: %w", err)
	}
	old := w.log
	w.log = &Log{dir: w.dir, cp: cp, pinned: old.pinned, keys: w.keys, last: last,
		tiles: &tiles{dir: old.tiles.dir, size: cp.Size, edge: next.edge, cache: map[tileID][]tlog.Hash{}}}
	w.log.bundle.n = -1
	n := len(w.staged)
	w.staged = nil
	if w.next != nil { // the handover is signed; the new keys go on
		w.c.Signers, w.keys, w.next = w.next.Signers, w.next.Verifier, nil
	}
	w.prune(old.cp.Size, cp.Size)
	w.c.Logger.Info("committed", zap.Int64("size", cp.Size), zap.Int("entries", n),
		zap.String("root", cp.Root.String()),
		zap.Duration("elapsed", w.c.Now().Sub(started)))
	if w.c.Committed != nil {
		if err := w.c.Committed(signed); err != nil {
			return nil, fmt.Errorf("remembering what was committed: %w", err)
		}
	}
	return append([]byte(nil), signed...), nil
}

// A grown tree is the result of step 1.
type grown struct {
	Checkpoint
	edge [][]tlog.Hash
}

// prepare does steps 1 and 2.
func (w *Writer) prepare(ctx context.Context) (grown, []byte, error) {
	g, err := w.grow(ctx)
	if err != nil {
		return grown{}, nil, err
	}
	if err := w.intend(g.size + int64(len(w.staged))); err != nil {
		return grown{}, nil, err
	}
	for i, r := range w.staged {
		if i%tileWidth == 0 && ctx.Err() != nil {
			return grown{}, nil, ctx.Err()
		}
		if err := g.add(r); err != nil {
			return grown{}, nil, err
		}
	}
	if err := g.finish(); err != nil {
		return grown{}, nil, err
	}
	if err := w.tx.Flush(); err != nil {
		return grown{}, nil, err
	}
	next := grown{Checkpoint: Checkpoint{Origin: w.c.Origin, Size: g.size, Root: edgeRoot(g.edge)}, edge: g.edge}
	signed, err := note.Sign(&note.Note{Text: next.text()}, w.c.Signers...)
	if err != nil {
		return grown{}, nil, fmt.Errorf("signing the checkpoint of size %d: %w", next.Size, err)
	}
	// What goes out must be what a reader will accept.
	if _, err := w.keys.Open(signed); err != nil {
		return grown{}, nil, fmt.Errorf("checking the checkpoint just signed: %w", err)
	}
	return next, signed, nil
}

// intend leaves word, before the first tile, how far this commit may get, so
// that the next writer after a crash knows where to look for its remains. The
// flush takes the blobs and manifests along, which are due anyway.
func (w *Writer) intend(size int64) error {
	if err := w.tx.Write(filepath.Join(w.dir, tmpDir, intentFile), fmt.Appendln(nil, size)); err != nil {
		return err
	}
	return w.tx.Flush()
}

// publish does steps 3 and 4.
func (w *Writer) publish(size int64, signed []byte) error {
	path := archivePath(w.dir, size)
	if w.c.Folders {
		path = folderPath(w.dir, size)
	}
	if err := w.tx.Write(path, signed); err != nil {
		return err
	}
	if err := w.tx.Flush(); err != nil {
		return err
	}
	if err := w.tx.Write(filepath.Join(w.dir, logDir, "checkpoint"), signed); err != nil {
		return err
	}
	return w.tx.Flush()
}

// A grower adds records to a tree and writes the tiles and bundles they fill.
type grower struct {
	w      *Writer
	size   int64
	edge   [][]tlog.Hash
	bundle []byte // of the current entry bundle
	dirty  []bool // by level: the partial tile changed
}

// edgeOf copies the right edge of a log's tree, to go on from.
func edgeOf(l *Log) *grower {
	g := &grower{size: l.cp.Size}
	for _, hs := range l.tiles.edge {
		g.edge = append(g.edge, append([]tlog.Hash(nil), hs...))
	}
	return g
}

// grow is a grower that goes on from the writer's log.
func (w *Writer) grow(ctx context.Context) (*grower, error) {
	g := edgeOf(w.log)
	g.w = w
	width := g.size % tileWidth
	if width == 0 {
		return g, nil
	}
	records, err := w.log.records(ctx, g.size/tileWidth)
	if err != nil {
		return nil, err
	}
	for _, r := range records[:width] {
		g.bundle = appendRecord(g.bundle, r)
	}
	return g, nil
}

func (g *grower) add(record []byte) error {
	g.bundle = appendRecord(g.bundle, record)
	if (g.size+1)%tileWidth == 0 {
		if err := g.write(entriesPath(g.size/tileWidth, 0), g.bundle); err != nil {
			return err
		}
		g.bundle = g.bundle[:0]
	}
	return g.push(leafHash(record), g.tile)
}

// push adds a leaf hash and gives every tile it fills to full, if that is set.
func (g *grower) push(h tlog.Hash, full func(level int, n int64, width int) error) error {
	n := g.size
	g.size++
	for level := 0; ; level++ {
		if level == len(g.edge) {
			g.edge = append(g.edge, nil)
		}
		for len(g.dirty) < len(g.edge) {
			g.dirty = append(g.dirty, false)
		}
		g.edge[level] = append(g.edge[level], h)
		g.dirty[level] = true
		if len(g.edge[level]) < tileWidth {
			return nil
		}
		if full != nil {
			if err := full(level, n/tileWidth, 0); err != nil {
				return err
			}
		}
		h = perfect(g.edge[level]) // the tile is written; its hashes are used up
		g.edge[level], g.dirty[level] = g.edge[level][:0], false
		n /= tileWidth
	}
}

// finish writes the partial bundle and tiles at the right edge.
func (g *grower) finish() error {
	if w := int(g.size % tileWidth); w > 0 {
		if err := g.write(entriesPath(g.size/tileWidth, w), g.bundle); err != nil {
			return err
		}
	}
	for level, hs := range g.edge {
		if len(hs) > 0 && level < len(g.dirty) && g.dirty[level] {
			if err := g.tile(level, g.size>>(8*level)/tileWidth, len(hs)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *grower) tile(level int, n int64, width int) error {
	data := make([]byte, 0, len(g.edge[level])*tlog.HashSize)
	for i := range g.edge[level] {
		data = append(data, g.edge[level][i][:]...)
	}
	return g.write(tilePath(level, n, width), data)
}

func (g *grower) write(path string, data []byte) error {
	return g.w.tx.Write(filepath.Join(g.w.dir, logDir, path), data)
}
