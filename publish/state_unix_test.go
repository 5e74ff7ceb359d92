//go:build unix

package publish_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"seihon/publish"
)

// TestUnreadableMemory puts something else in the place of what a host remembers of a target. That it is there was
// seen, so no sync and no plan goes on as if there were none, and what is there stays.
func TestUnreadableMemory(t *testing.T) {
	w := newWorld(t)
	log := w.signingRun(map[int64][]byte{}, 5)
	for want, put := range map[string]func(file string) error{
		"not a regular file (p": func(file string) error { return syscall.Mkfifo(file, 0o600) },
		"not a regular file (D": func(file string) error { return os.Symlink("/dev/zero", file) },
		"not a regular file (d": func(file string) error { return os.Mkdir(file, 0o700) },
		"is damaged": func(file string) error {
			return os.WriteFile(file, []byte(`{"v":1,"size":5`),
				0o600)
		},
		"is of version 2": func(file string) error { return os.WriteFile(file, []byte(`{"v":2}`), 0o600) },
	} {
		m := newMemStore()
		c := w.config(log, target("t", publish.Bundle, m))
		c.StateDir = t.TempDir()
		file := filepath.Join(c.StateDir, "t.json")
		if err := put(file); err != nil {
			t.Fatal(err)
		}
		if r := w.trySync(c); r.Err == nil || !strings.Contains(r.Err.Error(), want) || len(m.objects) > 0 {
			t.Errorf("%s: %v, %d objects", want, r.Err, len(m.objects))
		}
		_, r, err := publish.Plans(t.Context(), c)
		if err != nil || r.Targets[0].Err == nil || !strings.Contains(r.Targets[0].Err.Error(), want) {
			t.Errorf("%s: planning: %v, %+v", want, err, r)
		}
		if _, err := os.Lstat(file); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if err := os.RemoveAll(file); err != nil {
			t.Fatal(err)
		}
		w.sync(c)
	}
}
