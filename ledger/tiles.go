package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"seihon/internal/regular"

	"golang.org/x/mod/sumdb/tlog"
)

// tiles reads hash tiles of one tree and gives out no hash that does not lead
// to the tree's root. The right edge, at most one partial tile per level, is
// read and checked at once; a full tile is checked against its parent.
type tiles struct {
	dir  string // …/log
	size int64
	edge [][]tlog.Hash // by level; empty where the level ends with a full tile

	mu    sync.Mutex
	cache map[tileID][]tlog.Hash
}

type tileID struct {
	level int
	n     int64
}

// maxCachedTiles bounds the cache to 4 MiB; upper levels of a large log are few.
const maxCachedTiles = 512

// levels is how many levels of tiles a tree has.
func levels(size int64) int { return (bits.Len64(uint64(size)) + 7) / 8 }

// openTiles reads the right edge and checks it against the root.
func openTiles(dir string, size int64, root tlog.Hash) (*tiles, error) {
	t := &tiles{dir: dir, size: size, cache: map[tileID][]tlog.Hash{}}
	for level := range levels(size) {
		n := size >> (8 * level)
		var hs []tlog.Hash
		if w := int(n % tileWidth); w > 0 {
			var err error
			if hs, err = t.read(level, n/tileWidth, w); err != nil {
				return nil, err
			}
		}
		t.edge = append(t.edge, hs)
	}
	got := edgeRoot(t.edge)
	if got != root {
		return nil, &CorruptError{Path: filepath.Join(dir, "tile"),
			Err: fmt.Errorf("the hashes at the right edge give the root %s, the checkpoint of size %d says %s", got,
				size, root)}
	}
	return t, nil
}

// edgeRoot is the root of the tree that ends with these partial tiles.
func edgeRoot(edge [][]tlog.Hash) tlog.Hash {
	var stack []tlog.Hash
	for level := len(edge) - 1; level >= 0; level-- {
		stack = appendPerfect(stack, edge[level])
	}
	return fold(stack)
}

// appendPerfect adds the roots of the perfect subtrees over hs, largest first.
func appendPerfect(stack, hs []tlog.Hash) []tlog.Hash {
	for len(hs) > 0 {
		k := 1 << (bits.Len(uint(len(hs))) - 1)
		stack = append(stack, perfect(append([]tlog.Hash(nil), hs[:k]...)))
		hs = hs[k:]
	}
	return stack
}

// read reads width hashes of a tile, from the partial tile or from a longer
// one: a writer may have filled the tile, and swept the partial one, since.
func (t *tiles) read(level int, n int64, width int) ([]tlog.Hash, error) {
	path := filepath.Join(t.dir, tilePath(level, n, width))
	data, err := readSmall(path, tileWidth*tlog.HashSize)
	if errors.Is(err, fs.ErrNotExist) {
		for _, w := range longer(filepath.Join(t.dir, tilePath(level, n, 0)), width) {
			p := filepath.Join(t.dir, tilePath(level, n, w))
			if b, err2 := readSmall(p, tileWidth*tlog.HashSize); err2 == nil && len(b) == w*tlog.HashSize {
				path, data, err = p, b[:width*tlog.HashSize], nil
				break
			}
		}
	}
	if err != nil {
		return nil, corrupt(path, err)
	}
	if len(data) != width*tlog.HashSize {
		return nil, &CorruptError{Path: path,
			Err: fmt.Errorf("the tile has %d bytes, not %d", len(data), width*tlog.HashSize)}
	}
	hs := make([]tlog.Hash, width)
	for i := range hs {
		hs[i] = tlog.Hash(data[i*tlog.HashSize:])
	}
	return hs, nil
}

// longer lists the widths of the files that have more of a tile or bundle than
// width: the full one, whose path is given, then partial ones.
func longer(full string, width int) []int {
	if width == tileWidth {
		return nil
	}
	widths := []int{tileWidth}
	entries, err := os.ReadDir(full + ".p")
	if err != nil {
		return widths
	}
	for _, e := range entries {
		if w, err := strconv.Atoi(e.Name()); err == nil && w > width && w < tileWidth {
			widths = append(widths, w)
		}
	}
	return widths
}

// get gives the checked hashes of a tile, as many as the tree has.
func (t *tiles) get(level int, n int64) ([]tlog.Hash, error) {
	last := t.size >> (8 * level) / tileWidth
	if n == last && level < len(t.edge) && len(t.edge[level]) > 0 {
		return t.edge[level], nil
	}
	if n < 0 || n >= last {
		return nil, fmt.Errorf("tile %d of level %d is outside a tree of size %d", n, level, t.size)
	}
	id := tileID{level, n}
	t.mu.Lock()
	hs := t.cache[id]
	t.mu.Unlock()
	if hs != nil {
		return hs, nil
	}
	parent, err := t.get(level+1, n/tileWidth)
	if err != nil {
		return nil, err
	}
	if hs, err = t.read(level, n, tileWidth); err != nil {
		return nil, err
	}
	if perfect(append([]tlog.Hash(nil), hs...)) != parent[n%tileWidth] {
		return nil, &CorruptError{Path: filepath.Join(t.dir, tilePath(level, n, 0)),
			Err: errors.New("the tile's hashes do not lead to the root of the checkpoint")}
	}
	t.mu.Lock()
	if len(t.cache) >= maxCachedTiles {
		clear(t.cache)
	}
	t.cache[id] = hs
	t.mu.Unlock()
	return hs, nil
}

// rootAt is the root that the first size entries had.
func (t *tiles) rootAt(size int64) (tlog.Hash, error) {
	if size < 0 || size > t.size {
		return tlog.Hash{}, fmt.Errorf("size %d is outside a tree of size %d", size, t.size)
	}
	var stack []tlog.Hash
	for level := levels(size) - 1; level >= 0; level-- {
		n := size >> (8 * level)
		if n%tileWidth == 0 {
			continue
		}
		hs, err := t.get(level, n/tileWidth)
		if err != nil {
			return tlog.Hash{}, err
		}
		stack = appendPerfect(stack, hs[:n%tileWidth])
	}
	return fold(stack), nil
}

// ReadHashes implements tlog.HashReader.
func (t *tiles) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		level, n := tlog.SplitStoredHashIndex(x)
		// A hash between the levels of tiles is the root of 2^sub hashes of a tile.
		tile, sub := level/8, level%8
		first := n << sub
		hs, err := t.get(tile, first/tileWidth)
		if err != nil {
			return nil, err
		}
		at := int(first % tileWidth)
		if at+1<<sub > len(hs) {
			return nil, fmt.Errorf("hash %d of level %d is outside a tree of size %d", n, level, t.size)
		}
		out[i] = perfect(append([]tlog.Hash(nil), hs[at:at+1<<sub]...))
	}
	return out, nil
}

// readSmall reads a whole file of at most max bytes.
func readSmall(path string, max int64) ([]byte, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err == nil && st.Size() > max {
		err = fmt.Errorf("not a file of at most %d bytes", max)
	}
	if err != nil {
		return nil, err
	}
	b := make([]byte, st.Size())
	n, err := io.ReadFull(f, b)
	if err == io.ErrUnexpectedEOF || err == io.EOF { // it was cut off meanwhile
		err = nil
	}
	return b[:n], err
}

// corrupt says that a file the log needs is missing or unfit; an error of the
// machine, such as EIO, stays what it is.
func corrupt(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, regular.ErrNotRegular) {
		return fmt.Errorf("reading the log: %w", err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("the file is missing")
	}
	return &CorruptError{Path: path, Err: err}
}
