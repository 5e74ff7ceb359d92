package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"seihon/artifact"
)

// ErrNotFound reports that a copy has no object of that name.
var ErrNotFound = errors.New("no such object")

// ErrForbidden reports that a copy refuses to give an object. It may come together with ErrNotFound: then nobody knows
// which it is.
var ErrForbidden = errors.New("reading is forbidden")

// ErrUnreachable reports that the host of a copy did not answer at all: no connection, no TLS, no word.
var ErrUnreachable = errors.New("the host does not answer")

// A Source is a public copy to read from. Open returns an error that wraps ErrNotFound when the object is certainly not
// there; any other error means that nothing is known.
type Source interface {
	Name() string // as reports show it
	Open(ctx context.Context, name string) (*Object, error)
}

// An Object is one object of a copy, open for reading.
type Object struct {
	io.ReadCloser
	Size   int64       // -1 when unknown
	Header http.Header // nil when the source has no headers, as a directory
}

// A Lister is a Source that can tell all its names. Without one, objects that nobody promised are not found.
type Lister interface {
	List(ctx context.Context) iter.Seq2[Listed, error]
}

// A Heads is a Source that can tell an object's size, and perhaps its digest, without its bytes.
type Heads interface {
	Head(ctx context.Context, name string) (Listed, error)
}

// A Listed is one line of a listing.
type Listed struct {
	Name   string
	Size   int64
	Digest artifact.Digest // zero when the listing does not tell
	// of the version: S3's ETag without quotes, GCS' generation; empty when the listing does not tell
	Tag  string
	Note string // what is odd about it, such as a symbolic link
}

// Dir returns the source that reads the directory dir. The names it is asked for come from the ledger, which allows no
// way out of the directory, or from its own listing, which reports whatever is not a regular file.
func Dir(dir string) (Source, error) {
	st, err := os.Stat(dir)
	if err == nil && !st.IsDir() {
		err = errors.New("it is no directory")
	}
	if err != nil {
		return nil, fmt.Errorf("opening the copy %q: %w", dir, err)
	}
	// A folder that is reached through a link, as web servers often have it, is listed like any other.
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the copy %q: %w", dir, err)
	}
	return &directory{name: filepath.Clean(dir), dir: filepath.Clean(real)}, nil
}

type directory struct{ name, dir string }

func (d *directory) Name() string { return d.name }

func (d *directory) path(name string) string {
	return d.dir + string(filepath.Separator) + filepath.FromSlash(name)
}

func (d *directory) Open(_ context.Context, name string) (*Object, error) {
	f, err := openFile(d.path(name))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, notFound(err))
	}
	return &Object{ReadCloser: f, Size: -1}, nil
}

// notFound turns the reasons for which a file is not there into ErrNotFound. A name below a file is one of them.
func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return ErrNotFound
	}
	return err
}

func (d *directory) Head(_ context.Context, name string) (Listed, error) {
	st, err := os.Stat(d.path(name))
	if err == nil && st.IsDir() {
		err = ErrNotFound
	}
	if err != nil {
		return Listed{}, fmt.Errorf("looking at %s: %w", name, notFound(err))
	}
	return Listed{Name: name, Size: st.Size()}, nil
}

func (d *directory) List(ctx context.Context) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		err := filepath.WalkDir(d.dir, func(p string, e fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case ctx.Err() != nil:
				return ctx.Err()
			case e.IsDir():
				if name := emptyFolder(d.dir, p); name != "" &&
					!yield(Listed{Name: name, Size: -1, Note: noteEmptyFolder}, nil) {
					return fs.SkipAll
				}
				return nil
			}
			l := Listed{Name: filepath.ToSlash(strings.TrimPrefix(p[len(d.dir):], string(filepath.Separator))),
				Size: -1}
			if !e.Type().IsRegular() {
				l.Note = "it is no regular file (" + e.Type().String() + ")"
			}
			if !yield(l, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(Listed{}, fmt.Errorf("listing %s: %w", d.dir, err))
		}
	}
}

// noteEmptyFolder marks a folder without anything in it: its name alone may tell something.
const noteEmptyFolder = "it is an empty folder"

// emptyFolder returns the name of a folder that has nothing in it, with a slash at its end; otherwise nothing.
func emptyFolder(root, path string) string {
	f, err := os.Open(path)
	if err != nil || path == root {
		return ""
	}
	defer f.Close()
	if _, err := f.Readdirnames(1); err != io.EOF {
		return ""
	}
	return filepath.ToSlash(strings.TrimPrefix(path[len(root):], string(filepath.Separator))) + "/"
}

// WithListing gives a source the listing that somebody else made, such as the S3 or GCS listing of a bucket by a
// read-only role. In the tier that does not read bytes, sizes and digests come from it as well.
func WithListing(s Source, list iter.Seq2[Listed, error]) Source {
	return &listed{Source: s, list: list}
}

type listed struct {
	Source
	list iter.Seq2[Listed, error]

	once   sync.Once
	byName map[string]Listed
	err    error
}

func (l *listed) List(context.Context) iter.Seq2[Listed, error] { return l.list }

func (l *listed) Head(_ context.Context, name string) (Listed, error) {
	l.once.Do(func() {
		l.byName = map[string]Listed{}
		for o, err := range l.list {
			if err != nil {
				l.err = fmt.Errorf("reading the listing: %w", err)
				return
			}
			l.byName[o.Name] = o
		}
	})
	if l.err != nil {
		return Listed{}, l.err
	}
	o, ok := l.byName[name]
	if !ok {
		return o, fmt.Errorf("looking for %s in the listing: %w", name, ErrNotFound)
	}
	return o, nil
}

// isLocal reports whether a source is a directory, which costs nothing to read again.
func isLocal(s Source) bool {
	switch s := s.(type) {
	case *directory:
		return true
	case *listed:
		return isLocal(s.Source)
	}
	return false
}

// irregular says what stands in the place of a file of a directory, when it is no file: a device can be read without
// end.
func irregular(s Source, name string) string {
	d, ok := s.(*directory)
	if l, has := s.(*listed); has {
		d, ok = l.Source.(*directory)
	}
	if !ok {
		return ""
	}
	st, err := os.Stat(d.path(name))
	if err != nil || st.Mode().IsRegular() {
		return ""
	}
	return "it is no regular file (" + st.Mode().Type().String() + ")"
}
