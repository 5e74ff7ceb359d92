// Package incoming is a drop folder: somebody else writes files into it, and each is taken when it is whole.
//
// A file ends in the folder accepted or refused below, beside a file with a line that says why, and under a
// name that begins with its digest: a decision that is repeated after a crash gives the same names. Until then
// it stays where it was written. Nothing is deleted.
//
// A file is whole when it is one complete DER object, or when nobody has changed it for the settling time. Names that
// begin with a dot or end as those of unfinished transfers do (.part, .tmp, .filepart, ~) are passed over, and so are
// symbolic links.
package incoming

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"seihon/internal/durable"
)

// The folders in which inputs end.
const (
	Accepted = "accepted"
	Refused  = "refused"
)

// reasonEnd is what the name of a reason has behind that of its input.
const reasonEnd = ".reason"

// ErrChanging says that a file was written to while it was read: it is looked at again later.
var ErrChanging = errors.New("it changed while it was read")

// A Folder is a drop folder.
type Folder struct {
	Dir    string
	Settle time.Duration // how long a file that is no complete DER object must have been left alone
	Now    func() time.Time
	FS     durable.FS // nil: the machine's, below Dir

	held *os.Root // of Hold
}

// Hold gives the folder with its directory held open, which spares three calls of the system for each file. The files
// must be closed in it before it is released.
func (f *Folder) Hold() (held *Folder, release func() error, err error) {
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		return nil, nil, fmt.Errorf("looking into the drop folder: %w; make it, or correct its path", err)
	}
	open := *f
	open.held = root
	return &open, root.Close, nil
}

// A File is one file of the folder.
type File struct {
	Name string // below the folder
	Size int64
	time time.Time
}

func (f *Folder) fs() durable.FS {
	if f.FS == nil {
		return f.rooted()
	}
	return f.FS
}

func (f *Folder) rooted() rooted { return rooted{f.Dir, f.held} }

// Look lists the files that are whole, by name, and those that have to wait.
func (f *Folder) Look() (ready, waiting []File, err error) {
	held, release, err := f.Hold()
	if err != nil {
		return nil, nil, err
	}
	defer release()
	var all []File
	if err := held.files(func(file File) error {
		all = append(all, file)
		return nil
	}); err != nil {
		return nil, nil, err
	}
	whole := held.wholes(all)
	for i, file := range all {
		if whole[i] {
			ready = append(ready, file)
		} else {
			waiting = append(waiting, file)
		}
	}
	return ready, waiting, nil
}

// Ready reports whether any file is whole; it looks no further than to the first.
func (f *Folder) Ready() (bool, error) {
	held, release, err := f.Hold()
	if err != nil {
		return false, err
	}
	defer release()
	found := false
	err = held.files(func(file File) error {
		if found = held.whole(file); found {
			return fs.SkipAll
		}
		return nil
	})
	return found, err
}

// files visits the files of the folder, by name.
func (f *Folder) files(visit func(File) error) error {
	err := f.rooted().walk(func(name string, d fs.DirEntry, err error) error {
		if err != nil && name != "." && (errors.Is(err, fs.ErrNotExist) || wasNoFolder(err) || notFolder(f.Dir, name)) {
			return nil // somebody took it away, or put something else in its place
		}
		if err != nil || name == "." {
			return err
		}
		if d.IsDir() {
			if name == Accepted || name == Refused || unfinished(d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if unfinished(d.Name()) || d.Type()&fs.ModeSymlink != 0 {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil // as above
		}
		return visit(File{Name: name, Size: info.Size(), time: info.ModTime()})
	})
	if err != nil {
		return fmt.Errorf("looking into the drop folder: %w", err)
	}
	return nil
}

// wholes says of files which are whole. It asks for them on all processors, as each may have to be opened.
func (f *Folder) wholes(all []File) []bool {
	whole := make([]bool, len(all))
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(all); i += workers {
				whole[i] = f.whole(all[i])
			}
		})
	}
	wg.Wait()
	return whole
}

// wasNoFolder reports whether a name that was to be opened as a folder was none then, or a link, whatever it is by now.
// Package os has no name for the error that a link leads out of a root.
func wasNoFolder(err error) bool {
	return errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR) ||
		strings.HasSuffix(err.Error(), "path escapes from parent")
}

// notFolder reports whether a name is no folder (any more); a link is none.
func notFolder(dir, name string) bool {
	info, err := os.Lstat(filepath.Join(dir, name))
	return err != nil || !info.IsDir()
}

// unfinished reports whether a name is that of a transfer that is under way, or of no input at all.
func unfinished(name string) bool {
	return strings.HasPrefix(name, ".") ||
		slices.ContainsFunc([]string{".part", ".tmp", ".filepart", ".swp", "~"}, func(end string) bool {
			return strings.HasSuffix(name, end)
		})
}

// whole reports whether nobody is writing the file any more, as far as can be told.
func (f *Folder) whole(file File) bool {
	left := f.Now().Sub(file.time)
	if left < 0 || left >= f.Settle { // a time ahead of ours was not set by a writer on this machine
		return true
	}
	in, err := f.rooted().open(file.Name)
	if err != nil {
		return false
	}
	defer in.Close()
	var head [10]byte
	n, _ := io.ReadFull(in, head[:])
	length := derLength(head[:n])
	return length > 0 && length == file.Size
}

// New reports whether what belongs to a file may still be waiting to be whole: it came less than two settling times
// ago.
func (f *Folder) New(file File) bool { return f.Now().Sub(file.time) < 2*f.Settle }

// derLength is the length of the DER SEQUENCE that begins with b, header and all; 0 when none does.
func derLength(b []byte) int64 {
	if len(b) < 2 || b[0] != 0x30 {
		return 0
	}
	if b[1] < 0x80 {
		return int64(b[1]) + 2
	}
	n := int(b[1] & 0x7f)
	if n == 0 || n > 4 || len(b) < 2+n {
		return 0
	}
	length := int64(0)
	for _, c := range b[2 : 2+n] {
		length = length<<8 | int64(c)
	}
	return length + 2 + int64(n)
}

// maxFile bounds an input; a list with ten million entries has less.
const maxFile = 1 << 30

// Read reads a file, all of it or nothing.
func (f *Folder) Read(file File) ([]byte, error) {
	in, err := f.rooted().open(file.Name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	same := func() error {
		info, err := in.Stat()
		if err == nil && (info.Size() != file.Size || !info.ModTime().Equal(file.time)) {
			err = ErrChanging
		}
		return err
	}
	if err := same(); err != nil {
		return nil, err
	}
	if file.Size > maxFile {
		return nil, fmt.Errorf("it has %d octets, more than %d", file.Size, maxFile)
	}
	b := make([]byte, file.Size)
	if _, err := io.ReadFull(in, b); err != nil {
		return nil, errors.Join(ErrChanging, err)
	}
	return b, same()
}

// close puts a file into one of the folders Accepted and Refused, with a line that says why.
func (f *Folder) close(c Closing) error {
	to, line := f.destination(c), f.lines(c)
	file, folder := c.File, c.Folder
	if err := f.fs().Mkdir(filepath.Join(f.Dir, folder)); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("closing %s: %w", file.Name, err)
	}
	err := f.write(to+reasonEnd, line, true)
	if err == nil {
		err = f.fs().Rename(filepath.Join(f.Dir, file.Name), to)
	}
	if err == nil {
		err = f.fs().SyncDir(filepath.Join(f.Dir, folder))
	}
	if err != nil {
		return fmt.Errorf("closing %s: %w", file.Name, err)
	}
	return nil
}

func (f *Folder) write(path, text string, sync bool) error {
	out, err := f.fs().Create(path)
	if err != nil {
		return err
	}
	if _, err = io.WriteString(out, text); err == nil && sync {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Reasons returns the lines of what was refused and is still in the folder, by name.
func Reasons(dir string) ([]string, error) {
	folder := rooted{dir: dir}
	all, err := folder.list(Refused)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at what was refused: %w", err)
	}
	var lines []string
	for _, d := range all {
		input, ok := strings.CutSuffix(d.Name(), reasonEnd)
		// somebody has taken the input away
		if _, err := os.Lstat(filepath.Join(dir, Refused, input)); !ok || err != nil {
			continue
		}
		line, err := folder.read(filepath.Join(Refused, d.Name()))
		if err != nil {
			return nil, fmt.Errorf("looking at what was refused: %w", err)
		}
		first, _, _ := strings.Cut(string(line), "\n") // behind it are the files of a batch
		lines = append(lines, oneLine(first))
	}
	return lines, nil
}
