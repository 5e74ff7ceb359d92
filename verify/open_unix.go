//go:build unix

package verify

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// A plainFile is a file by its descriptor. os.File would ask the system twice more for each file whether it can be
// waited for, which no regular file can; a copy may have a million files.
type plainFile int

// openFile opens a file for reading. A pipe that somebody put in its place does not make it wait.
func openFile(path string) (io.ReadCloser, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
		if err == nil {
			return plainFile(fd), nil
		}
		if !errors.Is(err, syscall.EINTR) {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

func (f plainFile) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, err := syscall.Read(int(f), p)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EISDIR):
			return 0, ErrNotFound
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (f plainFile) Close() error { return os.NewSyscallError("close", syscall.Close(int(f))) }
