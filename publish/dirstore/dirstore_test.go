package dirstore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"seihon/artifact"
	"seihon/publish"
	"seihon/publish/dirstore"
	"seihon/publish/storetest"
)

func open(t *testing.T, dir string) *dirstore.Store {
	t.Helper()
	s, err := dirstore.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	storetest.Suite{
		Open: func(t *testing.T) publish.Store { return open(t, filepath.Join(t.TempDir(), "public")) },
	}.Run(t)
}

// TestTwoProcesses races two stores that share nothing but the directory.
func TestTwoStoresOneDirectory(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	for i := range 50 {
		old := storetest.Content(uint64(i), 100)
		name := "crl/a.crl"
		cond := publish.Condition{IfAbsent: true}
		if i > 0 {
			cond = publish.Condition{IfMatch: tag(t, a, name)}
		}
		results := make(chan error, 2)
		for j, s := range []*dirstore.Store{a, b} {
			go func() {
				_, err := s.Put(t.Context(), storetest.Object(name, append(old, byte(j))), cond)
				results <- err
			}()
		}
		one, two := <-results, <-results
		if (one == nil) == (two == nil) || !errors.Is(errors.Join(one, two), publish.ErrConflict) {
			t.Fatalf("round %d: %v and %v, want one success and one conflict", i, one, two)
		}
	}
}

func tag(t *testing.T, s publish.Store, name string) string {
	t.Helper()
	r, err := s.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	return r.ETag
}

func TestBadNames(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "public"))
	for _, name := range []string{"", ".", "..", "../x", "a/../../x", "/x", "a//b", "a/", ".tmp/x", ".hidden", `a\b`,
		"c:x", "a\x00b"} {
		if _, err := s.Put(t.Context(), storetest.Object(name, nil), publish.Condition{IfAbsent: true}); err == nil {
			t.Errorf("the name %q was accepted", name)
		}
		if _, err := s.Get(t.Context(), name); err == nil {
			t.Errorf("the name %q was read", name)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("something was written outside: %v", entries)
	}
}

func TestSymbolicLinksLeadNowhere(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	s := open(t, filepath.Join(dir, "public"))
	if err := os.MkdirAll(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "public", "crl")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), storetest.Object("crl/a.crl", nil), publish.Condition{IfAbsent: true}); err == nil {
		t.Error("a write followed a symbolic link out of the directory")
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Errorf("something was written outside: %v", entries)
	}
}

// TestSweep opens a store whose .tmp has what a killed sync left a moment ago and
// what another one is writing: the first goes, the second stays, however old.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	tmp := filepath.Join(dir, ".tmp")
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"killed", "written"} {
		if err := os.WriteFile(filepath.Join(tmp, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-100 * time.Hour)
	if err := os.Chtimes(filepath.Join(tmp, "written"), long, long); err != nil {
		t.Fatal(err)
	}
	held := flock.New(filepath.Join(tmp, "written"))
	if ok, err := held.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	s, err := dirstore.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	entries, err := os.ReadDir(tmp)
	if err != nil || len(entries) != 1 || entries[0].Name() != "written" {
		t.Errorf("left in .tmp: %v, %v; want only what is being written", entries, err)
	}
	held.Close()
}

// TestSweepWhileWriting opens the store again and again while objects are written:
// nothing is taken away from who is writing it.
func TestSweepWhileWriting(t *testing.T) {
	dir := t.TempDir()
	s, err := dirstore.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stop := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			other, err := dirstore.Open(dir, nil)
			if err != nil {
				done <- err
				return
			}
			other.Close()
		}
	}()
	for i := range 200 {
		content := []byte(strings.Repeat("x", i))
		o := publish.Object{Name: fmt.Sprintf("o/%d", i), Size: int64(i), SHA256: artifact.Sum(content),
			Body: publish.Bytes(content)}
		if _, err := s.Put(t.Context(), o, publish.Condition{IfAbsent: true}); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
