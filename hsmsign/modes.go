package hsmsign

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// checkModes refuses a master or a state folder that others than its owner may
// write to: whoever can write there can put back an older master, or forget that
// a PIN was refused. Windows has no such modes.
func (r *Room) checkModes() error {
	if os.PathSeparator != '/' {
		return nil
	}
	for _, dir := range []string{string(r.conf.Master.Directory), string(r.conf.Signer.State)} {
		info, err := os.Stat(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("opening the signing room: %w", err)
		}
		if mode := info.Mode().Perm(); mode&0o022 != 0 {
			return fmt.Errorf("opening the signing room: others may write to %q: it has mode %04o; make it 0755 or less (chmod go-w)", dir, mode)
		}
	}
	return nil
}
