package hsmsign

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"seihon/hsmsign/token"
	"seihon/internal/config"
	"seihon/internal/regular"
)

// emptied says why SoftHSM shows no token any more, where that is the reason: it
// writes token.object anew at every login, in place, and a process that is killed
// at that moment leaves an empty file. Its keys are there, but the key to them was
// in that file.
func emptied(s *config.HSM, err error) error {
	if !errors.Is(err, token.ErrTokenAbsent) || s.SoftHSMConfig == "" {
		return err
	}
	raw, readErr := regular.ReadFile(string(s.SoftHSMConfig))
	if readErr != nil {
		return err // SoftHSM could not read it, either, and said so
	}
	for lines := bufio.NewScanner(bytes.NewReader(raw)); lines.Scan(); {
		name, dir, _ := strings.Cut(lines.Text(), "=")
		if strings.TrimSpace(name) != "directories.tokendir" {
			continue
		}
		dir = strings.TrimSpace(dir)
		files, _ := fs.Glob(os.DirFS(dir), "*/token.object") // the pattern is valid
		for _, file := range files {
			file = filepath.Join(dir, file)
			if info, statErr := os.Stat(file); statErr == nil && info.Size() == 0 {
				return fmt.Errorf("%w; %q is empty: a process was killed while SoftHSM logged in: put the copy of that file back (docs/hsm.md, SoftHSM)", err, file)
			}
		}
	}
	return err
}
