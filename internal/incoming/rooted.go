package incoming

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"seihon/internal/durable"
	"seihon/internal/regular"
)

// rooted is the file system below one folder: no name and no symbolic link leads
// out of it. Who may write into the drop folder may put a link in the place of a
// folder at any moment; files of the room must neither be read nor moved by that.
type rooted struct {
	dir  string
	held *os.Root // nil: the folder is opened for each thing that is done
}

// in does something with the folder and the name of a file below it.
func (r rooted) in(path string, do func(root *os.Root, name string) error) error {
	name, err := filepath.Rel(r.dir, path)
	if err != nil {
		return err
	}
	if r.held != nil {
		return do(r.held, name)
	}
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return err
	}
	return errors.Join(do(root, name), root.Close())
}

// Create implements durable.FS.
func (r rooted) Create(path string) (f durable.File, err error) {
	return f, r.in(path, func(root *os.Root, name string) error {
		opened, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|regular.Nonblock, 0o644)
		f = opened
		return err
	})
}

// Rename implements durable.FS.
func (r rooted) Rename(from, to string) error {
	return r.in(from, func(root *os.Root, name string) error {
		end, err := filepath.Rel(r.dir, to)
		if err != nil {
			return err
		}
		return root.Rename(name, end)
	})
}

// Remove implements durable.FS.
func (r rooted) Remove(path string) error { return r.in(path, (*os.Root).Remove) }

// Mkdir implements durable.FS.
func (r rooted) Mkdir(path string) error {
	return r.in(path, func(root *os.Root, name string) error { return root.Mkdir(name, 0o755) })
}

// SyncDir implements durable.FS. Windows has no fsync of a directory.
func (r rooted) SyncDir(path string) error {
	if os.PathSeparator != '/' {
		return nil
	}
	return r.in(path, func(root *os.Root, name string) error {
		d, err := root.Open(name)
		if err != nil {
			return err
		}
		return errors.Join(d.Sync(), d.Close())
	})
}

// open opens a regular file of the folder for reading.
func (r rooted) open(name string) (f *os.File, err error) {
	err = r.in(filepath.Join(r.dir, name), func(root *os.Root, name string) error {
		f, err = regular.In(root, name)
		return err
	})
	return f, err
}

// walk is filepath.WalkDir below the folder, with names relative to it.
func (r rooted) walk(visit fs.WalkDirFunc) error {
	return r.in(r.dir, func(root *os.Root, _ string) error {
		return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			return visit(filepath.FromSlash(name), d, err)
		})
	})
}

// read reads a whole regular file of the folder.
func (r rooted) read(name string) ([]byte, error) {
	f, err := r.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// list lists a folder in the folder, by name.
func (r rooted) list(name string) (all []fs.DirEntry, err error) {
	err = r.in(filepath.Join(r.dir, name), func(root *os.Root, name string) error {
		all, err = fs.ReadDir(root.FS(), filepath.ToSlash(name))
		return err
	})
	return all, err
}
