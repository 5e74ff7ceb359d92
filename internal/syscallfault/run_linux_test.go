package syscallfault

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestMain(m *testing.M) {
	Launch()
	os.Exit(m.Run())
}

// play runs a shell command in a folder of its own.
func play(t *testing.T, p Plan, command string) (*Result, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), bytes.Repeat([]byte("x"), 10_000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "alone"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.Watch, p.Except = []string{dir}, []string{filepath.Join(dir, "alone")}
	r, err := Run(t.Context(), p, "/bin/sh", "-c", "cd "+dir+" && "+command)
	if err != nil {
		t.Fatal(err)
	}
	return r, dir
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name, command string
		p             Plan
		code, seen    int
		says          string
	}{
		{"nothing fails", "mkdir d && rm -r d", Plan{}, 0, 2, ""},
		{"the first", "mkdir d", Plan{From: 1, Err: syscall.EIO}, 1, 1, "Input/output error"},
		{"the second", "mkdir d && mkdir e", Plan{From: 2, Err: syscall.EIO}, 1, 2, "Input/output error"},
		{"one only", "mkdir d; mkdir e", Plan{From: 1, Err: syscall.EIO}, 0, 2, "Input/output error"},
		{"from then on", "mkdir d; mkdir e; mkdir f", Plan{From: 2, Stays: true, Err: syscall.EROFS}, 1, 3,
			"Read-only file system"},
		{"a full disk lets files go", "mkdir d; rm a", Plan{Kind: Grows, From: 1, Stays: true, Err: syscall.ENOSPC}, 0,
			1, "No space left on device"},
		{"reads", "cat a >/dev/null", Plan{Kind: Reads, From: 1, Err: syscall.EIO}, 1, 1, "Input/output error"},
		{"half a write", "printf 123456 >b", Plan{From: 2, Stays: true, Half: true, Err: syscall.ENOSPC}, 1, 3, ""},
		{"left alone", "mkdir alone/d", Plan{From: 1, Stays: true, Err: syscall.EIO}, 0, 0, ""},
		{"all in pieces", "cp a b && cmp a b", Plan{Short: true}, 0, -1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, dir := play(t, c.p, c.command)
			if (r.Code != 0) != (c.code != 0) || c.seen >= 0 && r.Seen != c.seen ||
				!strings.Contains(r.Output, c.says) {
				t.Errorf("%+v", r)
			}
			if b, err := os.ReadFile(filepath.Join(dir, "b")); c.p.Half && (err != nil || string(b) != "123") {
				t.Errorf("half a write wrote %q, %v", b, err)
			}
		})
	}
}
