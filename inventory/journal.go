package inventory

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"seihon/artifact"
)

// The journal is what the private master keeps of this inventory: a record for
// each row as it stands after a change, so that the newest record of each row,
// read in the order of the log, is the inventory. A lost database is rebuilt
// from it, and a restored or edited one is healed (heal.go).
//
// A row is recorded in three steps, and the column recorded says how far it got:
// 0, changed since; 2, on its way into the log; 1, in the log as it stands. A
// change in the middle sets it back to 0, so no change is ever taken for
// recorded, and after a crash what was on its way is recorded once more, which
// does no harm.

// The kinds of records, in the member "t" of each.
const (
	recordIssuer      = "issuer"
	recordCertificate = "certificate"
	recordCounter     = "counter"
	recordEvent       = "event"
	recordImport      = "import"
)

// A journalRecord is one record. Only the members of its kind are set. Times
// are Unix seconds, 0 or absent where there is none.
type journalRecord struct {
	Type   string `json:"t"`
	Issuer string `json:"issuer,omitempty"`

	// issuer
	Key    string `json:"key,omitempty"` // SHA-256 of the SubjectPublicKeyInfo, hex
	Shards int    `json:"shards,omitempty"`
	Grace  int64  `json:"grace,omitempty"` // seconds

	// certificate; serial also of an event; kind also of an import, a list that stands for its rows (list.go)
	Serial      string `json:"serial,omitempty"` // content octets of the DER INTEGER, hex
	State       string `json:"state,omitempty"`
	Kind        string `json:"kind,omitempty"`
	Imported    bool   `json:"imported,omitempty"`
	listed      bool   // a list stands for it
	NotBefore   int64  `json:"not_before,omitempty"`
	NotAfter    int64  `json:"not_after,omitempty"`
	Subject     string `json:"subject,omitempty"`
	Consent     string `json:"consent,omitempty"`
	RevokedAt   *int64 `json:"revoked_at,omitempty"`
	Reason      int    `json:"reason,omitempty"`
	Invalidity  int64  `json:"invalidity,omitempty"`
	RevokedHere bool   `json:"revoked_here,omitempty"`
	Revision    int64  `json:"revision,omitempty"`
	ChangedAt   int64  `json:"changed_at,omitempty"`
	DER         []byte `json:"der,omitempty"`
	Salt        []byte `json:"salt,omitempty"`
	Entry       int64  `json:"entry,omitempty"` // of the commitment, with Salt
	Leaf        int64  `json:"leaf,omitempty"`

	// intent
	TBS        []byte `json:"tbs,omitempty"`
	SubjectKey []byte `json:"subject_key,omitempty"`
	CSR        []byte `json:"csr,omitempty"`

	// counter
	Name  string `json:"name,omitempty"`
	Value string `json:"value,omitempty"` // hex

	// event and import
	At          int64  `json:"at,omitempty"`
	What        string `json:"what,omitempty"`
	Detail      string `json:"detail,omitempty"`
	RequestedBy string `json:"by,omitempty"`
	Request     string `json:"request,omitempty"`
	Format      string `json:"format,omitempty"`
	AsOf        int64  `json:"as_of,omitempty"`
	Digest      string `json:"digest,omitempty"`
	Records     int64  `json:"records,omitempty"`
	Revoked     int64  `json:"revoked,omitempty"`
	Override    string `json:"override,omitempty"`
}

// The statements say "recorded <> 1 AND recorded = 2", since SQLite uses a partial
// index only for a query that repeats the condition of the index.

// journaled are the tables whose rows are recorded one by one.
var journaled = []string{"certificates", "counters", "events", "imports"}

// Journal streams what the private master does not have yet, as lines of JSON,
// and marks it as on its way. MarkRecorded must follow once the log has it.
func (d *DB) Journal(ctx context.Context) iter.Seq2[[]byte, error] {
	const doing = "reading what the private master lacks"
	err := d.update(ctx, doing, func(tx *sql.Tx) error {
		for _, table := range journaled {
			if _, err := tx.ExecContext(ctx,
				`UPDATE `+table+` SET recorded = 2 WHERE recorded <> 1 AND recorded = 0`); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return failed[[]byte](err)
	}
	return func(yield func([]byte, error) bool) {
		first := true
		for r, err := range d.journal(ctx, doing) {
			if err == nil && first { // a record of a row can only be read beside its issuers
				first = false
				for i, err := range stream(ctx, d.read, doing, scanIssuerRecord, issuerRecords) {
					if !yieldRecord(yield, i, err) {
						return
					}
				}
			}
			if !yieldRecord(yield, r, err) {
				return
			}
		}
	}
}

// Unrecorded reports whether there is anything that the private master lacks.
func (d *DB) Unrecorded(ctx context.Context) (bool, error) {
	for _, table := range journaled {
		var any bool
		err := d.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+table+` WHERE recorded <> 1)`).Scan(&any)
		if err != nil {
			return false, fmt.Errorf("looking for what the private master lacks: %w", err)
		}
		if any {
			return true, nil
		}
	}
	return false, nil
}

func yieldRecord(yield func([]byte, error) bool, r journalRecord, err error) bool {
	var line []byte
	if err == nil {
		line, err = json.Marshal(r)
	}
	return yield(line, err) && err == nil
}

// journal streams the rows that are on their way.
func (d *DB) journal(ctx context.Context, doing string) iter.Seq2[journalRecord, error] {
	return func(yield func(journalRecord, error) bool) {
		for _, part := range []struct {
			query string
			scan  func(*sql.Rows) (journalRecord, error)
		}{
			{certificateRecords + ` WHERE c.recorded <> 1 AND c.recorded = 2 ORDER BY c.key_id, c.serial`,
				scanCertificateRecord},
			{counterRecords + ` WHERE n.recorded = 2 ORDER BY n.name`, scanCounterRecord},
			{eventRecords + ` WHERE e.recorded <> 1 AND e.recorded = 2 ORDER BY e.id`, scanEventRecord},
			{importRecords + ` WHERE m.recorded <> 1 AND m.recorded = 2 ORDER BY m.id`, scanImportRecord},
		} {
			for r, err := range stream(ctx, d.read, doing, part.scan, part.query) {
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

const issuerRecords = `SELECT name, key, shards, grace FROM issuers ORDER BY id`

func scanIssuerRecord(rows *sql.Rows) (journalRecord, error) {
	r := journalRecord{Type: recordIssuer}
	var key []byte
	err := rows.Scan(&r.Issuer, &key, &r.Shards, &r.Grace)
	r.Key = hex.EncodeToString(key)
	return r, err
}

const certificateRecords = `SELECT i.name, c.serial, c.state, c.kind, c.imported, c.not_before, c.not_after, c.subject, c.consent,
	c.revoked_at, c.reason, c.invalidity, c.revoked_here, c.revision, c.changed_at, b.der, b.salt, coalesce(b.entry, 0), coalesce(b.leaf, 0)
	FROM certificates c JOIN issuers i ON i.id = c.issuer_id
	LEFT JOIN bodies b ON b.key_id = c.key_id AND b.serial = c.serial`

func scanCertificateRecord(rows *sql.Rows) (journalRecord, error) {
	r := journalRecord{Type: recordCertificate}
	var serial []byte
	var state State
	var kind string
	var imported, here int
	var revoked sql.NullInt64
	err := rows.Scan(&r.Issuer, &serial, &state, &kind, &imported, &r.NotBefore, &r.NotAfter, &r.Subject, &r.Consent,
		&revoked, &r.Reason, &r.Invalidity, &here, &r.Revision, &r.ChangedAt, &r.DER, &r.Salt, &r.Entry, &r.Leaf)
	r.Serial, r.State, r.Kind = hex.EncodeToString(serial), state.String(), string(textKind(kind))
	r.Imported, r.listed, r.RevokedHere = imported != 0, imported == 2, here != 0
	if revoked.Valid {
		r.RevokedAt = &revoked.Int64
	}
	return r, err
}

// The counter of a CRL has the number of its issuer in its name, which another
// database need not share: the record has the issuer's name, and the scope.
const counterRecords = `SELECT n.name, n.value, coalesce(i.name, '') FROM counters n
	LEFT JOIN issuers i ON n.name LIKE 'crl/' || i.id || '/%'`

func scanCounterRecord(rows *sql.Rows) (journalRecord, error) {
	r := journalRecord{Type: recordCounter}
	var value []byte
	err := rows.Scan(&r.Name, &value, &r.Issuer)
	if r.Issuer != "" {
		r.Name = strings.SplitN(r.Name, "/", 3)[2]
	}
	r.Value = hex.EncodeToString(value)
	return r, err
}

const eventRecords = `SELECT coalesce(i.name, ''), e.serial, e.at, e.what, e.detail, e.requested_by, e.request
	FROM events e LEFT JOIN issuers i ON i.id = e.issuer_id`

func scanEventRecord(rows *sql.Rows) (journalRecord, error) {
	r := journalRecord{Type: recordEvent}
	var serial []byte
	err := rows.Scan(&r.Issuer, &serial, &r.At, &r.What, &r.Detail, &r.RequestedBy, &r.Request)
	r.Serial = hex.EncodeToString(serial)
	return r, err
}

const importRecords = `SELECT i.name, m.format, m.name, m.as_of, m.digest, m.records, m.revoked, m.at, m.override, m.listed
	FROM imports m JOIN issuers i ON i.id = m.issuer_id`

func scanImportRecord(rows *sql.Rows) (journalRecord, error) {
	r := journalRecord{Type: recordImport}
	var digest []byte
	err := rows.Scan(&r.Issuer, &r.Format, &r.Name, &r.AsOf, &digest, &r.Records, &r.Revoked, &r.At, &r.Override,
		&r.Kind)
	r.Digest = hex.EncodeToString(digest)
	return r, err
}

// Position says up to where an inventory and a master log are in step.
type Position struct {
	Size   int64
	Root   artifact.Digest // of the log at that size
	Headed bool            // the last checkpoint is kept outside of both, too; once said, it stays
}

// Position returns the position in the log of an origin. It fails with
// ErrNotFound when the inventory never saw that log.
func (d *DB) Position(ctx context.Context, origin string) (Position, error) {
	var p Position
	var root []byte
	err := d.read.QueryRowContext(ctx,
		d.q(`SELECT size, root, EXISTS (SELECT 1 FROM heads WHERE place = $1) FROM masters WHERE place = $1`), origin).
		Scan(&p.Size, &root, &p.Headed)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err == nil && len(root) != len(p.Root) {
		err = fmt.Errorf("its root has %d octets", len(root))
	}
	if err != nil {
		return p, fmt.Errorf("reading the position in the log %q: %w", origin, err)
	}
	p.Root = artifact.Digest(root)
	return p, nil
}

// MarkRecorded notes that the log of an origin, at a position, has everything
// that Journal gave since it was last called.
func (d *DB) MarkRecorded(ctx context.Context, origin string, p Position) error {
	return d.update(ctx, "marking what the private master has", func(tx *sql.Tx) error {
		for _, table := range journaled {
			if _, err := tx.ExecContext(ctx,
				`UPDATE `+table+` SET recorded = 1 WHERE recorded <> 1 AND recorded = 2`); err != nil {
				return err
			}
		}
		return d.setPosition(ctx, tx, origin, p)
	})
}

// SetPosition notes that inventory and log are in step at a position. What was
// on its way into the log stays so.
func (d *DB) SetPosition(ctx context.Context, origin string, p Position) error {
	return d.update(ctx, "noting the position in the log", func(tx *sql.Tx) error {
		return d.setPosition(ctx, tx, origin, p)
	})
}

func (d *DB) setPosition(ctx context.Context, tx *sql.Tx, origin string, p Position) error {
	_, err := tx.ExecContext(ctx, d.q(`INSERT INTO masters (place, size, root) VALUES ($1, $2, $3)
		ON CONFLICT (place) DO UPDATE SET size = excluded.size, root = excluded.root`), origin, p.Size, p.Root[:])
	if err == nil && p.Headed {
		_, err = tx.ExecContext(ctx, d.q(`INSERT INTO heads (place) VALUES ($1) ON CONFLICT (place) DO NOTHING`),
			origin)
	}
	return err
}
