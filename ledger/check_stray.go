package ledger

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Names that a master or a publication log has beside log/tile. Publishers keep their own memory in state/.
var (
	ownNames = []string{
		logDir, manifestDir, privateDir, blobDir, bundleDir, tmpDir, lockFile, lockFile + ".holder",
		indexFile, indexFile + "-wal", indexFile + "-shm", indexFile + "-journal", "state",
	}
	logNames  = []string{"checkpoint", "checkpoints", "tile"}
	tokenFile = regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[a-z0-9][a-z0-9._-]*\.tsr)?$`)
)

// stray notes what lies beside the files of a log under a name that the format does not have. No check looks into such
// a file.
func (k *checker) stray(ctx context.Context) error {
	for _, dir := range []struct {
		name string
		ours func(name string) bool
	}{
		{"", func(name string) bool { return slices.Contains(ownNames, name) }},
		{logDir, func(name string) bool { return slices.Contains(logNames, name) }},
		{checkpointDir,
			func(name string) bool { _, folder := thousands(name); return folder || tokenFile.MatchString(name) }},
	} {
		if err := k.strays(filepath.Join(k.l.dir, filepath.FromSlash(dir.name)), dir.ours); err != nil {
			return err
		}
	}
	folders, err := namesIn(filepath.Join(k.l.dir, checkpointDir))
	if err != nil {
		return err
	}
	for _, folder := range folders {
		number, ok := thousands(folder)
		if !ok {
			continue
		}
		err := k.strays(filepath.Join(k.l.dir, checkpointDir, folder), func(name string) bool {
			size, _, _ := strings.Cut(name, ".")
			n, ok := decimal(size)
			return ok && n/archiveFolder == number && tokenFile.MatchString(name)
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// strays notes what is not ours in one folder.
func (k *checker) strays(path string, ours func(name string) bool) error {
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !ours(e.Name()) {
			k.warn(CodeUnreferenced, filepath.Join(path, e.Name()), "find out what it is and who put it here",
				"the format has no such name, and nothing looks at it")
			k.findings[len(k.findings)-1].Severity = SeverityNote
		}
	}
	return nil
}
