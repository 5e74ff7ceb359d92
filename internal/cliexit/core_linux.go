package cliexit

import (
	"fmt"
	"syscall"
)

// NoCore keeps the memory of this process, in which PINs and keys may be, out of
// core files and away from other processes of the same user.
func NoCore() error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("turning core dumps off: %w", err)
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0); errno != 0 {
		return fmt.Errorf("turning core dumps off: %w", errno)
	}
	return nil
}
