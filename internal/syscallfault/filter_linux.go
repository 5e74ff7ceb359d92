package syscallfault

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// launched is the variable of the environment that makes a test binary the launcher.
const launched = "SYSCALLFAULT_LAUNCH"

// Launch does not return in a process that [Run] started: it puts the filter on
// itself and becomes the program. A TestMain calls it first.
func Launch() {
	if os.Getenv(launched) == "" {
		return
	}
	_ = os.Unsetenv(launched)
	fmt.Fprintln(os.Stderr, launch())
	os.Exit(125)
}

// launch runs on one thread, which the filter is for.
func launch() error {
	runtime.LockOSThread()
	path, err := exec.LookPath(os.Args[1])
	if err != nil {
		return err
	}
	listener, err := filterThread()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotAllowed, err)
	}
	if err := unix.Sendmsg(3, []byte{0}, unix.UnixRights(listener), nil, 0); err != nil {
		return fmt.Errorf("handing the filter over: %w", err)
	}
	unix.CloseOnExec(3)
	return syscall.Exec(path, os.Args[1:], os.Environ())
}

func filterThread() (listener int, err error) {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	filter := program()
	f := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	flags := uintptr(unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&f)))
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}

// program asks about each watched call and allows all others.
func program() []unix.SockFilter {
	p := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}} // the number of the call
	for nr := range calls {
		p = append(p,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(nr)},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	return append(p, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
}

// receive takes the filter's descriptor from the launcher.
func receive(conn *net.UnixConn) (int, error) {
	b, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := conn.ReadMsgUnix(b, oob)
	if err != nil {
		return -1, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return -1, fmt.Errorf("%w: the launcher handed nothing over (%v)", ErrNotAllowed, err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, fmt.Errorf("%w: the launcher handed no filter over (%v)", ErrNotAllowed, err)
	}
	return fds[0], nil
}
