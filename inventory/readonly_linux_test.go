package inventory_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"seihon/inventory"
)

// nobody is a user who may do nothing that root may.
const nobody = 65534

// TestReadOnlyInventory opens an inventory that its owner may only read. SQLite would open it and fail with whatever is
// written first; the inventory says at once that it cannot be written, and how the file looks, and leaves nothing
// beside it.
func TestReadOnlyInventory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "inventory.db")
	open := func() error {
		db, err := inventory.Open(t.Context(), inventory.Config{DSN: "sqlite:" + path})
		if err != nil {
			return err
		}
		return db.Close()
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	root := os.Getuid() == 0
	if root { // whom no mode keeps from writing
		for _, p := range []string{filepath.Dir(dir), dir, path} {
			if err := os.Chown(p, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this
		if root {
			if err := errors.Join(unix.Setfsuid(nobody), unix.Setfsgid(nobody)); err != nil {
				done <- err
				return
			}
		}
		done <- open()
	}()
	err := <-done
	if err == nil || !strings.Contains(err.Error(), `inventory.db" cannot be written: it has mode 0400`) {
		t.Errorf("%v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 1 {
		t.Errorf("left: %v %v", entries, err)
	}
}
