package inventory_test

import (
	"path/filepath"
	"testing"

	"seihon/inventory/inventorytest"
)

func TestSQLite(t *testing.T) {
	inventorytest.Run(t, func(t *testing.T) string {
		return "sqlite:" + filepath.Join(t.TempDir(), "inventory.db")
	})
}
