package ledger

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// notYet reports whether a folder is empty or not there.
func notYet(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	used := slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() != lockFile && e.Name() != lockFile+holderSuffix && e.Name() != tmpDir
	})
	return !used, err
}

// interrupted tells an import that could not go on, whose files serve the next
// one, from one that was refused for what is in the export, or not in it any more.
func interrupted(err error) bool {
	var file *fs.PathError
	var link *os.LinkError
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &file) || errors.As(err, &link) || errors.Is(err, ErrLocked)
}

// clean removes what a refused import wrote: no byte of it stays. Failing to is
// harmless, since no checkpoint leads to these files.
func (m *importer) clean() {
	for _, path := range m.kept {
		_ = m.c.fs.Remove(path)
		m.w.tx.Forget(filepath.Dir(path))
		m.prune(filepath.Dir(path))
	}
	if !m.fresh {
		return
	}
	// Nothing but the lock and empty folders is left of a copy that never began.
	for _, name := range []string{lockFile, lockFile + holderSuffix} {
		_ = m.c.fs.Remove(filepath.Join(m.w.dir, name))
	}
	_ = filepath.WalkDir(filepath.Join(m.w.dir, tmpDir), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			_ = m.c.fs.Remove(path)
		}
		return nil
	})
	_ = m.c.fs.Remove(filepath.Join(m.w.dir, tmpDir))
	if m.made {
		_ = m.c.fs.Remove(m.w.dir)
	}
}

// prune removes a folder of the copy, and those above it, while they are empty.
func (m *importer) prune(dir string) {
	for strings.HasPrefix(dir, m.w.dir+string(filepath.Separator)) {
		if m.c.fs.Remove(dir) != nil { // os.Remove refuses a folder that holds something
			return
		}
		dir = filepath.Dir(dir)
	}
}
