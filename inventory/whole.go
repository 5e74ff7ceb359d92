package inventory

import (
	"context"
	"database/sql"
	"encoding/hex"
	"iter"

	"seihon/artifact"
)

// Whole streams a record of each row as it stands, for a private master whose records of them are lost: an inventory
// can be made again from these alone. Rows for which a list stands have none, as ever.
func (d *DB) Whole(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, part := range []struct {
			query string
			scan  func(*sql.Rows) (journalRecord, error)
		}{
			{issuerRecords, scanIssuerRecord},
			{certificateRecords + ` WHERE c.imported <> 2 ORDER BY c.key_id, c.serial`, scanCertificateRecord},
			{requestRecords, scanRequestRecord},
			{pendingRecords, scanPendingRecord},
			{counterRecords + ` ORDER BY n.name`, scanCounterRecord},
			{eventRecords + ` ORDER BY e.id`, scanEventRecord},
			{importRecords + ` ORDER BY m.id`, scanImportRecord},
		} {
			for r, err := range stream(ctx, d.read, "reading the whole inventory", part.scan, part.query) {
				if !yieldRecord(yield, r, err) {
					return
				}
			}
		}
	}
}

// requestRecords are the certificates of which the request is known: only the record of an intent says which.
const requestRecords = `SELECT i.name, b.serial, b.salt, b.der, b.entry, b.leaf, b.csr FROM bodies b
	JOIN certificates c ON c.key_id = b.key_id AND c.serial = b.serial JOIN issuers i ON i.id = c.issuer_id
	WHERE b.csr IS NOT NULL AND b.salt IS NOT NULL ORDER BY b.key_id, b.serial`

func scanRequestRecord(rows *sql.Rows) (journalRecord, error) {
	r := journalRecord{Type: recordIntent}
	var serial, der []byte
	err := rows.Scan(&r.Issuer, &serial, &r.Salt, &der, &r.Entry, &r.Leaf, &r.CSR)
	if err != nil {
		return r, err
	}
	c, err := artifact.ParseCertificate(der)
	if err != nil {
		return r, err
	}
	r.Serial, r.TBS = hex.EncodeToString(serial), c.RawTBSCertificate
	return r, nil
}

// pendingRecords are what the log commits to and nobody has signed yet.
const pendingRecords = `SELECT i.name, p.serial, p.salt, p.tbs, p.entry, p.leaf, p.name, c.consent, p.subject_key, p.csr FROM pending p
	JOIN certificates c ON c.key_id = p.key_id AND c.serial = p.serial JOIN issuers i ON i.id = p.issuer_id ORDER BY p.key_id, p.serial`

func scanPendingRecord(rows *sql.Rows) (journalRecord, error) {
	r := journalRecord{Type: recordIntent}
	var serial []byte
	err := rows.Scan(&r.Issuer, &serial, &r.Salt, &r.TBS, &r.Entry, &r.Leaf, &r.Name, &r.Consent, &r.SubjectKey, &r.CSR)
	r.Serial = hex.EncodeToString(serial)
	return r, err
}
