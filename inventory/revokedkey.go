package inventory

import (
	"context"
	"database/sql"
	"iter"
)

// RevokedBodies streams the revoked certificates of all issuers whose bytes the inventory has, with their bytes. Certificates
// of which only the status is known are not among them: import the certificates themselves, too.
func (d *DB) RevokedBodies(ctx context.Context) iter.Seq2[*Entry, error] {
	return stream(ctx, d.read, "looking for revoked keys", scanRevokedBody, d.q(`SELECT i.name, c.serial, coalesce(c.revoked_at, 0), c.reason, c.invalidity, b.der
		FROM certificates c JOIN bodies b ON b.key_id = c.key_id AND b.serial = c.serial JOIN issuers i ON i.id = c.issuer_id
		WHERE c.state = $1 AND c.revoked_at IS NOT NULL AND b.der IS NOT NULL ORDER BY c.revoked_at, c.serial`), int(Revoked))
}

func scanRevokedBody(rows *sql.Rows) (*Entry, error) {
	e := &Entry{State: Revoked}
	var at, invalidity int64
	err := rows.Scan(&e.Issuer, &e.Serial, &at, &e.Revocation.Reason, &invalidity, &e.DER)
	e.Revocation.Time, e.Revocation.InvalidityDate = fromSeconds(at), fromSeconds(invalidity)
	return e, err
}
