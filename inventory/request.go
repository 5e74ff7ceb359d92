package inventory

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"iter"
	"time"
)

// Asked says who asked for something, and by which document. Both are optional.
type Asked struct {
	By      string
	Request string // kind and digest of the document, as text
}

// Any reports whether there is anything to record.
func (a Asked) Any() bool { return a.By != "" || a.Request != "" }

// Issuance returns the newest certificate for a certificate request, by the SHA-256
// of the request; without a DER it is committed to and not signed yet. It fails with
// ErrNotFound when there is none.
func (d *DB) Issuance(ctx context.Context, issuer string, csr []byte) (*Entry, error) {
	doing := fmt.Sprintf("looking for the certificate of a request to %q", issuer)
	i, err := d.issuer(ctx, d.read, issuer, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	row := d.read.QueryRowContext(ctx, d.q(`SELECT `+entryColumns+`, b.der FROM
		(SELECT key_id, serial, entry, leaf FROM bodies WHERE csr = $1
		UNION ALL SELECT key_id, serial, entry, leaf FROM pending WHERE csr = $1) s
		JOIN certificates c ON c.key_id = s.key_id AND c.serial = s.serial AND c.issuer_id = $2
		LEFT JOIN bodies b ON b.key_id = s.key_id AND b.serial = s.serial
		ORDER BY s.entry DESC, s.leaf DESC LIMIT 1`), csr, i.id)
	return oneEntry(doing, issuer, row)
}

// Event is one line of the history: what happened to a certificate, and who asked for it.
type Event struct {
	Time         time.Time
	Issuer       string
	Serial       []byte // nil when it concerns the issuer
	What, Detail string
	Asked
}

// Events streams the history of an issuer, oldest first; of one serial only
// when it is not nil.
func (d *DB) Events(ctx context.Context, issuer string, serial []byte) iter.Seq2[Event, error] {
	doing := fmt.Sprintf("reading the history of %q", issuer)
	if _, err := d.issuer(ctx, d.read, issuer, ""); err != nil {
		return failed[Event](fmt.Errorf("%s: %w", doing, err))
	}
	query := eventRecords + ` WHERE i.name = $1`
	args := []any{issuer}
	if serial != nil {
		query += ` AND e.serial = $2`
		args = append(args, serial)
	}
	scan := func(rows *sql.Rows) (Event, error) {
		r, err := scanEventRecord(rows)
		e := Event{Time: fromSeconds(r.At), Issuer: r.Issuer, What: r.What, Detail: r.Detail,
			Asked: Asked{By: r.RequestedBy, Request: r.Request}}
		if err == nil && r.Serial != "" {
			e.Serial, err = hex.DecodeString(r.Serial)
		}
		return e, err
	}
	return stream(ctx, d.read, doing, scan, d.q(query+` ORDER BY e.at, e.id`), args...)
}

// Requests counts the events that say who asked, or by which document.
func (d *DB) Requests(ctx context.Context) (n int, err error) {
	err = d.read.QueryRowContext(ctx, `SELECT count(*) FROM events WHERE requested_by <> '' OR request <> ''`).Scan(&n)
	if err != nil {
		err = fmt.Errorf("counting what was asked for: %w", err)
	}
	return n, err
}

// requested leaves an event that says who asked for something; none when nobody is named.
func (d *DB) requested(ctx context.Context, tx *sql.Tx, issuer int64, serial []byte, what string, a Asked) error {
	if !a.Any() {
		return nil
	}
	return d.askedEvent(ctx, tx, issuer, serial, "requested: "+what, "", a)
}

// askedEvent leaves a line in the event table that says who asked.
func (d *DB) askedEvent(ctx context.Context, tx *sql.Tx, issuer int64, serial []byte, what, detail string,
	a Asked) error {
	if serial == nil {
		serial = []byte{}
	}
	_, err := tx.ExecContext(ctx,
		d.q(`INSERT INTO events (at, issuer_id, serial, what, detail, requested_by, request) VALUES ($1, $2, $3, $4, $5, $6, $7)`),
		d.now().Unix(), issuer, serial, what, detail, a.By, a.Request)
	return err
}
