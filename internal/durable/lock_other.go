//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package durable

import "os"

// LocksFiles says that no lock tells whether somebody writes a file; and one that
// is open may have to be closed before it gets its name.
const LocksFiles = false

// LockNew has nothing to lock.
func LockNew(*os.File) bool { return true }

// TryLock cannot tell.
func TryLock(*os.File) (free, known bool) { return false, false }
