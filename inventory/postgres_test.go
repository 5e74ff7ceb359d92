//go:build integration

package inventory_test

import (
	"testing"

	"seihon/inventory/inventorytest"
	"seihon/inventory/inventorytest/postgrestest"
)

func TestPostgreSQL(t *testing.T) {
	server := postgrestest.Start(t)
	inventorytest.Run(t, func(t *testing.T) string { return server.DSN(t) })
}
