package ledger

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"strings"

	"seihon/artifact"
	"seihon/public"

	"golang.org/x/mod/sumdb/tlog"
)

// A File is one file of the log as it is published. Its name never means
// other bytes: tiles and bundles are append-only, manifests carry their digest.
type File struct {
	Name   string // "log/tile/…" or "log/manifests/<sha256>"
	Kind   artifact.Kind
	Digest artifact.Digest
	Size   int64
	open   func() ([]byte, error)
}

// Open reads the bytes of the file, uncompressed and checked.
func (f *File) Open() (io.ReadSeekCloser, error) {
	b, err := f.Bytes()
	if err != nil {
		return nil, err
	}
	return struct {
		*bytes.Reader
		io.Closer
	}{bytes.NewReader(b), io.NopCloser(nil)}, nil
}

// Bytes reads the whole file.
func (f *File) Bytes() ([]byte, error) {
	b, err := f.open()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.Name, err)
	}
	if got := artifact.Sum(b); got != f.Digest {
		return nil, fmt.Errorf("reading %s: %w", f.Name,
			&CorruptError{Path: f.Name, Err: fmt.Errorf("the SHA-256 is %s, it was %s", got, f.Digest)})
	}
	return b, nil
}

// PublicFiles gives the log's files that a complete copy at size from lacks at
// size to: manifests first, then entry bundles, then tiles; not the
// checkpoint, which must come after all of them.
func (l *Log) PublicFiles(ctx context.Context, from, to int64) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		for e, err := range l.Entries(ctx, from, to) {
			if err != nil {
				yield(File{}, err)
				return
			}
			if e.Batch == nil {
				continue
			}
			f := File{Name: public.Manifest(e.Batch.Manifest), Kind: artifact.Manifest, Digest: e.Batch.Manifest,
				Size: e.Batch.Size,
				open: func() ([]byte, error) { return l.Manifest(ctx, e.Batch) }}
			if !yield(f, nil) {
				return
			}
		}
		for path := range newPaths(from, to) {
			b, err := l.publicTile(ctx, path)
			if err != nil {
				yield(File{}, fmt.Errorf("reading %s: %w", path, err))
				return
			}
			f := File{Name: "log/" + path, Kind: artifact.Tile, Digest: artifact.Sum(b), Size: int64(len(b)),
				open: func() ([]byte, error) { return b, nil }}
			if !yield(f, nil) {
				return
			}
		}
	}
}

// publicTile gives the checked bytes of a tile or entry bundle.
func (l *Log) publicTile(ctx context.Context, path string) ([]byte, error) {
	level, n, width, err := parseTilePath(path)
	if err != nil {
		return nil, err
	}
	var out []byte
	if level < 0 {
		records, err := l.records(ctx, n)
		if err != nil {
			return nil, err
		}
		for _, r := range records[:width] {
			out = appendRecord(out, r)
		}
		return out, nil
	}
	hs, err := l.tiles.get(level, n)
	if err != nil {
		return nil, err
	}
	for i := range hs[:width] {
		out = append(out, hs[i][:]...)
	}
	return out, nil
}

// parseTilePath is the inverse of tilePath and, with level -1, of entriesPath.
func parseTilePath(path string) (level int, n int64, width int, err error) {
	entries := false
	p := path
	if rest, ok := strings.CutPrefix(path, "tile/entries/"); ok {
		p, entries = "tile/0/"+rest, true
	}
	// x/mod has the tile's height in the path, tlog-tiles has only height 8.
	rest, ok := strings.CutPrefix(p, "tile/")
	if !ok {
		return 0, 0, 0, fmt.Errorf("%q is not the path of a tile", path)
	}
	t, err := tlog.ParseTilePath("tile/8/" + rest)
	if err != nil || t.L < 0 {
		return 0, 0, 0, fmt.Errorf("%q is not the path of a tile", path)
	}
	if entries {
		t.L = -1
	}
	return t.L, t.N, t.W, nil
}
