package durable

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A recorder is the machine's file system that remembers what was asked of it
// and fails one call.
type recorder struct {
	OS
	calls []string
	fail  string
}

func (r *recorder) note(call, name string) error {
	r.calls = append(r.calls, call+" "+filepath.Base(name))
	if call == r.fail {
		return syscall.EIO
	}
	return nil
}

type recorded struct {
	File
	r    *recorder
	name string
}

func (r *recorder) Create(name string) (File, error) {
	if err := r.note("create", name); err != nil {
		return nil, err
	}
	f, err := r.OS.Create(name)
	return &recorded{f, r, name}, err
}

func (f *recorded) Sync() error { return errors.Join(f.r.note("sync", f.name), f.File.Sync()) }

func (f *recorded) Close() error { return errors.Join(f.r.note("close", f.name), f.File.Close()) }

func (r *recorder) Rename(from, to string) error {
	if err := r.note("rename", to); err != nil {
		return err
	}
	return r.OS.Rename(from, to)
}

func (r *recorder) SyncDir(name string) error {
	return errors.Join(r.note("syncdir", name), r.OS.SyncDir(name))
}

func TestWriteOrder(t *testing.T) {
	dir := t.TempDir()
	r := &recorder{}
	tx := NewTx(r, filepath.Join(dir, "tmp"))
	if err := tx.Write(filepath.Join(dir, "a", "b", "file"), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := tx.Flush(); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(r.calls, ", ")
	want := "create 1.tmp, sync 1.tmp, close 1.tmp, rename file, syncdir b, syncdir a, syncdir " + filepath.Base(dir)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r.calls = nil
	if err := tx.Flush(); err != nil || r.calls != nil {
		t.Errorf("a second flush calls %v, %v", r.calls, err)
	}
}

// TestFailureLeavesTheOldFile replaces a file while each call fails.
func TestFailureLeavesTheOldFile(t *testing.T) {
	for _, call := range []string{"create", "sync", "close", "rename"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		tx := NewTx(&recorder{fail: call}, filepath.Join(dir, "tmp"))
		if err := tx.Write(path, []byte("new")); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", call, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "old" {
			t.Errorf("%s: the file is now %q, %v", call, b, err)
		}
		if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(left) > 0 {
			t.Errorf("%s: temporaries are left: %v", call, left)
		}
	}
}

// TestFlushTriesAgain keeps a directory marked whose sync failed.
func TestFlushTriesAgain(t *testing.T) {
	dir := t.TempDir()
	r := &recorder{fail: "syncdir"}
	tx := NewTx(r, filepath.Join(dir, "tmp"))
	if err := tx.Write(filepath.Join(dir, "file"), nil); err != nil {
		t.Fatal(err)
	}
	if err := tx.Flush(); !errors.Is(err, syscall.EIO) {
		t.Errorf("%v", err)
	}
	r.fail, r.calls = "", nil
	if err := tx.Flush(); err != nil || !slices.Contains(r.calls, "syncdir "+filepath.Base(dir)) {
		t.Errorf("%v %v", r.calls, err)
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	if err := Sweep(OS{}, filepath.Join(dir, "none")); err != nil {
		t.Error(err)
	}
	for _, n := range []string{"1.tmp", "2.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(OS{}, dir); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestMkdirAllRefusesAFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	tx := NewTx(OS{}, filepath.Join(dir, "tmp"))
	if err := tx.MkdirAll(filepath.Join(dir, "f")); err == nil {
		t.Error("a file passes for a directory")
	}
	d := filepath.Join(dir, "d")
	if err := tx.MkdirAll(d); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(d); err != nil {
		t.Fatal(err)
	}
	tx.Forget(d)
	if err := tx.Write(filepath.Join(d, "x"), nil); err != nil {
		t.Errorf("after the directory was removed and forgotten: %v", err)
	}
}
