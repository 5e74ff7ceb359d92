package syscallfault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Result is how a program ended.
type Result struct {
	Output string // of stdout and stderr
	Code   int
	Seen   int    // how many operations of the plan's kind there were
	Hit    string // what failed first; empty: nothing did
}

// Run runs a program under a plan. The test binary must call [Launch] first.
func Run(ctx context.Context, p Plan, args ...string) (*Result, error) {
	r, err := run(ctx, p, nil, args)
	if errors.Is(err, ErrNotAllowed) && os.Getuid() != 0 {
		return run(ctx, p, ownNamespace(), args)
	}
	return r, err
}

// ownNamespace makes the program root of a user namespace, whose owner may look at it.
func ownNamespace() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
}

func run(ctx context.Context, p Plan, attr *syscall.SysProcAttr, args []string) (*Result, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	conn, err := net.FileConn(ours)
	_ = ours.Close() // conn is a copy
	if err != nil {
		return nil, errors.Join(err, theirs.Close())
	}
	defer conn.Close()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles, cmd.SysProcAttr = &out, &out, []*os.File{theirs}, attr
	// A signal that makes a goroutine yield would break calls off and repeat them.
	cmd.Env = append(os.Environ(), launched+"=1", "GODEBUG=asyncpreemptoff=1")
	err = cmd.Start()
	_ = theirs.Close() // it is the launcher's
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotAllowed, err)
	}
	listener, err := receive(conn.(*net.UnixConn))
	if err != nil {
		return nil, errors.Join(err, cmd.Wait(), errors.New(out.String()))
	}
	w := &watch{plan: p, listener: listener}
	var watching sync.WaitGroup
	watching.Go(w.loop)
	_ = cmd.Wait() // its code is the answer
	watching.Wait()
	if err := unix.Close(listener); err != nil {
		w.failed = errors.Join(w.failed, err)
	}
	return &Result{Output: out.String(), Code: cmd.ProcessState.ExitCode(), Seen: w.seen, Hit: w.hit}, w.failed
}

// notice and answer are struct seccomp_notif and seccomp_notif_resp of linux/seccomp.h.
type notice struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	pointer    uint64
	args       [6]uint64
}

type answer struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// A watch answers what the filter asks, until the program and its children are gone.
type watch struct {
	plan     Plan
	listener int
	seen     int
	hit      string
	failed   error
}

func (w *watch) loop() {
	for {
		fds := []unix.PollFd{{Fd: int32(w.listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			w.failed = err
			return
		}
		if fds[0].Revents&unix.POLLIN == 0 {
			return // nobody is left
		}
		var n notice
		if err := ioctl(w.listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); err != nil {
			continue // who asked is gone, or was interrupted
		}
		a := answer{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if value, errno, done := w.judge(&n); done {
			a.flags, a.value, a.errno = 0, value, -int32(errno)
		}
		_ = ioctl(w.listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&a)) // as above
	}
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}
