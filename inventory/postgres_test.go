//go:build integration

package inventory_test

import (
	"testing"
	"time"

	"seihon/inventory/inventorytest"
	"seihon/inventory/inventorytest/postgrestest"
)

func TestPostgreSQL(t *testing.T) {
	server := postgrestest.Start(t)
	inventorytest.Run(t, func(t *testing.T) string { return server.DSN(t) })
}

// TestServerRestart: the inventory finds a server again that was away.
func TestServerRestart(t *testing.T) {
	server := postgrestest.Start(t)
	b := &inventorytest.Bench{Clock: &inventorytest.Clock{T: inventorytest.Epoch}, DSN: server.DSN(t)}
	b.DB = b.Open(t)
	b.AddIssuer(t, inventorytest.Issuer, 1)
	if _, err := b.NextCRLNumber(t.Context(), inventorytest.Issuer, "full"); err != nil {
		t.Fatal(err)
	}
	server.Restart(t)
	deadline := time.Now().Add(10 * time.Second)
	for {
		n, err := b.NextCRLNumber(t.Context(), inventorytest.Issuer, "full")
		if err == nil {
			if n.Int64() != 2 {
				t.Errorf("number is %v, want 2", n)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
