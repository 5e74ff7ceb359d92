// Package dirstore publishes to a directory: an on-premises web server's root,
// or a copy to carry elsewhere.
//
// A write goes to a temporary file in .tmp, is synced, and gets its name in one
// atomic step: link(2), which refuses an existing name, or rename(2) under a
// lock after the old bytes were compared. So readers see whole objects, two
// publishers cannot overwrite each other, and a crash leaves at most a file in
// .tmp, which is swept when the store is opened the next time: whoever writes a
// temporary file holds its lock, and a lock ends with its process. Where files
// cannot be locked, age decides.
//
// The tag of an object is the SHA-256 of its bytes. Headers are not stored:
// who serves the directory derives them from the kind, as the publisher did.
package dirstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"seihon/internal/regular"
	"seihon/publish"
)

// tmpDir holds what is being written. Names that start with a dot are never
// written as objects; what others put under such a name is listed, read and
// removed like anything else.
const tmpDir = ".tmp"

// sweepAge is the age from which a temporary file is taken for a crash's where
// nobody can tell by its lock.
const sweepAge = time.Hour

// A Store is a directory. It implements publish.Store, Lister and Tagger.
type Store struct {
	dir  string
	root *os.Root // no name and no symbolic link leads out of it

	swap sync.Mutex // with the file lock: one compare-and-swap at a time

	mu    sync.Mutex
	known map[string]bool // directories that exist and are durable
}

var (
	_ publish.Store  = (*Store)(nil)
	_ publish.Lister = (*Store)(nil)
	_ publish.Tagger = (*Store)(nil)
)

// Open opens the directory dir, and makes it if it is not there. A directory that
// others may write to is refused, and so is one below it at the first write there:
// whoever may write there can put an older list in the place of the newest. now is the
// time by which leftovers are judged; nil is time.Now.
func Open(dir string, now func() time.Time) (*Store, error) {
	if now == nil {
		now = time.Now
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("opening directory target: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening directory target: %w", err)
	}
	s := &Store{dir: dir, root: root, known: map[string]bool{".": true}}
	err = s.ownFolders()
	if err == nil {
		err = s.sweep(now().Add(-sweepAge))
	}
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("opening directory target %q: %w", dir, err)
	}
	return s, nil
}

// Close releases the directory.
func (s *Store) Close() error { return s.root.Close() }

// Tag returns the tag of an object with that content.
func (s *Store) Tag(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// Put implements publish.Store.
func (s *Store) Put(ctx context.Context, o publish.Object, c publish.Condition) (publish.Receipt, error) {
	if err := check(o.Name, c); err != nil {
		return publish.Receipt{}, err
	}
	if strings.HasPrefix(o.Name, ".") {
		return publish.Receipt{}, fmt.Errorf("writing %q: a name that begins with a dot is never public", o.Name)
	}
	tmp, err := s.temporary()
	if err != nil {
		return publish.Receipt{}, fmt.Errorf("writing %q: %w", o.Name, full(err))
	}
	// After a rename the name is gone and this removes nothing.
	defer s.root.Remove(tmp.name)
	defer tmp.Close() // it was synced: there is nothing left to fail
	if err := tmp.fill(ctx, o); err != nil {
		return publish.Receipt{}, fmt.Errorf("writing %q: %w", o.Name, full(err))
	}
	if err := s.makeDir(path.Dir(o.Name)); err != nil {
		return publish.Receipt{}, fmt.Errorf("writing %q: %w", o.Name, full(err))
	}
	if c.IfAbsent {
		err = s.create(ctx, tmp.name, o.Name)
	} else {
		err = s.replace(ctx, tmp.name, o.Name, c.IfMatch)
	}
	if err != nil {
		return publish.Receipt{}, fmt.Errorf("writing %q: %w", o.Name, err)
	}
	if err := s.syncDir(path.Dir(o.Name)); err != nil {
		return publish.Receipt{}, fmt.Errorf("writing %q: %w", o.Name, err)
	}
	return publish.Receipt{ETag: o.SHA256.String()}, nil
}

// full marks the errors of a full disk: it is not emptied while a sync tries again.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w, make room and run it again: %w", publish.ErrInvalid, err)
	}
	return err
}

// create gives the temporary file its name if that is free.
func (s *Store) create(ctx context.Context, tmp, name string) error {
	err := s.root.Link(tmp, name)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return publish.ErrConflict
	}
	if _, statErr := s.root.Lstat(name); statErr == nil {
		return publish.ErrConflict
	}
	// FAT and some network file systems have no hard links. There the lock
	// keeps other publishers away between the look and the rename.
	return s.locked(ctx, func() error {
		if _, err := s.root.Lstat(name); err == nil {
			return publish.ErrConflict
		}
		return s.root.Rename(tmp, name)
	})
}

// replace puts the temporary file in the place of the object with that tag.
func (s *Store) replace(ctx context.Context, tmp, name, tag string) error {
	return s.locked(ctx, func() error {
		if err := s.match(ctx, name, tag); err != nil {
			return err
		}
		return s.root.Rename(tmp, name)
	})
}

// match reports as an error that the object does not have that tag.
func (s *Store) match(ctx context.Context, name, tag string) error {
	got, err := s.tagOf(ctx, name)
	if err != nil {
		return err
	}
	if got != tag {
		return fmt.Errorf("%w: tag is %s, want %s", publish.ErrConflict, got, tag)
	}
	return nil
}

func (s *Store) tagOf(ctx context.Context, name string) (string, error) {
	f, err := s.open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, readerWithContext{ctx, f}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// open opens an object, which must be a plain file.
func (s *Store) open(name string) (*os.File, error) {
	f, err := regular.In(s.root, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, publish.ErrNotFound
	case errors.Is(err, regular.ErrNotRegular):
		if info, statErr := s.root.Stat(name); statErr == nil && info.IsDir() {
			return nil, fmt.Errorf("%w: %w", publish.ErrNotFound, err)
		}
		return nil, fmt.Errorf("%w: something else has the name of an object, look at it and remove it: %w",
			publish.ErrInvalid, err)
	}
	return f, err
}

// Get implements publish.Store. The tag is computed from the bytes, so the
// object is read twice; the file stays the same one even if it is replaced.
func (s *Store) Get(ctx context.Context, name string) (*publish.Reader, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	r, err := s.get(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	return r, nil
}

func (s *Store) get(ctx context.Context, name string) (*publish.Reader, error) {
	f, err := s.open(name)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	n, err := io.Copy(h, readerWithContext{ctx, f})
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	var info fs.FileInfo
	if err == nil {
		info, err = f.Stat()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &publish.Reader{
		ReadCloser:   f,
		Size:         n,
		ETag:         hex.EncodeToString(h.Sum(nil)),
		LastModified: info.ModTime(),
	}, nil
}

// Delete implements publish.Store.
func (s *Store) Delete(ctx context.Context, name string, c publish.Condition) error {
	if err := check(name, c); err != nil {
		return err
	}
	if c.IfAbsent {
		return fmt.Errorf("deleting %q: a delete needs the tag of what it removes", name)
	}
	err := s.locked(ctx, func() error {
		if err := s.match(ctx, name, c.IfMatch); err != nil {
			return err
		}
		return s.root.Remove(name)
	})
	if err == nil {
		err = s.syncDir(path.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("deleting %q: %w", name, err)
	}
	return nil
}

// List implements publish.Lister.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[publish.Listed, error] {
	return func(yield func(publish.Listed, error) bool) {
		s.list(ctx, ".", prefix, yield)
	}
}
