package dirstore

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"seihon/internal/durable"
	"seihon/internal/regular"
	"seihon/publish"
)

// A temporary is an object that is being written. Its lock is held until it has
// its name, so that a sweep leaves it alone.
type temporary struct {
	*os.File
	name string
}

// temporary makes one. A sweep that comes between the making and the locking may
// have removed it; then another is made.
func (s *Store) temporary() (*temporary, error) {
	if err := s.makeDir(tmpDir); err != nil {
		return nil, err
	}
	for {
		name := tmpDir + "/" + rand.Text()
		f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return nil, err
		}
		if durable.LockNew(f) {
			if _, err := s.root.Lstat(name); !errors.Is(err, os.ErrNotExist) {
				return &temporary{f, name}, nil
			}
		}
		_ = f.Close() // a sweep took it, or is about to
	}
}

// sweepOne removes a temporary file that nobody writes any more; its lock is held
// meanwhile. Where locks tell nothing it must be old.
func (s *Store) sweepOne(name string, old bool) error {
	f, err := regular.In(s.root, name)
	if err != nil {
		return nil // it has just gone, or is nothing of ours
	}
	defer f.Close()
	if free, known := durable.TryLock(f); known && !free || !known && !old {
		return nil
	}
	if err := s.root.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// fill writes and syncs the bytes of an object.
func (t *temporary) fill(ctx context.Context, o publish.Object) error {
	body, err := o.Body()
	if err != nil {
		return err
	}
	defer body.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(t, h), readerWithContext{ctx, body})
	if err == nil && n != o.Size {
		err = fmt.Errorf("%w: %d bytes came, %d were promised", publish.ErrChecksum, n, o.Size)
	}
	if err == nil && [32]byte(h.Sum(nil)) != o.SHA256 {
		err = fmt.Errorf("%w: SHA-256 is %x, %s was promised", publish.ErrChecksum, h.Sum(nil), o.SHA256)
	}
	if err == nil {
		err = t.Sync()
	}
	if err == nil && !durable.LocksFiles {
		err = t.Close()
	}
	return err
}
