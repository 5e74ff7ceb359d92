package durable

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWithin writes below a folder that a link leads out of: nothing gets there, by the folder itself, by one below it,
// or by that of the temporaries.
func TestWithin(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	for _, link := range []string{"a", ".tmp"} {
		tx := NewTx(OS{}, filepath.Join(root, ".tmp"))
		tx.Within(root)
		if err := tx.Write(filepath.Join(root, "b", "file"), []byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
		tx = NewTx(OS{}, filepath.Join(root, ".tmp"))
		tx.Within(root)
		for _, name := range []string{"a/file", "a/b/file"} {
			if err := tx.Write(filepath.Join(root, name), []byte("x")); err == nil ||
				!strings.Contains(err.Error(), "put a folder in the place of the link") {
				t.Errorf("%s, with a link at %s: %v", name, link, err)
			}
		}
		if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
			t.Errorf("outside there is %v, %v", left, err)
		}
	}
}
