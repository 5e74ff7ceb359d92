package room

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"seihon/internal/config"
	"seihon/internal/regular"
)

// Trusted refuses a configuration of the room, a configuration of SoftHSM, or a PKCS#11 module, that others than its
// owner may write to: the first two name the module and the token, and the module runs beside the PIN. What is no file
// is refused, too: SoftHSM would wait for ever for a pipe.
func Trusted(c *config.Config) error {
	trusted := []string{c.File}
	for _, t := range c.Signer.AllTokens() {
		if !t.Retired {
			trusted = append(trusted, string(t.SoftHSMConfig), string(t.Module))
		}
	}
	for _, path := range trusted {
		info, err := os.Stat(path)
		if path == "" || errors.Is(err, fs.ErrNotExist) {
			continue // who needs it says so, and what to do
		}
		if err == nil {
			err = regular.Check(path)
		}
		if err != nil {
			return fmt.Errorf("looking at what the signing room trusts: %w", err)
		}
		if mode := info.Mode().Perm(); os.PathSeparator == '/' && mode&0o022 != 0 {
			return fmt.Errorf("looking at what the signing room trusts: others may write to %q: it has mode %04o; "+
				"see that it is as it should be, then make it 0644 or less (chmod go-w)", path, mode)
		}
	}
	return nil
}

// checkState refuses a state folder that others than its owner may write to: whoever can write there can forget that
// a PIN was refused. The master's folders are judged by its log. Windows has no such modes.
func (r *Room) checkState() error {
	dir := string(r.Config.Signer.State)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), os.PathSeparator != '/':
		return nil
	case err != nil:
		return fmt.Errorf("opening the signing room: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("opening the signing room: others may write to %q: it has mode %04o; make it 0755 or less "+
			"(chmod go-w)", dir, mode)
	}
	return nil
}
