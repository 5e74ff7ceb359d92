//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package dirstore

import "os"

// locksFiles says that no lock tells whether somebody writes a file; and one that
// is open may have to be closed before it gets its name.
const locksFiles = false

func lockTemporary(*os.File) bool { return true }

func tryTemporary(*os.File) (free, known bool) { return false, false }
