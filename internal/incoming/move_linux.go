package incoming

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// into prepares moves of files into a folder of the folder, without opening both for each file. end gives them back.
func (r rooted) into(folder *os.Root) (m move, end func() error, err error) {
	from, err := r.held.Open(".")
	if err != nil {
		return nil, nil, err
	}
	to, err := folder.Open(".")
	if err != nil {
		return nil, nil, errors.Join(err, from.Close())
	}
	return func(old, name string) error {
		if filepath.Dir(old) != r.dir { // in a folder of its own, which may have become a link
			return r.Rename(old, name)
		}
		for {
			err := unix.Renameat(int(from.Fd()), filepath.Base(old), int(to.Fd()), filepath.Base(name))
			if err == nil || !errors.Is(err, unix.EINTR) {
				return os.NewSyscallError("renameat", err)
			}
		}
	}, func() error { return errors.Join(from.Close(), to.Close()) }, nil
}
