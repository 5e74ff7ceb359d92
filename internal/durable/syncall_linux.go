package durable

import (
	"os"

	"golang.org/x/sys/unix"
)

// OpenAll implements AllSyncer.
func (OS) OpenAll(dir string) (File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	return wholeFS{f}, nil
}

// wholeFS is the file system that a directory is in. Since Linux 5.8 its Sync tells of what could not be written since
// the directory was opened.
type wholeFS struct{ *os.File }

func (f wholeFS) Sync() error { return os.NewSyscallError("syncfs", unix.Syncfs(int(f.Fd()))) }
