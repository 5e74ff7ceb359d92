package inventory

import (
	"context"
	"database/sql"
	"fmt"
)

// ReleaseHost gives back every shard that host holds. It is for a host that
// starts again after a crash and knows that no other process of its name is at
// work, so that its shards need not wait for the end of their leases.
func (d *DB) ReleaseHost(ctx context.Context, host string) error {
	if host == "" {
		return fmt.Errorf("releasing the shards of a host: the host has no name")
	}
	return d.update(ctx, fmt.Sprintf("releasing the shards of %q", host), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, d.q(`UPDATE shards SET holder = '', lease_until = 0 WHERE holder = $1`), host)
		return err
	})
}
