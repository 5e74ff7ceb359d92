package token

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// inMemory makes a file of this process that lies on no disk, and stays as long as the process, since SoftHSM reads its
// configuration again when the module is loaded anew.
func inMemory(content []byte) (string, error) {
	fd, err := unix.MemfdCreate("softhsm2.conf", unix.MFD_CLOEXEC)
	if err != nil {
		return "", fmt.Errorf("making a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "softhsm2.conf")
	if _, err := f.Write(content); err != nil {
		return "", fmt.Errorf("writing a file in memory: %w", err)
	}
	kept = append(kept, f)
	return fmt.Sprintf("/proc/self/fd/%d", fd), nil
}

// kept are not closed, neither by us nor by the garbage collector.
var kept []*os.File
