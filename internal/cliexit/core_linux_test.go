package cliexit

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestNoCore asks the kernel, in a process of its own, what was turned off.
func TestNoCore(t *testing.T) {
	if os.Getenv("CLIEXIT_NO_CORE") == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNoCore$")
		cmd.Env = append(os.Environ(), "CLIEXIT_NO_CORE=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := NoCore(); err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil || limit != (syscall.Rlimit{}) {
		t.Errorf("core files of %d to %d bytes, %v", limit.Cur, limit.Max, err)
	}
	dumpable, _, errno := syscall.Syscall(syscall.SYS_PRCTL, syscall.PR_GET_DUMPABLE, 0, 0)
	if errno != 0 || dumpable != 0 {
		t.Errorf("dumpable is %d, %v", dumpable, errno)
	}
}
