//go:build unix

package dirstore

import (
	"context"
	"os"

	"github.com/gofrs/flock"
)

// lock takes the lock on the directory itself, so that no file has to be kept
// in what is public.
func (s *Store) lock(ctx context.Context) (unlock func() error, err error) {
	l := flock.New(s.dir, flock.SetFlag(os.O_RDONLY))
	if ok, err := l.TryLockContext(ctx, lockPause); !ok {
		return nil, err
	}
	return l.Close, nil
}

func fsyncDir(d *os.File) error { return d.Sync() }
