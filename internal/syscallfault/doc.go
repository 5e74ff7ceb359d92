// Package syscallfault runs a program whose file operations fail: the n-th one
// with an error, all from the n-th one on, or none, but each of them in small
// pieces. The program is the one that is shipped; no file system is mounted, no
// library is loaded into it, and no privilege is needed beyond that of looking at
// a process of one's own.
//
// A seccomp filter of the program hands each file operation to this process
// before the kernel does it (SECCOMP_RET_USER_NOTIF), which lets it pass, answers
// it with an error, or does half of it. Operations on files outside of the folders
// that are watched pass always.
//
// It is for tests, and for Linux.
package syscallfault

import "errors"

// ErrNotAllowed says that this machine does not let a process be watched like that.
var ErrNotAllowed = errors.New("the file operations of a program cannot be watched here: run this as root, or allow " +
	"user namespaces and seccomp")

// A Kind is a set of file operations.
type Kind int

// The kinds of operations.
const (
	Writes Kind = iota // opening for writing, writing, syncing, renaming, linking, making and removing
	Grows              // those of Writes that need room on the disk
	Reads              // opening for reading, and reading
)

// A Plan says what happens to which operation. The zero value lets all pass.
type Plan struct {
	Watch  []string // folders
	Except []string // folders in them that are left alone

	Kind  Kind
	From  int   // the operation that fails, from 1; 0: none
	Stays bool  // those of the kind that come after it fail, too
	Err   error // a syscall.Errno
	Half  bool  // the first is a write that is done by half, if it is one
	Short bool  // every read and write does half of what it is asked for
}
