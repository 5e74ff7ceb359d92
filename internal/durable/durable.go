// Package durable writes files that survive a crash or are not there at all.
//
// Everything goes through FS, a handful of system calls, so that a test can
// fail each of them before and after its effect. On top of it a Tx writes
// files the only way that is safe on POSIX: a temporary, write, fsync, close,
// rename over the final name, and, once for many files, fsync of every
// directory that got a new name. After Flush returns nil everything written
// before it is on stable storage; before that nothing is promised, and a
// reader sees each file either whole or not at all.
//
// An fsync that fails is final: the kernel may have dropped the dirty pages
// and report success the next time, so nobody retries it here. The file is
// thrown away and the error handed up.
package durable

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
)

// A File is a file being written.
type File interface {
	io.Writer
	Sync() error
	Close() error
}

// FS is the part of a file system that changes it. One method more than the
// usual four, since each is one system call whose failure is tested.
type FS interface {
	// Create opens a new or emptied file for writing.
	Create(name string) (File, error)
	// Rename replaces to by from atomically.
	Rename(from, to string) error
	// Remove deletes a file or an empty directory.
	Remove(name string) error
	// Mkdir makes one directory; that it exists is an error of os.ErrExist.
	Mkdir(name string) error
	// SyncDir makes the names in a directory durable.
	SyncDir(name string) error
}

// An AllSyncer is an FS that can put all that was written to it on stable storage at once, which for thousands of small
// files is quicker than one by one.
type AllSyncer interface {
	// OpenAll opens the file system of a directory. Sync covers every file that was written and every name that was
	// given since then; it is opened before them, so that no error passes it by.
	OpenAll(dir string) (File, error)
}

// OS is the file system of the machine.
type OS struct{}

// Create implements FS.
func (OS) Create(name string) (File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
}

// Rename implements FS.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements FS.
func (OS) Remove(name string) error { return os.Remove(name) }

// Mkdir implements FS.
func (OS) Mkdir(name string) error { return os.Mkdir(name, 0o755) }

// A Tx writes files of one directory tree. It is safe for concurrent use; a
// Flush covers the files whose writing had returned when it was called.
type Tx struct {
	fs   FS
	tmp  string // directory of temporaries, on the same file system
	root string // where everything is to lie; empty: anywhere

	mu    sync.Mutex
	seq   int
	dirty map[string]bool
	known map[string]bool // directories that exist
}

// NewTx makes a Tx whose temporaries live in the directory tmp.
func NewTx(fs FS, tmp string) *Tx {
	return &Tx{fs: fs, tmp: tmp, dirty: map[string]bool{}, known: map[string]bool{}}
}

// Within keeps the Tx below root: a directory from which a symbolic link leads out of it gets nothing.
func (t *Tx) Within(root string) { t.root = root }

// Inside refuses a directory that a symbolic link leads out of where the Tx is to stay. That it is not there is fine.
func (t *Tx) Inside(dir string) error {
	if t.root == "" {
		return nil
	}
	rel, err := filepath.Rel(t.root, dir)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(t.root)
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := root.Stat(rel); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("the folder %q leads out of %q: %w; put a folder in the place of the link", rel, t.root, err)
	}
	return nil
}

// FS is the file system the Tx writes to.
func (t *Tx) FS() FS { return t.fs }

// MkdirAll makes a directory and its missing parents.
func (t *Tx) MkdirAll(dir string) error {
	t.mu.Lock()
	known := t.known[dir]
	t.mu.Unlock()
	if known {
		return nil
	}
	if st, err := os.Stat(dir); err == nil {
		if !st.IsDir() {
			return fmt.Errorf("making directory %s: a file is in its place", dir)
		}
		if err := t.Inside(dir); err != nil {
			return err
		}
	} else {
		if !os.IsNotExist(err) {
			return fmt.Errorf("making directory: %w", err)
		}
		if parent := filepath.Dir(dir); parent != dir {
			if err := t.MkdirAll(parent); err != nil {
				return err
			}
		}
		if err := t.fs.Mkdir(dir); err != nil && !os.IsExist(err) {
			return fmt.Errorf("making directory: %w", err)
		}
		t.touch(filepath.Dir(dir))
	}
	t.mu.Lock()
	t.known[dir] = true
	t.mu.Unlock()
	return nil
}

func (t *Tx) touch(dir string) {
	t.mu.Lock()
	t.dirty[dir] = true
	t.mu.Unlock()
}

// Write puts data at path.
func (t *Tx) Write(path string, data []byte) error {
	s, err := t.Stage()
	if err != nil {
		return err
	}
	if _, err := s.Write(data); err != nil {
		s.Discard()
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return s.Keep(path)
}

// Stage opens a temporary whose final name may not be known yet.
func (t *Tx) Stage() (*Staged, error) {
	if err := t.MkdirAll(t.tmp); err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.seq++
	name := filepath.Join(t.tmp, strconv.Itoa(t.seq)+".tmp")
	t.mu.Unlock()
	f, err := t.fs.Create(name)
	if err != nil {
		return nil, fmt.Errorf("creating a temporary: %w", err)
	}
	return &Staged{tx: t, name: name, file: f}, nil
}

// Flush makes every name given since the last Flush durable.
func (t *Tx) Flush() error {
	t.mu.Lock()
	dirs := make([]string, 0, len(t.dirty))
	for d := range t.dirty {
		dirs = append(dirs, d)
	}
	t.mu.Unlock()
	// Deepest first, so that a directory's name never becomes durable before
	// the names in it.
	slices.SortFunc(dirs, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		if a < b {
			return -1
		}
		return 1
	})
	for _, d := range dirs {
		// Unmark first: a name that comes while the directory is synced stays
		// marked for the next time.
		t.mu.Lock()
		delete(t.dirty, d)
		t.mu.Unlock()
		if err := t.fs.SyncDir(d); err != nil {
			t.touch(d)
			return fmt.Errorf("syncing directory %s: %w", d, err)
		}
	}
	return nil
}

// A Staged is a file under a temporary name.
type Staged struct {
	tx   *Tx
	name string
	file File
}

// Write implements io.Writer.
func (s *Staged) Write(p []byte) (int, error) { return s.file.Write(p) }

// Keep makes the content durable and gives it its name, which becomes durable
// with the next Flush. Whatever happens, the Staged is used up.
func (s *Staged) Keep(path string) error {
	if err := s.file.Sync(); err != nil {
		s.Discard()
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	if err := s.file.Close(); err != nil {
		s.drop()
		return fmt.Errorf("closing %s: %w", path, err)
	}
	if err := s.tx.MkdirAll(filepath.Dir(path)); err != nil {
		s.drop()
		return err
	}
	if err := s.tx.fs.Rename(s.name, path); err != nil {
		s.drop()
		return fmt.Errorf("naming %s: %w", path, err)
	}
	s.tx.touch(filepath.Dir(path))
	return nil
}

// Discard forgets the file.
func (s *Staged) Discard() {
	// The file is going away; there is nothing to do about an error here.
	_ = s.file.Close()
	s.drop()
}

func (s *Staged) drop() { _ = s.tx.fs.Remove(s.name) }

// Sweep removes the files that crashes left in a directory of temporaries.
func Sweep(fs FS, tmp string) error {
	entries, err := os.ReadDir(tmp)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweeping temporaries: %w", err)
	}
	for _, e := range entries {
		if err := fs.Remove(filepath.Join(tmp, e.Name())); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("sweeping temporaries: %w", err)
		}
	}
	return nil
}

// Forget drops what is known of a directory that was removed.
func (t *Tx) Forget(dir string) {
	t.mu.Lock()
	delete(t.known, dir)
	delete(t.dirty, dir)
	t.mu.Unlock()
}
