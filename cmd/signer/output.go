package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"seihon/internal/cliexit"
	"seihon/internal/durable"
)

// absent wants an output file not to be there yet: nothing is ever written over.
func absent(flag, file string) error {
	if _, err := os.Lstat(file); err == nil {
		return cliexit.UsageError("--%s: %q exists and is never overwritten; name another file", flag, file)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking at %q: %w", file, err)
	}
	return nil
}

// writeNew writes a file that is not there yet. It gets its name when it is whole:
// a crash leaves at most a file that ends in .part, which goes when the file is
// written again.
func writeNew(file string, mode os.FileMode, write func(io.Writer) error) error {
	tmp, err := durable.Temporary(file)
	if err != nil {
		return fmt.Errorf("writing %q: %w", file, err)
	}
	defer os.Remove(tmp.Name())
	buffered := bufio.NewWriter(tmp)
	err = write(buffered)
	if err == nil {
		err = errors.Join(buffered.Flush(), tmp.Chmod(mode), tmp.Sync())
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("writing %q: %w", file, err)
	}
	err = os.Link(tmp.Name(), file) // unlike a rename, a link replaces nothing
	if err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Lstat(file); errors.Is(there, fs.ErrNotExist) { // a medium without links
			err = os.Rename(tmp.Name(), file)
		}
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", file, err)
	}
	return nil
}
