package durable

import (
	"fmt"
	"os"
	"path/filepath"
)

// WriteFile replaces the file at path in one step: it and its new name are on the
// disk when WriteFile returns, and a crash leaves either the old or the new content.
// What a crash leaves beside it the next WriteFile removes.
func WriteFile(path string, data []byte, perm os.FileMode) (err error) {
	tmp, err := Temporary(path)
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	defer func() {
		_ = tmp.Close() // what counts is that it was synced
		if err != nil {
			_ = os.Remove(tmp.Name())
			err = fmt.Errorf("writing %q: %w", path, err)
		}
	}()
	if _, err = tmp.Write(data); err != nil {
		return err
	}
	if err = tmp.Chmod(perm); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if !LocksFiles {
		if err = tmp.Close(); err != nil {
			return err
		}
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return OS{}.SyncDir(filepath.Dir(path))
}
