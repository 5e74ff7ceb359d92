//go:build unix

package inventory

import "golang.org/x/sys/unix"

// writable says why a file may not be written, without opening it.
func writable(path string) error {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS)
}
