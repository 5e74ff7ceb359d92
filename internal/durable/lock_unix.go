//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// LocksFiles says that the lock of an open file tells whether somebody writes it.
const LocksFiles = true

// LockNew locks a file that was just made, and reports false when a sweep was
// faster. Not every file system can lock; then there is nothing to be told.
func LockNew(f *os.File) bool {
	return !errors.Is(lock(f, unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// TryLock reports whether the lock of a file is free, if that can be told. A free
// one is held until the file is closed.
func TryLock(f *os.File) (free, known bool) {
	err := lock(f, unix.LOCK_SH|unix.LOCK_NB)
	return err == nil, err == nil || errors.Is(err, unix.EWOULDBLOCK)
}

func lock(f *os.File, how int) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var locking error
	err = conn.Control(func(fd uintptr) {
		for locking = unix.EINTR; locking == unix.EINTR; {
			locking = unix.Flock(int(fd), how)
		}
	})
	return errors.Join(err, locking)
}
