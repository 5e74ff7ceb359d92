package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"seihon/internal/regular"
)

// Temporary makes a file beside the one at path, to be written and then given its
// name. Until it is closed its lock says that somebody writes it: what writers of
// the same file left that were killed has a free lock, and is removed first. Where
// locks cannot tell it stays.
func Temporary(path string) (*os.File, error) {
	dir, base := filepath.Dir(path), "."+filepath.Base(path)+"."
	if err := sweepKilled(dir, base); err != nil {
		return nil, err
	}
	for {
		f, err := os.CreateTemp(dir, base+"*.part")
		if err != nil {
			return nil, err
		}
		if LockNew(f) {
			if _, err := os.Lstat(f.Name()); !errors.Is(err, os.ErrNotExist) {
				return f, nil
			}
		}
		_ = f.Close() // a sweep took it before it was locked, or is about to
	}
}

// sweepKilled removes the temporaries that nobody writes any more.
func sweepKilled(dir, base string) error {
	if !LocksFiles {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("looking for what a killed process left in %q: %w", dir, err)
	}
	for _, name := range names {
		random, ok := strings.CutPrefix(name, base)
		random = strings.TrimSuffix(random, ".part")
		if !ok || random == "" || strings.Trim(random, "0123456789") != "" {
			continue
		}
		if err := removeUnlocked(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing what a killed process left: %w", err)
		}
	}
	return nil
}

// removeUnlocked removes a regular file whose lock is free.
func removeUnlocked(path string) error {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := regular.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if free, _ := TryLock(f); !free {
		return nil
	}
	return os.Remove(path)
}
