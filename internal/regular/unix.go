//go:build unix

package regular

import "syscall"

// Nonblock lets the opening of a pipe return at once; to a regular file it is nothing.
const Nonblock = syscall.O_NONBLOCK
