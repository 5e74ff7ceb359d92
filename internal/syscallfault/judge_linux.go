package syscallfault

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// judge says whether a call is answered here, and how.
func (w *watch) judge(n *notice) (value int64, errno syscall.Errno, done bool) {
	c := calls[int(n.nr)]
	if !w.watched(n, c) {
		return 0, 0, false
	}
	kind, room := c.kindOf(n.args)
	if w.plan.Short && c.moves {
		return w.half(n, c)
	}
	if w.plan.Kind == Grows && !(kind == Writes && room) || w.plan.Kind != Grows && kind != w.plan.Kind {
		return 0, 0, false
	}
	w.seen++
	switch {
	case w.plan.From == 0 || w.seen < w.plan.From || w.seen > w.plan.From && !w.plan.Stays:
		return 0, 0, false
	case w.hit == "":
		path, _ := w.path(n, c)
		w.hit = fmt.Sprintf("call %d on %s", n.nr, path)
		if w.plan.Half && c.moves && n.args[2] > 1 {
			return w.half(n, c)
		}
	}
	if !errors.As(w.plan.Err, &errno) {
		errno = syscall.EIO
	}
	return 0, errno, true
}

// watched reports whether a call is about a file in one of the watched folders.
func (w *watch) watched(n *notice, c call) bool {
	path, err := w.path(n, c)
	if err != nil {
		return false // it is gone, or none of ours
	}
	in := func(dirs []string) bool {
		for _, dir := range dirs {
			if path == dir || strings.HasPrefix(path, dir+"/") {
				return true
			}
		}
		return false
	}
	return in(w.plan.Watch) && !in(w.plan.Except)
}

// path is the absolute path of the file that a call is about.
func (w *watch) path(n *notice, c call) (string, error) {
	proc := func(link string) (string, error) { return os.Readlink(fmt.Sprintf("/proc/%d/%s", n.pid, link)) }
	fd := func(arg uint64) string { return fmt.Sprintf("fd/%d", int32(arg)) }
	if c.path < 0 {
		p, err := proc(fd(n.args[0]))
		return strings.TrimSuffix(p, " (deleted)"), err
	}
	name, err := w.text(n, n.args[c.path])
	if err != nil || strings.HasPrefix(name, "/") {
		return filepath.Clean(name), err
	}
	link := "cwd"
	if c.dir >= 0 && int32(n.args[c.dir]) != unix.AT_FDCWD {
		link = fd(n.args[c.dir])
	}
	dir, err := proc(link)
	return filepath.Join(dir, name), err
}

// text reads a string of the program, which may end just before a page that is not there.
func (w *watch) text(n *notice, address uint64) (string, error) {
	var b []byte
	for len(b) < unix.PathMax {
		part := make([]byte, 256-(address+uint64(len(b)))%256)
		if _, err := w.memory(n, part, address+uint64(len(b)), false); err != nil {
			return "", err
		}
		if i := bytes.IndexByte(part, 0); i >= 0 {
			return string(append(b, part[:i]...)), nil
		}
		b = append(b, part...)
	}
	return "", syscall.ENAMETOOLONG
}

// memory copies from the program, or into it.
func (w *watch) memory(n *notice, b []byte, address uint64, into bool) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(len(b))
	remote := []unix.RemoteIovec{{Base: uintptr(address), Len: len(b)}}
	if into {
		return unix.ProcessVMWritev(int(n.pid), local, remote, 0)
	}
	return unix.ProcessVMReadv(int(n.pid), local, remote, 0)
}

// half does a read or a write of half the octets in the program's place.
func (w *watch) half(n *notice, c call) (value int64, errno syscall.Errno, done bool) {
	fail := func(err error) (int64, syscall.Errno, bool) {
		if errors.As(err, &errno) {
			return 0, errno, true
		}
		w.failed = errors.Join(w.failed, err)
		return 0, syscall.EIO, true
	}
	if n.args[2] == 0 {
		return 0, 0, false
	}
	file, err := descriptor(n.pid, int(int32(n.args[0])))
	if err != nil {
		return fail(err)
	}
	defer unix.Close(file)
	b, at, moved := make([]byte, min(max(n.args[2]/2, 1), 1<<20)), int64(n.args[3]), 0
	switch int(n.nr) {
	case unix.SYS_READ:
		moved, err = unix.Read(file, b)
	case unix.SYS_PREAD64:
		moved, err = unix.Pread(file, b, at)
	default:
		if _, err := w.memory(n, b, n.args[1], false); err != nil {
			return fail(err)
		}
		if int(n.nr) == unix.SYS_WRITE {
			moved, err = unix.Write(file, b)
		} else {
			moved, err = unix.Pwrite(file, b, at)
		}
	}
	if err == nil && c.kind == Reads {
		_, err = w.memory(n, b[:moved], n.args[1], true)
	}
	if err != nil {
		return fail(err)
	}
	return int64(moved), 0, true
}

// descriptor is a copy of one of a thread's, with the same place in the file.
func descriptor(thread uint32, fd int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", thread))
	if err != nil {
		return -1, fmt.Errorf("looking at the program: %w", err)
	}
	_, rest, _ := strings.Cut(string(status), "\nTgid:")
	line, _, _ := strings.Cut(rest, "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return -1, fmt.Errorf("looking for the process of a thread: %w", err)
	}
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, fmt.Errorf("looking at the program: %w", err)
	}
	defer unix.Close(process)
	return unix.PidfdGetfd(process, fd, 0)
}
