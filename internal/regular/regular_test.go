//go:build unix

package regular

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestWhatIsNoFile opens a pipe without a writer, an endless device and a
// folder: each is refused at once.
func TestWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for what, put := range map[string]func(string) error{
		"pipe":   func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"folder": func(p string) error { return os.Mkdir(p, 0o700) },
		"device": func(p string) error { return os.Symlink("/dev/zero", p) },
	} {
		path := filepath.Join(dir, what)
		if err := put(path); err != nil {
			t.Fatal(err)
		}
		for how, open := range map[string]func() error{
			"Open":     func() error { _, err := Open(path); return err },
			"ReadFile": func() error { _, err := ReadFile(path); return err },
			"Check":    func() error { return Check(path) },
			"In": func() error {
				_, err := In(root, what)
				if what == "device" && err != nil {
					return ErrNotRegular // the root refuses what leads out of it
				}
				return err
			},
		} {
			done := make(chan error, 1)
			go func() { done <- open() }()
			select {
			case err := <-done:
				if !errors.Is(err, ErrNotRegular) {
					t.Errorf("%s %s: %v", how, what, err)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%s waits for what a %s never brings", how, what)
			}
		}
	}
}

// TestFile reads and writes what is a file.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := Check(path); err != nil {
		t.Errorf("nothing there: %v", err)
	}
	f, err := OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err := ReadFile(path); err != nil || string(b) != "x" {
		t.Errorf("%q %v", b, err)
	}
	if _, err := Open(path + "2"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
}
