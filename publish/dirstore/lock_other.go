//go:build !unix

package dirstore

import (
	"context"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// lock takes the lock on a file in .tmp: Windows cannot lock a directory.
func (s *Store) lock(ctx context.Context) (unlock func() error, err error) {
	if err := s.makeDir(tmpDir); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(s.dir, tmpDir, lockName))
	if ok, err := l.TryLockContext(ctx, lockPause); !ok {
		return nil, err
	}
	return l.Close, nil
}

// fsyncDir does nothing: NTFS journals names, and a directory handle from
// os.Open cannot be flushed there.
func fsyncDir(*os.File) error { return nil }
