//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"seihon/internal/regular"
)

// locksFiles says that the lock of an open file tells whether somebody writes it.
const locksFiles = true

// lockNew locks a file that was just made, and reports false when a sweep was
// faster. Not every file system can lock; then there is nothing to be told.
func lockNew(f *os.File) bool {
	return !errors.Is(flock(f, unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// removeUnlocked removes a regular file whose lock is free.
func removeUnlocked(path string) error {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := regular.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if flock(f, unix.LOCK_SH|unix.LOCK_NB) != nil {
		return nil
	}
	return os.Remove(path)
}

func flock(f *os.File, how int) error {
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
