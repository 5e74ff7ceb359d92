package inventory

import (
	"context"
	"fmt"
)

// NoPast is the format of an import that says that there is nothing to import; its name is the reason.
const NoPast = "no-past"

// HasPast reports whether an import says what an issuer revoked before, be it nothing. A folder of certificates does
// not.
func (d *DB) HasPast(ctx context.Context, issuer string) (bool, error) {
	var n int
	err := d.read.QueryRowContext(ctx,
		d.q(`SELECT count(*) FROM imports m JOIN issuers i ON i.id = m.issuer_id WHERE i.name = $1 AND m.format <> 'folder'`),
		issuer).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("looking for imports of %q: %w", issuer, err)
	}
	return n > 0, nil
}
