//go:build unix

package dirstore

import (
	"os"

	"github.com/gofrs/flock"
)

// lock takes the lock on the directory itself, so that no file has to be kept
// in what is public.
func (s *Store) lock() (unlock func() error, err error) {
	l := flock.New(s.dir, flock.SetFlag(os.O_RDONLY))
	if err := l.Lock(); err != nil {
		return nil, err
	}
	return l.Close, nil
}

func fsyncDir(d *os.File) error { return d.Sync() }
