package dirstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

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
	for _, name := range []string{"", ".", "..", "../x", "a/../../x", "/x", "a//b", "a/", ".tmp/x", ".hidden", `a\b`, "c:x", "a\x00b"} {
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

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	tmp := filepath.Join(dir, ".tmp")
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	for name, age := range map[string]time.Duration{"old": 2 * time.Hour, "new": time.Minute} {
		path := filepath.Join(tmp, name)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := dirstore.Open(dir, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	entries, err := os.ReadDir(tmp)
	if err != nil || len(entries) != 1 || entries[0].Name() != "new" {
		t.Errorf("left in .tmp: %v, %v; want only the new file", entries, err)
	}
}
