package incoming

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
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
// then the files move, and then their new names are on disk. A crash leaves lines without their files, or files that
// did not move; both come again when the folder is looked at again.
func (f *Folder) CloseAll(all []Closing) (err error) {
	files := f.fs()
	_, ours := files.(rooted)
	if ours {
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
	workers := 1 // whoever gives the files counts what is done with them
	if ours {
		held, release, err := f.Hold()
		if err != nil {
			return err
		}
		defer release()
		f, workers = held, runtime.GOMAXPROCS(0)
	}
	whole, err := disk.OpenAll(f.Dir)
	if err == nil {
		err = errors.Join(f.closeTogether(all, whole, workers), whole.Close())
	}
	if err != nil {
		return fmt.Errorf("closing %d files: %w", len(all), err)
	}
	return nil
}

// A move renames a file.
type move func(from, to string) error

func (f *Folder) closeTogether(all []Closing, disk durable.File, workers int) error {
	// where the lines are written, and how files move, by folder
	lines, moves := map[string]*Folder{}, map[string]move{}
	for _, c := range all {
		if lines[c.Folder] != nil {
			continue
		}
		if err := f.fs().Mkdir(filepath.Join(f.Dir, c.Folder)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		lines[c.Folder], moves[c.Folder] = f, f.fs().Rename
		if f.held != nil { // one folder less to open for each line
			root, err := f.held.OpenRoot(c.Folder)
			if err != nil {
				return err
			}
			defer root.Close()
			lines[c.Folder] = &Folder{Dir: filepath.Join(f.Dir, c.Folder), held: root}
			to, end, err := f.rooted().into(root)
			if err != nil {
				return err
			}
			defer end()
			moves[c.Folder] = to
		}
	}
	end := make([]string, len(all)) // where each goes
	for i, c := range all {
		end[i] = f.destination(c)
	}
	err := each(workers, end, func(i int) error {
		return lines[all[i].Folder].write(end[i]+reasonEnd, f.lines(all[i]), false)
	})
	if err == nil {
		err = disk.Sync()
	}
	if err == nil {
		err = each(workers,
			end, func(i int) error { return moves[all[i].Folder](filepath.Join(f.Dir, all[i].File.Name), end[i]) })
	}
	for folder := range lines {
		if err == nil {
			err = f.fs().SyncDir(filepath.Join(f.Dir, folder))
		}
	}
	return err
}

// each does something for every destination. What has the same one, as the same file in two folders has, is done one
// after the other, and in order.
func each(workers int, end []string, do func(i int) error) error {
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range end {
				if workers > 1 && crc32.ChecksumIEEE([]byte(end[i]))%uint32(workers) != uint32(w) {
					continue
				}
				if err := do(i); err != nil {
					errs[w] = fmt.Errorf("%s: %w", filepath.Base(end[i]), err)
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// destination is where a file goes.
func (f *Folder) destination(c Closing) string {
	digest := digestText(c.Digest)
	return filepath.Join(f.Dir, c.Folder, digest[:min(16, len(digest))]+"-"+shortened(filepath.Base(c.File.Name)))
}

// lines are what is written beside a file.
func (f *Folder) lines(c Closing) string {
	var b strings.Builder
	now := f.Now().UTC().Format(time.RFC3339)
	for _, m := range append([]Member{{Printable(c.File.Name), c.Digest, c.Reason}}, c.Members...) {
		fmt.Fprintf(&b, "%s %s sha256:%s %s: %s\n", now, c.Folder, digestText(m.Digest), m.Name, oneLine(m.Reason))
	}
	return b.String()
}

func digestText(digest string) string { return cmp.Or(digest, "unread") }

// longestName is what file systems allow; a digest before the name and the end of a reason's behind it have to fit in,
// too.
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
