package ledger

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"seihon/internal/durable"
)

// A faultFS is the machine's file system with a fault at one system call, and
// a model of what a power cut at that moment would leave on the disk: of a
// file the bytes that were synced, of a directory the names that were in it
// when it was synced.
type faultFS struct {
	durable.OS
	mu    sync.Mutex
	calls int
	at    int   // the call that fails; 0 = none
	after bool  // fails after its effect
	half  bool  // a write writes half of it and fails
	dead  bool  // every later call fails too
	err   error // what it fails with
	log   []string

	volatile map[string]*inode // what this session did to names; nil = removed
	synced   map[string]*inode
}

type inode struct {
	dir          bool
	data, synced []byte
}

func newFaultFS() *faultFS {
	return &faultFS{err: syscall.EIO, volatile: map[string]*inode{}, synced: map[string]*inode{}}
}

// arm starts counting anew.
func (f *faultFS) arm(at int) { f.calls, f.at, f.log = 0, at, nil }

// call runs one system call.
func (f *faultFS) call(what string, effect func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	f.log = append(f.log, what)
	hit := f.at > 0 && f.calls == f.at
	switch {
	case hit && !f.after, f.at > 0 && f.dead && f.calls > f.at:
		return &fs.PathError{Op: "injected", Path: what, Err: f.err}
	case hit:
		return errors.Join(effect(), &fs.PathError{Op: "injected", Path: what, Err: f.err})
	}
	return effect()
}

type faultFile struct {
	durable.File
	fs   *faultFS
	name string
	node *inode
}

func (f *faultFS) Create(name string) (durable.File, error) {
	var out *faultFile
	err := f.call("create "+name, func() error {
		file, err := f.OS.Create(name)
		if err == nil {
			out = &faultFile{file, f, name, &inode{}}
			f.volatile[name] = out.node
		}
		return err
	})
	if err != nil {
		if out != nil {
			out.File.Close()
		}
		return nil, err
	}
	return out, nil
}

func (f *faultFile) Write(p []byte) (int, error) {
	n := 0
	err := f.fs.call("write "+f.name, func() (err error) {
		q := p
		if f.fs.half && f.fs.calls == f.fs.at {
			q = p[:len(p)/2]
		}
		n, err = f.File.Write(q)
		f.node.data = append(f.node.data, q[:n]...)
		return err
	})
	return n, err
}

func (f *faultFile) Sync() error {
	return f.fs.call("sync "+f.name, func() error {
		f.node.synced = bytes.Clone(f.node.data)
		return nil // the model syncs; the real one would only cost time
	})
}

func (f *faultFile) Close() error { return f.fs.call("close "+f.name, f.File.Close) }

func (f *faultFS) Rename(from, to string) error {
	return f.call("rename "+to, func() error {
		err := f.OS.Rename(from, to)
		if err == nil {
			f.volatile[to], f.volatile[from] = f.volatile[from], nil
		}
		return err
	})
}

func (f *faultFS) Remove(name string) error {
	return f.call("remove "+name, func() error {
		err := f.OS.Remove(name)
		if err == nil {
			f.volatile[name] = nil
		}
		return err
	})
}

func (f *faultFS) Mkdir(name string) error {
	return f.call("mkdir "+name, func() error {
		err := f.OS.Mkdir(name)
		if err == nil {
			f.volatile[name] = &inode{dir: true}
		}
		return err
	})
}

func (f *faultFS) SyncDir(name string) error {
	return f.call("syncdir "+name, func() error {
		for p, n := range f.volatile {
			if filepath.Dir(p) == name {
				f.synced[p] = n
			}
		}
		return nil
	})
}

// image makes the directory that a power cut now would leave of dir, which was
// a copy of base when the session began. luck decides of each name that was
// not synced whether it made it to the disk all the same.
func (f *faultFS) image(t *testing.T, base, dir string, luck func() bool) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "image")
	if err := os.CopyFS(out, os.DirFS(base)); err != nil {
		t.Fatal(err)
	}
	names := map[string]*inode{}
	for p, n := range f.volatile {
		if luck() {
			names[p] = n
		}
	}
	for p, n := range f.synced {
		if _, ok := names[p]; !ok {
			names[p] = n
		}
	}
	lost := func(p string) bool { // a directory above it did not survive
		for d := filepath.Dir(p); len(d) > len(dir); d = filepath.Dir(d) {
			if v, here := f.volatile[d]; here && v != nil && names[d] == nil {
				return true
			}
		}
		return false
	}
	for p, n := range names {
		to := filepath.Join(out, strings.TrimPrefix(p, dir))
		switch {
		case n == nil:
			os.Remove(to)
		case lost(p):
		case n.dir:
			if err := os.MkdirAll(to, 0o755); err != nil {
				t.Fatal(err)
			}
		default:
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, n.synced, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

func never() bool  { return false }
func always() bool { return true }

func chance(seed uint64) func() bool {
	r := rand.New(rand.NewPCG(seed, 1))
	return func() bool { return r.IntN(2) == 0 }
}
