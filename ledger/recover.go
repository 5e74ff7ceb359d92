package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"seihon/internal/durable"
	"seihon/internal/regular"

	"github.com/gofrs/flock"
	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"
)

// intentFile, among the temporaries, holds the size a commit was about to
// reach, where a crash may have left files that no checkpoint leads to.
const intentFile = "commit"

// holderSuffix makes the name of the file that says who holds the lock.
const holderSuffix = ".holder"

// Create starts an empty log in dir and refuses one that is there, also one
// that only left traces: a log is begun once.
func Create(ctx context.Context, dir string, c WriterConfig) (*Writer, error) {
	if err := c.complete(); err != nil {
		return nil, fmt.Errorf("creating a log: %w", err)
	}
	if err := c.fs.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("creating a log: %w", err)
	}
	w, err := lockDir(dir, c)
	if err != nil {
		return nil, fmt.Errorf("creating a log: %w", err)
	}
	if err := w.create(ctx); err != nil {
		return nil, fmt.Errorf("creating a log in %s: %w", dir, errors.Join(err, w.lock.Close()))
	}
	return w, nil
}

func (w *Writer) create(ctx context.Context) error {
	if err := unused(w.dir); err != nil {
		return err
	}
	if err := durable.Sweep(w.c.fs, filepath.Join(w.dir, tmpDir)); err != nil {
		return err
	}
	cp := Checkpoint{Origin: w.c.Origin, Root: edgeRoot(nil)}
	signed, err := note.Sign(&note.Note{Text: cp.text()}, w.c.Signers...)
	if err != nil {
		return fmt.Errorf("signing the first checkpoint: %w", err)
	}
	if _, err := w.c.Verifier.Open(signed); err != nil {
		return fmt.Errorf("checking the checkpoint just signed: %w", err)
	}
	for _, d := range []string{checkpointDir, "log/tile/entries"} {
		if err := w.tx.MkdirAll(filepath.Join(w.dir, d)); err != nil {
			return err
		}
	}
	if err := w.publish(0, signed); err != nil {
		return err
	}
	w.keys = w.c.Verifier
	w.log, err = openAt(ctx, w.dir, w.c.Verifier, signed)
	return err
}

// unused refuses a directory that holds a log or the remains of one. What a
// crash of Create leaves, an archived checkpoint of size 0, is not one yet.
func unused(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, logDir, "checkpoint")); !errors.Is(err, fs.ErrNotExist) {
		return ErrExist
	}
	sizes, err := archived(dir)
	if err != nil {
		return err
	}
	if len(sizes) > 1 || len(sizes) == 1 && sizes[0] != 0 {
		return fmt.Errorf("%w, whose checkpoint is lost: restore it, do not start over", ErrExist)
	}
	for _, d := range []string{"log/tile/0", manifestDir} {
		if _, err := os.Lstat(filepath.Join(dir, d)); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w, or what remains of one (%s): restore it, do not start over", ErrExist,
				filepath.Join(dir, d))
		}
	}
	return nil
}

// OpenWriter opens the log in dir for appending. It finishes a commit that a
// crash interrupted and refuses a log that lost something it once had: a
// missing or older checkpoint, a missing tile, a contradiction with a
// checkpoint in c.Known.
func OpenWriter(ctx context.Context, dir string, c WriterConfig) (*Writer, error) {
	if err := c.complete(); err != nil {
		return nil, fmt.Errorf("opening log for writing: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, logDir)); err != nil {
		return nil, noLog(dir)
	}
	if err := ownFolders(dir); err != nil {
		return nil, fmt.Errorf("opening log for writing: %w", err)
	}
	w, err := lockDir(dir, c)
	if err != nil {
		return nil, fmt.Errorf("opening log for writing: %w", err)
	}
	if err := w.open(ctx); err != nil {
		return nil, fmt.Errorf("opening log in %s for writing: %w", dir, errors.Join(err, w.lock.Close()))
	}
	return w, nil
}

func (w *Writer) open(ctx context.Context) error {
	l, err := Open(ctx, w.dir, w.c.Verifier)
	if err != nil {
		return err
	}
	if w.log, err = w.rollForward(ctx, l); err != nil {
		return err
	}
	w.keys = w.log.keys
	if w.log.last != nil && w.log.last.KeyRotation != nil {
		// The newest commit is the handover itself: the new keys sign from here on.
		if w.keys, err = w.log.last.KeyRotation.check(w.keys); err != nil {
			return err
		}
	}
	for _, s := range w.c.Signers {
		found := false
		for _, k := range w.keys.keys {
			found = found || k.name == s.Name() && k.hash == s.KeyHash()
		}
		if !found {
			return &KeyError{Origin: w.c.Origin, Size: w.log.cp.Size,
				Err: fmt.Errorf("the signer's key %08x is not one of the log's keys %v", s.KeyHash(), w.keys.Keys())}
		}
	}
	for _, known := range w.c.Known {
		if err := w.log.Consistent(ctx, known); err != nil {
			return err
		}
	}
	if err := w.log.notBehindIndex(ctx); err != nil {
		return err
	}
	return w.sweep(ctx)
}

// rollForward finishes a commit that got as far as the archive (step 3). The
// archive must hold the checkpoint itself: one that lacks it was put back.
func (w *Writer) rollForward(ctx context.Context, l *Log) (*Log, error) {
	sizes, err := archivedFrom(w.dir, l.cp.Size)
	if err != nil {
		return nil, err
	}
	if len(sizes) == 0 || sizes[len(sizes)-1] < l.cp.Size {
		return nil, &CorruptError{Path: archivePath(w.dir, l.cp.Size),
			Err: errors.New("the checkpoint is not in the archive; restore log/checkpoints")}
	}
	newest := sizes[len(sizes)-1]
	if newest == l.cp.Size {
		// The directories may have been renamed in but not synced before a crash.
		return l, w.resync(newest)
	}
	signed, err := readArchived(w.dir, newest)
	if err != nil {
		return nil, err
	}
	next, err := openAt(ctx, w.dir, w.c.Verifier, signed)
	if err != nil {
		return nil, fmt.Errorf("rolling forward to size %d: %w", newest, err)
	}
	if err := next.Consistent(ctx, l.cp.Note); err != nil {
		return nil, fmt.Errorf("rolling forward to size %d: %w", newest, err)
	}
	if err := w.resync(newest); err != nil {
		return nil, err
	}
	if err := w.tx.Write(filepath.Join(w.dir, logDir, "checkpoint"), signed); err != nil {
		return nil, fmt.Errorf("rolling forward to size %d: %w", newest, err)
	}
	if err := w.tx.Flush(); err != nil {
		return nil, fmt.Errorf("rolling forward to size %d: %w", newest, err)
	}
	w.c.Logger.Info("rolled forward", zap.Int64("from", l.cp.Size), zap.Int64("to", newest))
	return next, nil
}

// resync makes the names durable that a crashed writer may have left in
// memory only, before anything is built on them.
func (w *Writer) resync(size int64) error {
	newest := filepath.Dir(archivePath(w.dir, size))
	for _, d := range []string{newest, filepath.Join(w.dir, checkpointDir), filepath.Join(w.dir, logDir)} {
		if err := w.c.fs.SyncDir(d); err != nil {
			return fmt.Errorf("syncing directory %s: %w", d, err)
		}
	}
	return nil
}

// sweep removes temporaries and the tiles of a commit that never happened.
func (w *Writer) sweep(ctx context.Context) error {
	intent := filepath.Join(w.dir, tmpDir, intentFile)
	if b, err := readSmall(intent, 64); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n > w.log.cp.Size {
			if err := w.removeBeyond(ctx, n); err != nil {
				return err
			}
		}
	}
	return durable.Sweep(w.c.fs, filepath.Join(w.dir, tmpDir))
}

// removeBeyond removes tiles and bundles that a tree of size intended would
// have and the log's does not. Failing to remove is harmless: they would be
// overwritten by the commit that needs them.
func (w *Writer) removeBeyond(ctx context.Context, intended int64) error {
	have := map[string]bool{}
	for path := range edgePaths(w.log.cp.Size) {
		have[path] = true
		if exists(filepath.Join(w.dir, logDir, path), -1) {
			continue
		}
		// An import that was interrupted between two checkpoints has this edge
		// only inside longer files, which are about to go.
		b, err := w.log.publicTile(ctx, path)
		if err != nil {
			return err
		}
		if err := w.tx.Write(filepath.Join(w.dir, logDir, path), b); err != nil {
			return err
		}
	}
	if err := w.tx.Flush(); err != nil {
		return err
	}
	for path := range newPaths(w.log.cp.Size, intended) {
		if !have[path] {
			_ = w.c.fs.Remove(filepath.Join(w.dir, logDir, path))
		}
	}
	return nil
}

// prune removes the partial tiles and bundles whose full ones are now there,
// as c2sp.org/tlog-tiles allows. Failing to costs space only.
func (w *Writer) prune(from, to int64) {
	for level := -1; level < levels(to); level++ {
		shift := 8 * max(level, 0)
		first, end := from>>shift/tileWidth, to>>shift/tileWidth
		for n := first; n < end; n++ {
			path := tilePath(level, n, 0)
			if level < 0 {
				path = entriesPath(n, 0)
			}
			dir := filepath.Join(w.dir, logDir, path+".p")
			entries, err := os.ReadDir(dir)
			if err != nil {
				continue
			}
			for _, e := range entries {
				_ = w.c.fs.Remove(filepath.Join(dir, e.Name()))
			}
			_ = w.c.fs.Remove(dir)
			w.tx.Forget(dir)
		}
	}
}

// SetAside renames the directory of a log that nobody is writing, so that
// another can begin in its place. Nothing of it is changed or lost.
func SetAside(dir, aside string, now func() time.Time) error {
	w, err := lockDir(dir, WriterConfig{Now: now, fs: durable.OS{}})
	if err != nil {
		return fmt.Errorf("setting a log aside: %w", err)
	}
	if err := os.Rename(dir, aside); err != nil {
		return fmt.Errorf("setting a log aside: %w", errors.Join(err, w.lock.Close()))
	}
	return w.lock.Close()
}

// lockDir takes the writer's lock of a directory.
func lockDir(dir string, c WriterConfig) (*Writer, error) {
	path := filepath.Join(dir, lockFile)
	for _, p := range []string{path, path + holderSuffix} {
		if err := regular.Check(p); err != nil {
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
	}
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|regular.Nonblock))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	if !ok {
		holder, err := readSmall(path+holderSuffix, 1024)
		if err != nil || len(holder) == 0 {
			holder = []byte("an unknown process")
		}
		return nil, &LockedError{Path: path, Holder: strings.TrimSpace(string(holder))}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	who := fmt.Sprintf("process %d on %s since %s\n", os.Getpid(), host, c.Now().UTC().Format(timeFormat))
	// The name of the holder is a courtesy to whoever is refused; the lock
	// itself is the kernel's and does not need it. It has its own file, since
	// Windows does not let a locked one be read.
	if err := os.WriteFile(path+holderSuffix, []byte(who), 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), lock.Close())
	}
	return &Writer{dir: dir, c: c, lock: io.Closer(lock), tx: durable.NewTx(c.fs, filepath.Join(dir, tmpDir))}, nil
}
