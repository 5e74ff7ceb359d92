package inventory

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"iter"
)

// Exported is a certificate with what opens the commitment to it.
type Exported struct {
	*Entry             // with its DER, where the inventory has it
	Salt        []byte // nil: the log does not commit to it
	Index, Leaf int64  // the entry of the log, and the leaf in it
}

// Export streams all certificates of an issuer by serial, reserved ones too,
// with their DER and with what opens the commitments to them.
func (d *DB) Export(ctx context.Context, issuer string) iter.Seq2[*Exported, error] {
	doing := fmt.Sprintf("exporting certificates of %q", issuer)
	i, err := d.issuer(ctx, d.read, issuer, "")
	if err != nil {
		return failed[*Exported](fmt.Errorf("%s: %w", doing, err))
	}
	scan := func(rows *sql.Rows) (*Exported, error) {
		var x Exported
		e, err := scanEntry(issuer, func(columns ...any) error {
			return rows.Scan(append(columns, &x.Salt, &x.Index, &x.Leaf)...)
		})
		x.Entry = e
		return &x, err
	}
	listed := func(e listedEntry) *Exported { return &Exported{Entry: entryListed(issuer, e)} }
	compare := func(a, b *Exported) int { return bytes.Compare(a.Serial, b.Serial) }
	rows := stream(ctx, d.read, doing, scan, d.q(`SELECT `+entryColumns+`, b.der, coalesce(b.salt, p.salt),
		CASE WHEN b.salt IS NULL THEN coalesce(p.entry, 0) ELSE b.entry END, CASE WHEN b.salt IS NULL THEN coalesce(p.leaf, 0) ELSE b.leaf END
		FROM certificates c LEFT JOIN bodies b ON b.key_id = c.key_id AND b.serial = c.serial
		LEFT JOIN pending p ON p.key_id = c.key_id AND p.serial = c.serial
		WHERE c.key_id = $1 AND c.issuer_id = $2 ORDER BY c.serial`), i.keyID, i.id)
	return withListed(d.listed(ctx, d.read, `l.key_id = $1 AND l.issuer_id = $2`, i.keyID, i.id), listed, rows, compare)
}
