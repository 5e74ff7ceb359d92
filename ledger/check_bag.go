package ledger

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"seihon/artifact"
	"seihon/internal/regular"
)

// CheckBag compares every file of a bag with the digests it carries, and the
// list of files with the files. That the bag is the one that was made is only
// said by the log in it: see Check.
func CheckBag(ctx context.Context, dir string) ([]Finding, error) {
	k := &checker{}
	listed := map[string]bool{}
	for _, name := range []string{"tagmanifest-sha256.txt", "manifest-sha256.txt"} {
		f, err := regular.Open(filepath.Join(dir, name))
		if err != nil {
			k.add(CodeArchive, filepath.Join(dir, name), hintRestore, "%v", err)
			continue
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			want, file, ok := strings.Cut(lines.Text(), "  ")
			if d, err := artifact.ParseDigest(want); !ok || err != nil || !filepath.IsLocal(filepath.FromSlash(file)) {
				k.add(CodeArchive, filepath.Join(dir, name), hintRestore, "%.100q is not a line of it", lines.Text())
			} else {
				listed[file] = true
				k.bagFile(ctx, filepath.Join(dir, filepath.FromSlash(file)), d)
			}
		}
	}
	listed["tagmanifest-sha256.txt"] = true
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil || e.IsDir() {
			return err
		}
		if rel, err := filepath.Rel(dir, p); err != nil || !listed[filepath.ToSlash(rel)] {
			k.add(CodeExtraFile, p, "look at it and take it out of the bag", "the bag does not list it")
		}
		return nil
	})
	return k.findings, err
}

func (k *checker) bagFile(ctx context.Context, path string, want artifact.Digest) {
	f, err := regular.Open(path)
	if err != nil {
		k.add(CodeArchive, path, hintRestore, "%v", err)
		return
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, &ctxReader{ctx, f}); err != nil {
		k.add(CodeUnreadable, path, "read the medium with another drive, take another copy", "%v", err)
	} else if got := artifact.Digest(h.Sum(nil)); got != want {
		k.add(CodeArchive, path, hintRestore, "its SHA-256 is %s, the bag lists %s", got, want)
	}
}
