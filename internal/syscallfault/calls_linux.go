package syscallfault

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// A call tells what a system call does, and which argument names the file.
type call struct {
	kind  Kind
	path  int // the argument that is the path; -1: the first is a descriptor
	dir   int // the argument that is the folder of the path; -1: the current one
	flags int // the argument with the flags of opening; 0: it opens nothing
	room  bool
	moves bool // it moves octets: the second argument is their place, the third their number
}

// calls are the watched system calls by number.
var calls = watched()

func watched() map[int]call {
	fd := func(kind Kind, room bool) call { return call{kind: kind, path: -1, dir: -1, room: room} }
	moving := func(kind Kind) call { return call{kind: kind, path: -1, dir: -1, room: kind == Writes, moves: true} }
	at := func(dir, path int, room bool) call { return call{kind: Writes, path: path, dir: dir, room: room} }
	m := map[int]call{
		unix.SYS_OPENAT: {path: 1, dir: 0, flags: 2},
		unix.SYS_READ:   moving(Reads), unix.SYS_PREAD64: moving(Reads), unix.SYS_GETDENTS64: fd(Reads, false),
		unix.SYS_WRITE: moving(Writes), unix.SYS_PWRITE64: moving(Writes),
		unix.SYS_FSYNC: fd(Writes, true), unix.SYS_FDATASYNC: fd(Writes, true),
		unix.SYS_FTRUNCATE: fd(Writes, true), unix.SYS_FALLOCATE: fd(Writes, true), unix.SYS_FCHMOD: fd(Writes, false),
		unix.SYS_RENAMEAT: at(2, 3, true), unix.SYS_RENAMEAT2: at(2, 3, true), unix.SYS_LINKAT: at(2, 3, true),
		unix.SYS_MKDIRAT: at(0, 1, true), unix.SYS_UNLINKAT: at(0, 1, false), unix.SYS_FCHMODAT: at(0, 1, false),
	}
	if runtime.GOARCH == "amd64" { // which has the older calls besides
		m[2] = call{path: 0, dir: -1, flags: 1} // open
		m[85] = at(-1, 0, true)                 // creat
		m[82], m[86] = at(-1, 1, true), at(-1, 1, true)
		m[83], m[84] = at(-1, 0, true), at(-1, 0, false)  // mkdir, rmdir
		m[87], m[90] = at(-1, 0, false), at(-1, 0, false) // unlink, chmod
	}
	return m
}

// kindOf completes what a call that opens a file does.
func (c call) kindOf(args [6]uint64) (kind Kind, room bool) {
	if c.flags == 0 {
		return c.kind, c.room
	}
	flags := args[c.flags]
	if flags&unix.O_ACCMODE != unix.O_RDONLY || flags&(unix.O_CREAT|unix.O_TRUNC) != 0 {
		return Writes, flags&unix.O_CREAT != 0
	}
	return Reads, false
}
