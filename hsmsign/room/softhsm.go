package room

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"seihon/hsmsign/token"
	"seihon/internal/config"
)

// emptied says why SoftHSM shows no token any more, where that is the reason: it
// writes token.object anew at every login, in place, and a process that is killed
// at that moment leaves an empty file. Its keys are there, but the key to them was
// in that file.
func emptied(s *config.HSM, err error) error {
	if !errors.Is(err, token.ErrTokenAbsent) || s.SoftHSMConfig == "" {
		return err
	}
	dir, readErr := token.SoftHSMTokens(string(s.SoftHSMConfig))
	if readErr != nil || dir == "" {
		return err // SoftHSM could not use it, either, and said so
	}
	files, _ := fs.Glob(os.DirFS(dir), "*/token.object") // the pattern is valid
	for _, file := range files {
		file = filepath.Join(dir, file)
		if info, statErr := os.Stat(file); statErr == nil && info.Size() == 0 {
			return fmt.Errorf("%w; %q is empty: a process was killed while SoftHSM logged in: put the copy of that "+
				"file back (docs/hsm.md, SoftHSM)", err, file)
		}
	}
	return err
}
