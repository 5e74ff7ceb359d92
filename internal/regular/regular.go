// Package regular opens files that somebody else may have put there.
//
// Where a file is expected a pipe can stand, whose opening waits for ever and
// which no signal and no deadline ends, or a device, which has no end. Here a
// file is opened without waiting, and is looked at after it was opened, so that
// it cannot be exchanged in between; what is no regular file is refused.
package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrNotRegular says that something else than a file has a file's name.
var ErrNotRegular = errors.New("it is not a regular file")

// Open opens the regular file at path for reading.
func Open(path string) (*os.File, error) { return OpenFile(path, os.O_RDONLY, 0) }

// OpenFile is as os.OpenFile, for regular files.
func OpenFile(path string, flag int, mode fs.FileMode) (*os.File, error) {
	return opened(os.OpenFile(path, flag|Nonblock, mode))
}

// In opens the regular file that has a name below root for reading.
func In(root *os.Root, name string) (*os.File, error) {
	return opened(root.OpenFile(name, os.O_RDONLY|Nonblock, 0))
}

func opened(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = judge(f.Name(), info)
	}
	if err != nil {
		_ = f.Close() // nothing was read or written
		return nil, err
	}
	return f, nil
}

// ReadFile reads a whole regular file.
func ReadFile(path string) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// Check says that path has something else than a regular file behind it; that
// there is nothing is fine. It is for files that other code opens.
func Check(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil // who opens it gets the same error
	}
	return judge(path, info)
}

func judge(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("%w (%s)", ErrNotRegular, info.Mode().Type())}
}
