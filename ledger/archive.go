package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// archived lists the sizes of the archived checkpoints, ascending.
func archived(dir string) ([]int64, error) {
	return archivedFrom(dir, 0)
}

// archivedFrom lists those of at least that size, and looks into no folder that
// can only have smaller ones.
func archivedFrom(dir string, from int64) ([]int64, error) {
	var sizes []int64
	add := func(names []string, folder int64) {
		for _, name := range names {
			// Timestamp tokens lie beside the checkpoints; their names have a dot.
			if n, ok := decimal(name); ok && n >= from && (folder < 0 || n/archiveFolder == folder) {
				sizes = append(sizes, n)
			}
		}
	}
	top, err := namesIn(filepath.Join(dir, checkpointDir))
	if err != nil {
		return nil, err
	}
	add(top, -1)
	for _, name := range top {
		if n, ok := thousands(name); ok && n >= from/archiveFolder {
			names, err := namesIn(filepath.Join(dir, checkpointDir, name))
			if err != nil {
				return nil, err
			}
			add(names, n)
		}
	}
	slices.Sort(sizes)
	return slices.Compact(sizes), nil
}

func namesIn(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing archived checkpoints: %w", err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("listing archived checkpoints: %w", err)
	}
	return names, nil
}

// decimal reads the one spelling of a number.
func decimal(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == s
}

// archiveFolder is how many tree sizes share a folder of the archive, where there are folders.
const archiveFolder = 1000

// thousands reads the name of a folder: 12k has the checkpoints of 12000 to 12999 entries.
func thousands(name string) (int64, bool) {
	digits, ok := strings.CutSuffix(name, "k")
	if !ok {
		return 0, false
	}
	return decimal(digits)
}

// archivePath is where the checkpoint of a size is: beside the folders, as in a log
// that has none, or in its folder.
func archivePath(dir string, size int64) string {
	flat := filepath.Join(dir, checkpointDir, strconv.FormatInt(size, 10))
	if _, err := os.Lstat(flat); err != nil {
		if inFolder := folderPath(dir, size); exists(inFolder, -1) {
			return inFolder
		}
	}
	return flat
}

func folderPath(dir string, size int64) string {
	return filepath.Join(dir, checkpointDir, strconv.FormatInt(size/archiveFolder, 10)+"k", strconv.FormatInt(size, 10))
}

func readArchived(dir string, size int64) ([]byte, error) {
	path := archivePath(dir, size)
	b, err := readSmall(path, maxCheckpoint)
	if err != nil {
		return nil, corrupt(path, err)
	}
	return b, nil
}

// Archived lists the sizes at which checkpoints were archived, ascending.
func (l *Log) Archived() ([]int64, error) { return archived(l.dir) }

// ArchivedCheckpoint reads the archived checkpoint of a size and checks that
// it is one of this log and of a prefix of it.
func (l *Log) ArchivedCheckpoint(ctx context.Context, size int64) ([]byte, error) {
	b, err := readArchived(l.dir, size)
	if err != nil {
		return nil, err
	}
	if err := l.Consistent(ctx, b); err != nil {
		return nil, fmt.Errorf("archived checkpoint %d: %w", size, err)
	}
	return b, nil
}

// againstArchive compares the checkpoint with the archive beside it. One newer
// archived checkpoint is what a reader sees in the middle of a commit, or after
// a crash there: the tree it opened is signed and good. Two are a checkpoint
// that somebody put back.
func (l *Log) againstArchive() error {
	sizes, err := archivedFrom(l.dir, l.cp.Size)
	if err != nil || len(sizes) == 0 {
		return err
	}
	i, here := slices.BinarySearch(sizes, l.cp.Size)
	if here {
		b, err := readArchived(l.dir, l.cp.Size)
		if err != nil {
			return err
		}
		c, err := ParseCheckpoint(b)
		if err != nil {
			return &CorruptError{Path: archivePath(l.dir, l.cp.Size), Err: err}
		}
		if c.Root != l.cp.Root {
			return &ForkError{Size: c.Size, Here: l.cp.Root, Seen: c.Root, Where: archivePath(l.dir, c.Size)}
		}
		i++
	}
	if len(sizes)-i > 1 {
		newest := sizes[len(sizes)-1]
		return &RollbackError{Have: l.cp.Size, Seen: newest, Where: archivePath(l.dir, newest)}
	}
	return nil
}

// Consistent reports as an error when an older signed checkpoint is not of a
// prefix of this log: a ForkError, a RollbackError when it is of a larger tree,
// an OriginError, a KeyError. Checkpoints signed by keys that were retired, or
// appointed, by key rotation entries of this log are good as well.
func (l *Log) Consistent(ctx context.Context, checkpoint []byte) error {
	c, err := l.verify(ctx, checkpoint)
	if err != nil {
		return fmt.Errorf("checking consistency: %w", err)
	}
	return l.consistentTree(c.Size, c.Root, "the checkpoint")
}

// ConsistentTree is Consistent for a tree whose signature the caller has
// checked, or does not need.
func (l *Log) ConsistentTree(ctx context.Context, size int64, root tlog.Hash) error {
	return l.consistentTree(size, root, "the tree head")
}

func (l *Log) consistentTree(size int64, root tlog.Hash, where string) error {
	if size > l.cp.Size {
		return fmt.Errorf("checking consistency: %w", &RollbackError{Have: l.cp.Size, Seen: size, Where: where})
	}
	here, err := l.tiles.rootAt(size)
	if err != nil {
		return fmt.Errorf("checking consistency: %w", err)
	}
	if here != root {
		return fmt.Errorf("checking consistency: %w", &ForkError{Size: size, Here: here, Seen: root, Where: where})
	}
	return nil
}

// ProveTree gives the consistency proof from a smaller tree to this one; it is
// empty from size 0, which every tree is consistent with.
func (l *Log) ProveTree(from int64) (tlog.TreeProof, error) {
	if from < 0 || from > l.cp.Size {
		return nil, fmt.Errorf("proving consistency: size %d is outside a log of %d entries", from, l.cp.Size)
	}
	if from == 0 || from == l.cp.Size {
		return nil, nil
	}
	p, err := tlog.ProveTree(l.cp.Size, from, l.tiles)
	if err != nil {
		return nil, fmt.Errorf("proving consistency: %w", err)
	}
	return p, nil
}

// AddSignatures stores the current checkpoint with further signatures, such as
// the cosignatures of witnesses, under the same text.
func (w *Writer) AddSignatures(ctx context.Context, signed []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return fmt.Errorf("adding signatures: %w", errors.Join(ErrBroken, w.err))
	case w.log == nil:
		return fmt.Errorf("adding signatures: %w", os.ErrClosed)
	}
	cp, err := w.log.verify(ctx, signed)
	if err != nil {
		return fmt.Errorf("adding signatures: %w", err)
	}
	if cp.Size != w.log.cp.Size || cp.Root != w.log.cp.Root || !bytes.HasPrefix(signed, w.log.cp.Note) {
		return errors.New("adding signatures: they are on another checkpoint than the newest")
	}
	// A token is over the file as it is; another signature would spoil it.
	if tokens, err := w.log.Tokens(cp.Size); err != nil || len(tokens) > 0 {
		return errors.Join(errors.New("adding signatures: the checkpoint is time-stamped already; have it "+
			"cosigned first"), err)
	}
	if err := w.publish(cp.Size, signed); err != nil {
		w.err = err
		return fmt.Errorf("adding signatures: %w", err)
	}
	w.log = w.log.withCheckpoint(cp)
	return nil
}

// withCheckpoint is the same tree under a checkpoint with other signatures.
func (l *Log) withCheckpoint(cp Checkpoint) *Log {
	n := &Log{dir: l.dir, cp: cp, pinned: l.pinned, keys: l.keys, tiles: l.tiles, last: l.last, indexed: l.indexed}
	n.bundle.n = -1
	return n
}
