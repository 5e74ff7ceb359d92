package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Stamped lists the sizes whose archived checkpoints have RFC 3161 tokens
// beside them, ascending.
func (l *Log) Stamped() ([]int64, error) {
	entries, err := os.ReadDir(filepath.Join(l.dir, checkpointDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing timestamps: %w", err)
	}
	var sizes []int64
	for _, e := range entries {
		size, _, _ := strings.Cut(e.Name(), ".")
		n, err := strconv.ParseInt(size, 10, 64)
		if err == nil && strings.HasSuffix(e.Name(), ".tsr") && n <= l.cp.Size {
			sizes = append(sizes, n)
		}
	}
	slices.Sort(sizes)
	return slices.Compact(sizes), nil
}

// ReadToken reads one of the files that Tokens lists.
func (l *Log) ReadToken(path string) ([]byte, error) {
	b, err := readSmall(path, maxToken)
	if err != nil {
		return nil, fmt.Errorf("reading a timestamp: %w", err)
	}
	return b, nil
}

// ProveLineAt is ProveLine under an older checkpoint of this log instead of
// the newest one: what was time-stamped then proves that the line was there.
func (l *Log) ProveLineAt(ctx context.Context, i int64, line Line, signed []byte) ([]byte, error) {
	if err := l.Consistent(ctx, signed); err != nil {
		return nil, fmt.Errorf("proving %s: %w", line.Name, err)
	}
	cp, err := ParseCheckpoint(signed)
	if err == nil && i >= cp.Size {
		err = fmt.Errorf("entry %d is not under a checkpoint of size %d", i, cp.Size)
	}
	if err != nil {
		return nil, fmt.Errorf("proving %s: %w", line.Name, err)
	}
	// Only the head differs: the tiles of the larger tree hold the smaller one.
	return l.withCheckpoint(cp).ProveLine(ctx, i, line)
}

// SignedBy verifies a checkpoint of any era of this log and gives the verifier
// keys that signed it; other than Keys before a key rotation.
func (l *Log) SignedBy(ctx context.Context, signed []byte) ([]string, error) {
	_, keys, err := l.opened(ctx, signed)
	if err != nil {
		return nil, fmt.Errorf("verifying a checkpoint of the log's past: %w", err)
	}
	return keys.Keys(), nil
}

// Hint gives the entry that made the current line of a name, in the word of
// index.db, which nobody signed: who reads that entry knows whether it is so.
func (l *Log) Hint(ctx context.Context, name string) (entry int64, ok bool) {
	x := l.openIndex(ctx)
	if x == nil {
		return 0, false
	}
	defer x.close()
	_, entry, err := x.get(ctx, name)
	return entry, err == nil && entry >= 0 && entry < l.cp.Size
}
