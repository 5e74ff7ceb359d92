//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package durable

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestKilledWriters leaves beside a file what writers left that were killed, a moment
// ago or by an older version, what one is writing, and what is nobody's: writing the
// file removes the first and nothing else.
func TestKilledWriters(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "head")
	others := []string{".head.1.other", ".head.12x.part", ".head.part", ".heads.1.part", "head.1.part"}
	for _, name := range append([]string{".head.1.part", ".head.234"}, others...) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writing, err := Temporary(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := WriteFile(path, []byte("whole"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	want := append([]string{"head", filepath.Base(writing.Name())}, others...)
	var got []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("there are %q, want %q", got, want)
	}
	info, err := os.Stat(path)
	if b, rerr := os.ReadFile(path); rerr != nil || err != nil || string(b) != "whole" || info.Mode().Perm() != 0o640 {
		t.Errorf("%q, %v, %v", b, rerr, err)
	}
	if err := writing.Close(); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(writing.Name()); !os.IsNotExist(err) {
		t.Errorf("what nobody writes any more stays: %v", err)
	}
}

// TestWritersBesideEachOther has many write the same file: none takes another's
// temporary away.
func TestWritersBesideEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "head")
	done := make(chan error)
	for range 8 {
		go func() {
			var err error
			for range 25 {
				if err == nil {
					err = WriteFile(path, []byte("x"), 0o600)
				}
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
}
