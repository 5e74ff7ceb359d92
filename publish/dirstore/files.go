package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"seihon/publish"
)

// check reports why a request cannot be meant.
func check(name string, c publish.Condition) error {
	if err := checkName(name); err != nil {
		return err
	}
	if c.IfAbsent == (c.IfMatch != "") {
		return fmt.Errorf("writing %q: want exactly one condition, if-absent or if-match", name)
	}
	return nil
}

// checkName refuses names that are not slash-separated names of objects. The
// backslash and colon have a meaning on Windows.
func checkName(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\:\x00") || name == tmpDir ||
		strings.HasPrefix(name, tmpDir+"/") {
		return fmt.Errorf("name %q cannot be the name of an object in a directory", name)
	}
	return nil
}

// makeDir makes a directory and those above it, each durable in its parent.
func (s *Store) makeDir(dir string) error {
	s.mu.Lock()
	known := s.known[dir]
	s.mu.Unlock()
	if known {
		return nil
	}
	if err := s.makeDir(path.Dir(dir)); err != nil {
		return err
	}
	if err := s.root.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := s.own(dir); err != nil {
		return err
	}
	if err := s.syncDir(path.Dir(dir)); err != nil {
		return err
	}
	s.mu.Lock()
	s.known[dir] = true
	s.mu.Unlock()
	return nil
}

// ownFolders looks at the directory and at those right below it.
func (s *Store) ownFolders() error {
	if err := s.own("."); err != nil {
		return err
	}
	entries, err := s.readDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := s.own(e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// own refuses a directory that others than its owner may write to. Windows has no such modes.
func (s *Store) own(dir string) error {
	info, err := s.root.Stat(dir)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); os.PathSeparator == '/' && mode&0o022 != 0 {
		return fmt.Errorf("%w: others may write to %q: it has mode %04o; make it 0755 or less (chmod go-w)",
			publish.ErrInvalid, filepath.Join(s.dir, dir), mode)
	}
	return nil
}

// locked runs f while no other publisher replaces or removes an object here. It
// does not wait longer than ctx lives: who holds the lock may have been stopped.
func (s *Store) locked(ctx context.Context, f func() error) error {
	s.swap.Lock()
	defer s.swap.Unlock()
	unlock, err := s.lock(ctx)
	if err != nil {
		return fmt.Errorf("locking %q: %w", s.dir, err)
	}
	return errors.Join(f(), unlock())
}

// sweep removes the temporary files of those who died: whose lock is free, or,
// where there is no lock to ask, that are older than before.
func (s *Store) sweep(before time.Time) error {
	d, err := s.root.Open(tmpDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || e.Name() == lockName {
			continue
		}
		if err := s.sweepOne(tmpDir+"/"+e.Name(), info.ModTime().Before(before)); err != nil {
			return err
		}
	}
	return nil
}

// lockPause is the time between two tries to take the lock, which is held for the
// time of a comparison and a rename.
const lockPause = 5 * time.Millisecond

// lockName is the lock file on systems that cannot lock a directory.
const lockName = "lock"

// list walks dir in byte order of the full names and reports whether to go on.
// A directory sorts as its name with a slash: "a.crl" comes before "a/b".
func (s *Store) list(ctx context.Context, dir, prefix string, yield func(publish.Listed, error) bool) bool {
	entries, err := s.readDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil {
		return yield(publish.Listed{}, fmt.Errorf("listing %q: %w", dir, err))
	}
	key := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(key(a), key(b)) })
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return yield(publish.Listed{}, err)
		}
		name := path.Join(dir, e.Name())
		if name == tmpDir {
			continue
		}
		if e.IsDir() {
			sub := name + "/"
			if (strings.HasPrefix(sub, prefix) || strings.HasPrefix(prefix, sub)) && !s.list(ctx, name, prefix, yield) {
				return false
			}
			continue
		}
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if !s.yieldFile(ctx, name, e, yield) {
			return false
		}
	}
	return true
}

func (s *Store) readDir(dir string) ([]fs.DirEntry, error) {
	d, err := s.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.ReadDir(-1)
}

func (s *Store) yieldFile(ctx context.Context, name string, e fs.DirEntry,
	yield func(publish.Listed, error) bool) bool {
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return true // removed since the directory was read
	}
	var tag string
	if err == nil && info.Mode().IsRegular() {
		tag, err = s.tagOf(ctx, name)
	}
	if err != nil {
		return yield(publish.Listed{}, fmt.Errorf("listing %q: %w", name, err))
	}
	return yield(publish.Listed{Name: name, Size: info.Size(), ETag: tag}, nil)
}

// readerWithContext ends a long copy when its context does.
type readerWithContext struct {
	ctx context.Context
	r   io.Reader
}

func (r readerWithContext) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// syncDir makes the names in a directory durable.
func (s *Store) syncDir(dir string) error {
	d, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(fsyncDir(d), d.Close())
}
