package ledger

import (
	"fmt"
	"os"
	"path/filepath"
)

// ownFolders refuses a log one of whose folders others than its owner may write to: whoever can rename there can put
// an older checkpoint, or another archive, in the place of the newest. The folders of single tiles and blobs are below
// these, and so behind them. Windows has no such modes.
func ownFolders(dir string) error {
	if os.PathSeparator != '/' {
		return nil
	}
	for _, path := range []string{dir, filepath.Join(dir, logDir)} {
		entries, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		if err := own(path); err != nil {
			return err
		}
		for _, e := range entries {
			if err := own(filepath.Join(path, e.Name())); err != nil && e.IsDir() {
				return err
			}
		}
	}
	return nil
}

func own(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("others may write to %q: it has mode %04o; make it 0755 or less (chmod go-w)", path, mode)
	}
	return nil
}
