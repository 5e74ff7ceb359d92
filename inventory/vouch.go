package inventory

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"

	"seihon/override"
)

// A Standing is how well the inventory vouches for what it says of a certificate.
type Standing struct {
	Recorded bool   // the private master is said to have the row as it stands
	Word     string // the status by the newest event that is not recorded yet; "" when there is none
}

// Standings returns the standing of each serial that has a row, by serial.
func (d *DB) Standings(ctx context.Context, issuer string, serials [][]byte) (map[string]Standing, error) {
	doing := fmt.Sprintf("looking at what stands behind the status of certificates of %q", issuer)
	i, err := d.issuer(ctx, d.read, issuer, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	out := make(map[string]Standing, len(serials))
	scan := func(rows *sql.Rows) (s flagged, err error) {
		err = rows.Scan(&s.serial, &s.recorded)
		return s, err
	}
	listed, _, err := d.listedAmong(ctx, i.keyID, serials, nil) // first: what becomes a row now is found there then
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	for _, e := range listed {
		out[string(e.serial)] = Standing{Recorded: true}
	}
	for n := 0; n < len(serials); n += missingChunk {
		query := `SELECT serial, recorded FROM certificates WHERE key_id = $1 AND serial IN (` +
			d.literals(serials[n:min(n+missingChunk, len(serials))]) + `)`
		for s, err := range stream(ctx, d.read, doing, scan, d.q(query), i.keyID) {
			if err != nil {
				return nil, err
			}
			out[string(s.serial)] = Standing{Recorded: s.recorded == 1}
		}
	}
	for e, err := range stream(ctx, d.read, doing, scanWord, d.q(`SELECT serial, detail FROM events
		WHERE recorded <> 1 AND issuer_id = $1 ORDER BY id`), i.id) {
		if err != nil {
			return nil, err
		}
		if s, ok := out[string(e.serial)]; ok && e.word != "" {
			s.Word = e.word
			out[string(e.serial)] = s
		}
	}
	return out, nil
}

type flagged struct {
	serial   []byte
	recorded int
}

type word struct {
	serial []byte
	word   string
}

// scanWord reads an event; its word is the status in its detail, or nothing.
func scanWord(rows *sql.Rows) (w word, err error) {
	var detail string
	err = rows.Scan(&w.serial, &detail)
	if s, bad := override.ParseStatus(detail); bad == nil {
		w.word = s.String()
	}
	return w, err
}

// newestWord returns the status by the newest event of a certificate that is
// not recorded yet; "" when there is none.
func (d *DB) newestWord(ctx context.Context, q querier, i issuerRow, serial []byte) (string, error) {
	newest := ""
	for e, err := range stream(ctx, q, "reading the operator's word", scanWord, d.q(`SELECT serial, detail FROM events
		WHERE recorded <> 1 AND issuer_id = $1 AND serial = $2 ORDER BY id`), i.id, serial) {
		if err != nil {
			return "", err
		}
		if e.word != "" {
			newest = e.word
		}
	}
	return newest, nil
}

// Unvouched returns the certificates that are revoked, or released from hold, in
// rows that the private master does not have, and behind which there is neither
// an event nor an import: somebody edited them.
func (d *DB) Unvouched(ctx context.Context) ([]HealedCertificate, error) {
	const doing = "looking for edited rows"
	// Issuer by issuer: where an import stands behind everything, it may be a million rows, none of which is read.
	var out []HealedCertificate
	for i, err := range stream(ctx, d.read, doing, scanKeyAndID, `SELECT key_id, id FROM issuers i
		WHERE NOT EXISTS (SELECT 1 FROM imports m WHERE m.recorded <> 1 AND m.issuer_id = i.id) ORDER BY id`) {
		if err != nil {
			return nil, err
		}
		edited, err := d.unvouchedOf(ctx, doing, i)
		if err != nil {
			return nil, err
		}
		out = append(out, edited...)
	}
	return out, nil
}

func scanKeyAndID(rows *sql.Rows) (i issuerRow, err error) {
	err = rows.Scan(&i.keyID, &i.id)
	return i, err
}

// unvouchedOf is Unvouched for one issuer, of which no import is on its way.
func (d *DB) unvouchedOf(ctx context.Context, doing string, of issuerRow) ([]HealedCertificate, error) {
	query := d.q(certificateRecords +
		` WHERE c.recorded <> 1 AND c.key_id = $1 AND c.issuer_id = $2 AND (c.state = 2 OR c.reason = 8)`)
	var out []HealedCertificate
	for r, err := range stream(ctx, d.read, doing, scanCertificateRecord, query, of.keyID, of.id) {
		if err != nil {
			return nil, err
		}
		serial, err := hex.DecodeString(r.Serial)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
		i, err := d.issuer(ctx, d.read, r.Issuer, "")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
		word, err := d.newestWord(ctx, d.read, i, serial)
		if err != nil {
			return nil, err
		}
		if word != r.said() {
			out = append(out, HealedCertificate{Issuer: r.Issuer, Serial: r.Serial, Was: r.said(), Now: word})
		}
	}
	return out, nil
}

// Importing reports whether an import of an issuer is not in the private master
// yet: it is what stands behind rows that no event speaks of.
func (d *DB) Importing(ctx context.Context, issuer string) (bool, error) {
	var any bool
	err := d.read.QueryRowContext(ctx, d.q(`SELECT EXISTS (SELECT 1 FROM imports m JOIN issuers i ON i.id = m.issuer_id
		WHERE m.recorded <> 1 AND i.name = $1)`), issuer).Scan(&any)
	if err != nil {
		return false, fmt.Errorf("looking for imports of %q: %w", issuer, err)
	}
	return any, nil
}

// literals writes serials as they stand in a query: neither database takes many
// parameters cheaply.
func (d *DB) literals(serials [][]byte) string {
	var q strings.Builder
	for n, s := range serials {
		if n > 0 {
			q.WriteByte(',')
		}
		if d.postgres {
			q.WriteString(`'\x` + hex.EncodeToString(s) + `'`)
		} else {
			q.WriteString(`x'` + hex.EncodeToString(s) + `'`)
		}
	}
	return q.String()
}
