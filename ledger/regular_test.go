//go:build unix

package ledger

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// TestPipesAreNoFiles puts a pipe without a writer, a folder, and an endless
// device in the place of each kind of file: nothing waits, and nothing is read.
func TestPipesAreNoFiles(t *testing.T) {
	for name, pattern := range map[string]string{
		"checkpoint": "log/checkpoint", "archive": "log/checkpoints/261", "tile": "log/tile/0/000",
		"bundle":   "log/tile/entries/000",
		"manifest": "manifests/*", "blob": "blobs/*/*",
	} {
		for what, put := range map[string]func(string) error{
			"pipe":   func(p string) error { return syscall.Mkfifo(p, 0o600) },
			"folder": func(p string) error { return os.Mkdir(p, 0o700) },
			"device": func(p string) error { return os.Symlink("/dev/zero", p) },
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				f := newFixture(t)
				path := f.path(f.glob(t, pattern))
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				if err := put(path); err != nil {
					t.Fatal(err)
				}
				done := make(chan []Finding, 1)
				go func() {
					got, _ := Check(t.Context(), f.dir, f.v, CheckConfig{Now: func() time.Time { return f.now }})
					done <- got
				}()
				select {
				case got := <-done:
					if len(got) == 0 {
						t.Error("nothing was found")
					}
				case <-time.After(30 * time.Second):
					t.Fatal("the check waits for what never comes")
				}
			})
		}
	}
}
