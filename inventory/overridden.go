package inventory

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"

	"seihon/artifact"
	"seihon/override"
)

// eventOverride is the event that a signed override let a status change. Its
// detail has what it was, what it is, and the text of the override.
const eventOverride = "override"

// Overridden is a change of status that a signed override let pass.
type Overridden struct {
	Issuer   string
	Serial   []byte
	Was, Now string // as override.Status writes them
	Text     string // the file of the override
	Recorded bool   // the master log has it
}

// ErrOverrideUsed: an override lets a change pass once.
var ErrOverrideUsed = errors.New("this override was used for this certificate before: sign a new one, with another " +
	"reason or expiry")

// overrideEvent leaves word of a change, for the master log.
func (d *DB) overrideEvent(ctx context.Context, tx *sql.Tx, issuer int64, serial []byte, was, now override.Status,
	text string) error {
	for c, err := range stream(ctx, tx, "reading the overrides", scanOverridden,
		d.q(overriddenEvents+`WHERE e.issuer_id = $1 AND e.serial = $2 AND e.what = $3`), issuer, serial,
		eventOverride) {
		if err != nil {
			return err
		}
		if c.Text == text {
			return ErrOverrideUsed
		}
	}
	return d.event(ctx, tx, issuer, serial, eventOverride, was.String()+"\n"+now.String()+"\n"+text)
}

// Overridden streams the changes of one certificate, oldest first.
func (d *DB) Overridden(ctx context.Context, issuer string, serial []byte) iter.Seq2[Overridden, error] {
	doing := fmt.Sprintf("reading the overrides for serial %x of %q", serial, issuer)
	return stream(ctx, d.read, doing, scanOverridden,
		d.q(overriddenEvents+`WHERE i.name = $1 AND e.serial = $2 AND e.what = $3 ORDER BY e.id`), issuer, serial,
		eventOverride)
}

// OverriddenUnrecorded streams the changes that the master log does not have yet.
func (d *DB) OverriddenUnrecorded(ctx context.Context) iter.Seq2[Overridden, error] {
	return stream(ctx, d.read, "reading overrides", scanOverridden,
		d.q(overriddenEvents+`WHERE e.recorded <> 1 AND e.what = $1 ORDER BY e.id`), eventOverride)
}

const overriddenEvents = `SELECT i.name, e.serial, e.detail, e.recorded FROM events e JOIN issuers i ON i.id = e.issuer_id `

func scanOverridden(rows *sql.Rows) (Overridden, error) {
	var c Overridden
	var detail string
	var recorded int
	if err := rows.Scan(&c.Issuer, &c.Serial, &detail, &recorded); err != nil {
		return c, err
	}
	parts := strings.SplitN(detail, "\n", 3)
	if len(parts) != 3 {
		return c, errors.New("an override event without its three parts")
	}
	c.Was, c.Now, c.Text, c.Recorded = parts[0], parts[1], parts[2], recorded == 1
	return c, nil
}

// Imported reports whether an input of this digest was imported for an issuer.
func (d *DB) Imported(ctx context.Context, issuer string, digest artifact.Digest) (bool, error) {
	var n int
	err := d.read.QueryRowContext(ctx,
		d.q(`SELECT count(*) FROM imports m JOIN issuers i ON i.id = m.issuer_id WHERE i.name = $1 AND m.digest = $2`),
		issuer, digest[:]).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("looking for the import %s of %q: %w", digest, issuer, err)
	}
	return n > 0, nil
}

// missingChunk is how many serials one query of Missing asks for.
const missingChunk = 500

// Missing returns those of the serials that the issuer's key has no row of.
func (d *DB) Missing(ctx context.Context, issuer string, serials [][]byte) ([][]byte, error) {
	i, err := d.issuer(ctx, d.read, issuer, "")
	if err != nil {
		return nil, err
	}
	var missing [][]byte
	for len(serials) > 0 {
		n := min(len(serials), missingChunk)
		have, err := d.present(ctx, i, serials[:n])
		if err != nil {
			return nil, fmt.Errorf("looking for serials of %q: %w", issuer, err)
		}
		if len(have) < n {
			for _, s := range serials[:n] {
				if !have[string(s)] {
					missing = append(missing, bytes.Clone(s))
				}
			}
		}
		serials = serials[n:]
	}
	return missing, nil
}

// present returns which of at most missingChunk serials are known.
func (d *DB) present(ctx context.Context, i issuerRow, serials [][]byte) (map[string]bool, error) {
	have := make(map[string]bool, len(serials))
	if err := d.presentRows(ctx, i, serials, have); err != nil || len(have) == len(serials) {
		return have, err
	}
	listed, any, err := d.listedAmong(ctx, i.keyID, serials, have)
	if err != nil {
		return nil, err
	}
	for _, e := range listed {
		have[string(e.serial)] = true
	}
	if !any || len(have) == len(serials) {
		return have, nil
	}
	return have, d.presentRows(ctx, i, serials, have) // what became a row in between
}

func (d *DB) presentRows(ctx context.Context, i issuerRow, serials [][]byte, have map[string]bool) error {
	query := `SELECT serial FROM certificates WHERE key_id = $1 AND serial IN (` + d.literals(serials) + `)`
	scan := func(rows *sql.Rows) (s []byte, err error) {
		err = rows.Scan(&s)
		return s, err
	}
	for s, err := range stream(ctx, d.read, "looking for serials", scan, d.q(query), i.keyID) {
		if err != nil {
			return err
		}
		have[string(s)] = true
	}
	return nil
}
