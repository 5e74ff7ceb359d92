package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	"seihon/artifact"

	"golang.org/x/mod/sumdb/tlog"
)

// A Log reads a master or publication log as it was when it was opened. It is
// safe for concurrent use. Whatever it gives out has been checked against the
// signed checkpoint, the files it reads from are trusted in nothing.
type Log struct {
	dir    string
	cp     Checkpoint
	pinned *Verifier // what the caller trusts
	keys   *Verifier // who signed cp: pinned, or its successors by key rotation
	tiles  *tiles
	last   *Entry // nil when the log is empty

	indexed bool // see UseIndex

	mu     sync.Mutex
	bundle struct {
		n       int64
		records [][]byte
	}
	eras []era // see keysAt; nil = not looked up yet

	losses []numbered // see privateLosses; nil = not looked up yet
}

// Open opens the log in dir for reading and verifies its checkpoint with v.
// The directory is a master, a publication log, or a BagIt bag of one.
func Open(ctx context.Context, dir string, v *Verifier) (*Log, error) {
	dir = dataDir(dir)
	path := filepath.Join(dir, logDir, "checkpoint")
	var before []byte
	for {
		signed, err := readSmall(path, maxCheckpoint)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, noLog(dir)
		}
		if err != nil {
			return nil, fmt.Errorf("opening log in %s: %w", dir, corrupt(path, err))
		}
		l, err := openAt(ctx, dir, v, signed)
		if err == nil {
			if err = l.againstArchive(); err == nil {
				return l, nil
			}
		}
		// A writer may have gone on between two reads; then the checkpoint is
		// another one now. The same one twice is what there is.
		if bytes.Equal(signed, before) || ctx.Err() != nil {
			return nil, fmt.Errorf("opening log in %s: %w", dir, errors.Join(err, ctx.Err()))
		}
		before = signed
	}
}

// noLog tells a directory without a log from a log that lost its checkpoint.
func noLog(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("opening log: %w: %w", ErrNotExist, err)
	}
	if _, err := os.Stat(filepath.Join(dir, logDir)); err == nil {
		path := filepath.Join(dir, logDir, "checkpoint")
		return fmt.Errorf("opening log: %w",
			&CorruptError{Path: path,
				Err: errors.New("the checkpoint is lost; restore it from log/checkpoints or a copy, do not start over")})
	}
	return fmt.Errorf("opening log in %s: %w", dir, ErrNotExist)
}

// openAt opens the tree of one signed checkpoint.
func openAt(ctx context.Context, dir string, v *Verifier, signed []byte) (*Log, error) {
	cp, keys, err := openCheckpoint(ctx, dir, v, signed)
	if err != nil {
		return nil, err
	}
	return openTree(ctx, dir, v, keys, cp)
}

func openTree(ctx context.Context, dir string, pinned, keys *Verifier, cp Checkpoint) (*Log, error) {
	t, err := openTiles(filepath.Join(dir, logDir), cp.Size, cp.Root)
	if err != nil {
		return nil, err
	}
	l := &Log{dir: dir, cp: cp, pinned: pinned, keys: keys, tiles: t}
	l.bundle.n = -1
	if cp.Size > 0 {
		if l.last, err = l.Entry(ctx, cp.Size-1); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Dir is the directory the log was opened in.
func (l *Log) Dir() string { return l.dir }

// Origin is the log's name.
func (l *Log) Origin() string { return l.cp.Origin }

// Size is the number of entries.
func (l *Log) Size() int64 { return l.cp.Size }

// Root is the Merkle tree hash over them.
func (l *Log) Root() tlog.Hash { return l.cp.Root }

// Checkpoint is the signed note that says so.
func (l *Log) Checkpoint() []byte { return append([]byte(nil), l.cp.Note...) }

// Keys are the verifier keys that the checkpoint was verified with; other than
// the pinned ones after a key rotation.
func (l *Log) Keys() []string { return l.keys.Keys() }

// Time is the time of the newest entry; zero for an empty log.
func (l *Log) Time() time.Time {
	if l.last == nil {
		return time.Time{}
	}
	return l.last.Time
}

// Frozen gives the last entry of a log that takes no more; nil otherwise.
func (l *Log) Frozen() *Freeze {
	if l.last == nil {
		return nil
	}
	return l.last.Freeze
}

// RootAt is the root the log had at a smaller size.
func (l *Log) RootAt(size int64) (tlog.Hash, error) { return l.tiles.rootAt(size) }

// Entry reads entry i.
func (l *Log) Entry(ctx context.Context, i int64) (*Entry, error) {
	raw, err := l.Raw(ctx, i)
	if err != nil {
		return nil, err
	}
	e, err := ParseEntry(raw)
	if err != nil {
		return nil, fmt.Errorf("entry %d: %w", i, err)
	}
	return e, nil
}

// Raw reads the bytes of entry i.
func (l *Log) Raw(ctx context.Context, i int64) ([]byte, error) {
	if i < 0 || i >= l.cp.Size {
		return nil, fmt.Errorf("reading entry %d: the log has %d entries", i, l.cp.Size)
	}
	records, err := l.records(ctx, i/tileWidth)
	if err != nil {
		return nil, err
	}
	return records[i%tileWidth], nil
}

// records reads the entries of a bundle, checked against their leaf hashes.
func (l *Log) records(ctx context.Context, n int64) ([][]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bundle.n == n {
		return l.bundle.records, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	leaves, err := l.tiles.get(0, n)
	if err != nil {
		return nil, err
	}
	path, data, err := readBundle(filepath.Join(l.dir, logDir), n, len(leaves))
	if err != nil {
		return nil, err
	}
	records, err := splitBundle(data, len(leaves))
	if err != nil {
		return nil, &CorruptError{Path: path, Err: err}
	}
	for i, r := range records {
		if leafHash(r) != leaves[i] {
			return nil, &CorruptError{Path: path,
				Err: fmt.Errorf("entry %d is not the one that was signed", n*tileWidth+int64(i))}
		}
	}
	l.bundle.n, l.bundle.records = n, records
	return records, nil
}

// readBundle reads the bundle with the first width entries of a tile.
func readBundle(dir string, n int64, width int) (path string, data []byte, err error) {
	const max = tileWidth * (2 + MaxEntry)
	path = filepath.Join(dir, entriesPath(n, width))
	data, err = readSmall(path, max)
	if errors.Is(err, fs.ErrNotExist) {
		for _, w := range longer(filepath.Join(dir, entriesPath(n, 0)), width) {
			p := filepath.Join(dir, entriesPath(n, w))
			whole, err := readSmall(p, max)
			if err != nil {
				continue
			}
			if records, err := splitBundle(whole, w); err == nil {
				data = nil
				for _, r := range records[:width] {
					data = appendRecord(data, r)
				}
				return p, data, nil
			}
		}
	}
	if err != nil {
		return path, nil, corrupt(path, err)
	}
	return path, data, nil
}

// Entries reads the entries from ≤ i < to.
func (l *Log) Entries(ctx context.Context, from, to int64) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		if err := l.within(from, to); err != nil {
			yield(nil, err)
			return
		}
		for i := from; i < to; i++ {
			e, err := l.Entry(ctx, i)
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (l *Log) within(from, to int64) error {
	if from < 0 || from > to || to > l.cp.Size {
		return fmt.Errorf("reading entries %d to %d: the log has %d entries", from, to, l.cp.Size)
	}
	return nil
}

// Changes gives what the entries from ≤ i < to did to the state, in log order.
// Of the lines of one batch the note at Lines holds.
func (l *Log) Changes(ctx context.Context, from, to int64) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		i := from
		for e, err := range l.Entries(ctx, from, to) {
			if err != nil {
				yield(Change{}, err)
				return
			}
			if e.Batch != nil {
				for line, err := range l.Lines(ctx, e.Batch) {
					if err != nil {
						yield(Change{}, fmt.Errorf("entry %d: %w", i, err))
						return
					}
					if !yield(Change{Index: i, Line: &line}, nil) {
						return
					}
				}
			}
			if e.Withdraw != nil {
				for k := range e.Withdraw.Names {
					if !yield(Change{Index: i, Withdraw: &e.Withdraw.Names[k]}, nil) {
						return
					}
				}
			}
			i++
		}
	}
}

func (l *Log) manifestPath(d artifact.Digest) string { return manifestPath(l.dir, d) }
