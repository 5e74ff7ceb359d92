//go:build unix

package inventory_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seihon/inventory"
)

// TestLooseInventory opens an inventory that others may read: it holds the names of
// subscribers.
func TestLooseInventory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "inventory.db")
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
	for _, mode := range []os.FileMode{0o644, 0o640, 0o602} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := open(); err == nil || !strings.Contains(err.Error(), "make it 0600") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(); err != nil {
		t.Errorf("mode 0600: %v", err)
	}
}
