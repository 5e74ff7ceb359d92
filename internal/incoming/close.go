package incoming

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"seihon/internal/durable"
)

// A Closing is where a file goes, and why.
type Closing struct {
	File                   File
	Folder, Digest, Reason string
	Members                []Member // those that have a line of their own
}

// A Member is a file in a file, such as a tar.
type Member struct{ Name, Digest, Reason string }

// closeMany is from how many files on they are closed together.
const closeMany = 64

// CloseAll closes files, many of them with a few waits for the disk in all: first every line is written and on disk,
// then the files move, and then their new names are on disk. A crash leaves lines without their files, or files that did not
// move; both come again when the folder is looked at again.
func (f *Folder) CloseAll(all []Closing) error {
	files := f.fs()
	if _, ours := files.(rooted); ours {
		files = durable.OS{} // which only waits for the disk here
	}
	disk, together := files.(durable.AllSyncer)
	if len(all) < closeMany || !together {
		for _, c := range all {
			if err := f.close(c); err != nil {
				return err
			}
		}
		return nil
	}
	whole, err := disk.OpenAll(f.Dir)
	if err == nil {
		err = errors.Join(f.closeTogether(all, whole), whole.Close())
	}
	if err != nil {
		return fmt.Errorf("closing %d files: %w", len(all), err)
	}
	return nil
}

func (f *Folder) closeTogether(all []Closing, disk durable.File) error {
	folders := map[string]bool{}
	for _, c := range all {
		if !folders[c.Folder] {
			folders[c.Folder] = true
			if err := f.fs().Mkdir(filepath.Join(f.Dir, c.Folder)); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
		to, line := f.destination(c)
		if err := f.write(to+reasonEnd, line, false); err != nil {
			return fmt.Errorf("%s: %w", c.File.Name, err)
		}
	}
	if err := disk.Sync(); err != nil {
		return err
	}
	for _, c := range all {
		to, _ := f.destination(c)
		if err := f.fs().Rename(filepath.Join(f.Dir, c.File.Name), to); err != nil {
			return fmt.Errorf("%s: %w", c.File.Name, err)
		}
	}
	for folder := range folders {
		if err := f.fs().SyncDir(filepath.Join(f.Dir, folder)); err != nil {
			return err
		}
	}
	return nil
}

// destination is where a file goes, and the lines beside it.
func (f *Folder) destination(c Closing) (to, lines string) {
	name := digestText(c.Digest)[:min(16, len(digestText(c.Digest)))] + "-" + shortened(filepath.Base(c.File.Name))
	var b strings.Builder
	for _, m := range append([]Member{{Printable(c.File.Name), c.Digest, c.Reason}}, c.Members...) {
		fmt.Fprintf(&b, "%s %s sha256:%s %s: %s\n", f.Now().UTC().Format(time.RFC3339), c.Folder, digestText(m.Digest), m.Name, oneLine(m.Reason))
	}
	return filepath.Join(f.Dir, c.Folder, name), b.String()
}

func digestText(digest string) string { return cmp.Or(digest, "unread") }

// longestName is what file systems allow; a digest before the name and the end of a reason's behind it have to fit in, too.
const longestName = 255 - 17 - len(reasonEnd)

// shortened cuts a name that would be too long.
func shortened(name string) string {
	if len(name) <= longestName {
		return name
	}
	return strings.ToValidUTF8(name[:longestName], "")
}

// Printable is the name of a file as it can be shown: whoever drops a file chooses its name.
func Printable(name string) string {
	if strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return strconv.Quote(name)
	}
	return name
}
