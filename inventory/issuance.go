package inventory

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A certificate is issued in four steps, and a crash between two of them costs
// nothing: ReserveIssuance writes the serials down with what will be signed; the
// master log gets an entry that commits to it, and Committed notes which; the
// HSM signs; RecordIssued keeps the certificates. Pending gives what is committed
// to and not signed, and DropUncommitted forgets what never came into the log:
// its serials stay taken. What is on its way stands in the table pending, which
// is small; the table issuance gets a row once, with the certificate.

// SaltSize is the length of the salt of a commitment, in octets.
const SaltSize = 32

// uncommitted is the entry of a commitment that is not in the log yet.
const uncommitted = -1

// Intent is a certificate that is about to be signed.
type Intent struct {
	Serial  []byte
	Salt    []byte // random; the commitment is SHA-256(salt || TBS)
	TBS     []byte
	Name    string // the public name that it gets; empty: none
	Consent string
	// SubjectKey and CSR are the SHA-256 of the certified key and of the request.
	SubjectKey, CSR []byte
	Asked

	Entry, Leaf int64 // where the commitment stands; filled by Pending
}

// ReserveIssuance reserves the serials of a batch, in one transaction, with what
// will be signed under them. place is the origin of the log that will commit to
// it; the leaves have the order of the batch.
func (d *DB) ReserveIssuance(ctx context.Context, issuer, place string, batch []Intent) error {
	return d.update(ctx, fmt.Sprintf("reserving %d serials of %q", len(batch), issuer), func(tx *sql.Tx) error {
		i, err := d.issuer(ctx, tx, issuer, forShare)
		if err != nil {
			return err
		}
		insert, err := tx.PrepareContext(ctx, d.q(insertPending))
		if err != nil {
			return err
		}
		defer insert.Close()
		row, err := tx.PrepareContext(ctx, d.q(reserveRow))
		if err != nil {
			return err
		}
		defer row.Close()
		for n, t := range batch {
			if err := checkIntent(t); err != nil {
				return err
			}
			res, err := row.ExecContext(ctx, d.reservation(i, t.Serial, t.Consent)...)
			if err := reserved(res, err); err != nil {
				return err
			}
			if _, err := insert.ExecContext(ctx, i.keyID, t.Serial, i.id, t.Salt, t.TBS, uncommitted, n, place, t.Name, t.SubjectKey, t.CSR); err != nil {
				return err
			}
			if err := d.requested(ctx, tx, i.id, t.Serial, "issue", t.Asked); err != nil {
				return err
			}
		}
		return nil
	})
}

const insertPending = `INSERT INTO pending (key_id, serial, issuer_id, salt, tbs, entry, leaf, place, name, subject_key, csr)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`

func checkIntent(t Intent) error {
	if err := CheckSerial(t.Serial); err != nil {
		return err
	}
	if len(t.Salt) != SaltSize || len(t.TBS) == 0 {
		return fmt.Errorf("serial %x: salt or certificate is missing", t.Serial)
	}
	return nil
}

// reserveRow inserts the row of a serial that nobody had.
const reserveRow = `INSERT INTO certificates (key_id, serial, issuer_id, state, kind, ca, imported, not_before, not_after,
	subject, consent, revoked_at, reason, invalidity, revoked_here, this_update, next_update, due_at, bucket, shard, revision, changed_at)
	VALUES ($1, $2, $3, 0, '', 0, 0, 0, 0, '', $8, NULL, -1, 0, 0, 0, 0, $4, $5, $6, 1, $7) ON CONFLICT (key_id, serial) DO NOTHING`

// reservation are the arguments of reserveRow.
func (d *DB) reservation(i issuerRow, serial []byte, consent string) []any {
	bucket := bucketOf(serial)
	return []any{i.keyID, serial, i.id, int64(dueNever), bucket, bucket % i.shards, d.now().Unix(), consent}
}

// reserved judges what reserveRow did.
func reserved(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, ErrSerialTaken)
	}
	return nil
}

func (d *DB) reserve(ctx context.Context, tx *sql.Tx, i issuerRow, serial []byte, consent string) error {
	return reserved(tx.ExecContext(ctx, d.q(reserveRow), d.reservation(i, serial, consent)...))
}

// Committed notes that the commitments to a batch are an entry of the log of an
// origin, which now stands at a position.
func (d *DB) Committed(ctx context.Context, issuer, place string, entry int64, batch []Intent, p Position) error {
	return d.update(ctx, fmt.Sprintf("noting the commitments to %d certificates of %q", len(batch), issuer), func(tx *sql.Tx) error {
		i, err := d.issuer(ctx, tx, issuer, forShare)
		if err != nil {
			return err
		}
		for part := range slices.Chunk(batch, missingChunk) {
			if err := d.committed(ctx, tx, i, entry, part); err != nil {
				return err
			}
		}
		if err := d.raiseIssuance(ctx, tx, issuer, place, entry); err != nil {
			return err
		}
		return d.setPosition(ctx, tx, place, p)
	})
}

func (d *DB) committed(ctx context.Context, tx *sql.Tx, i issuerRow, entry int64, batch []Intent) error {
	serials := make([][]byte, len(batch))
	for n, t := range batch {
		serials[n] = t.Serial
	}
	which := ` WHERE key_id = $1 AND serial IN (` + d.literals(serials) + `)`
	res, err := tx.ExecContext(ctx, d.q(`UPDATE pending SET entry = $2`+which+` AND entry = -1`), i.keyID, entry)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != int64(len(batch)) {
		return errors.Join(err, fmt.Errorf("%d of %d serials: %w", int64(len(batch))-n, len(batch), ErrNotFound))
	}
	return nil
}

// issuanceCounter keeps the number after the newest issuance entry of an issuer
// in a log, so that nobody has to look for it.
func issuanceCounter(issuer, place string) string { return "issuance/" + place + "/" + issuer }

func (d *DB) raiseIssuance(ctx context.Context, tx *sql.Tx, issuer, place string, entry int64) error {
	name, next := issuanceCounter(issuer, place), big.NewInt(entry+1)
	have, err := d.counter(ctx, tx, name)
	if err != nil || have.Cmp(next) >= 0 {
		return err
	}
	return d.setCounter(ctx, tx, name, next)
}

// LastIssuance returns the newest issuance entry of an issuer in the log of an
// origin, -1 when there is none.
func (d *DB) LastIssuance(ctx context.Context, issuer, place string) (int64, error) {
	var value []byte
	err := d.read.QueryRowContext(ctx, d.q(`SELECT value FROM counters WHERE name = $1`), issuanceCounter(issuer, place)).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("looking for the last issuance of %q: %w", issuer, err)
	}
	return new(big.Int).SetBytes(value).Int64() - 1, nil
}

// Pending streams what the log of an origin commits to and what is not signed yet.
func (d *DB) Pending(ctx context.Context, issuer, place string) iter.Seq2[Intent, error] {
	doing := fmt.Sprintf("reading what is to be signed for %q", issuer)
	i, err := d.issuer(ctx, d.read, issuer, "")
	if errors.Is(err, ErrNotFound) {
		return func(func(Intent, error) bool) {}
	}
	if err != nil {
		return failed[Intent](fmt.Errorf("%s: %w", doing, err))
	}
	scan := func(rows *sql.Rows) (Intent, error) {
		var t Intent
		err := rows.Scan(&t.Serial, &t.Salt, &t.TBS, &t.Entry, &t.Leaf, &t.Name, &t.SubjectKey, &t.CSR, &t.Consent)
		return t, err
	}
	return stream(ctx, d.read, doing, scan, d.q(`SELECT p.serial, p.salt, p.tbs, p.entry, p.leaf, p.name, p.subject_key, p.csr, c.consent
		FROM pending p JOIN certificates c ON c.key_id = p.key_id AND c.serial = p.serial
		WHERE p.issuer_id = $1 AND p.place = $2 AND p.entry >= 0 ORDER BY p.entry, p.leaf`), i.id, place)
}

// DropUncommitted forgets what was reserved for the log of an origin and is not
// in it. Nothing was signed; the serials stay reserved and are not used again.
func (d *DB) DropUncommitted(ctx context.Context, place string) (dropped int64, err error) {
	err = d.update(ctx, "dropping what was never committed to", func(tx *sql.Tx) error {
		const which = ` FROM pending WHERE entry = -1 AND place = $1`
		if _, err := tx.ExecContext(ctx, d.q(`INSERT INTO events (at, issuer_id, serial, what, detail)
			SELECT CAST($2 AS BIGINT), issuer_id, serial, 'issuance dropped', 'interrupted before the log committed to it'`+which), place, d.now().Unix()); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, d.q(`DELETE`+which), place)
		if err == nil {
			dropped, err = res.RowsAffected()
		}
		return err
	})
	return dropped, err
}

// RecordIssued records the certificates of a batch and what of them is to be
// published, in one transaction.
func (d *DB) RecordIssued(ctx context.Context, issuer string, certs []Certificate, artifacts []ArtifactRecord) error {
	for _, c := range certs {
		if err := checkCertificate(c); err != nil {
			return fmt.Errorf("recording certificate of %q: %w", issuer, err)
		}
	}
	return d.update(ctx, fmt.Sprintf("recording %d certificates of %q", len(certs), issuer), func(tx *sql.Tx) error {
		i, err := d.issuer(ctx, tx, issuer, forShare)
		if err != nil {
			return err
		}
		if err := d.record(ctx, tx, i, certs, false); err != nil {
			return err
		}
		return d.addArtifacts(ctx, tx, artifacts)
	})
}

// Adopt records a certificate that was signed elsewhere, under a serial that was
// never used here: the log has no commitment to it.
func (d *DB) Adopt(ctx context.Context, c Certificate, asked Asked) error {
	if err := checkCertificate(c); err != nil {
		return fmt.Errorf("adopting certificate of %q: %w", c.Issuer, err)
	}
	return d.update(ctx, fmt.Sprintf("adopting certificate %x of %q", c.Serial, c.Issuer), func(tx *sql.Tx) error {
		i, err := d.issuer(ctx, tx, c.Issuer, forShare)
		if err != nil {
			return err
		}
		if err := d.reserve(ctx, tx, i, c.Serial, ""); err != nil {
			return err
		}
		return errors.Join(d.record(ctx, tx, i, []Certificate{c}, true), d.requested(ctx, tx, i.id, c.Serial, "adopt", asked))
	})
}

// ErrNotCommitted: the certificate is not the one that the log commits to.
var ErrNotCommitted = errors.New("the certificate is not the one that the master log commits to")

// opened holds certificates against what was committed to under their serials, and
// turns what was pending into issuances. spent are the serials that were issued before.
func (d *DB) opened(ctx context.Context, tx *sql.Tx, i issuerRow, certs []Certificate) (spent map[string]bool, err error) {
	spent = map[string]bool{}
	for part := range slices.Chunk(certs, missingChunk) {
		if err := d.openedPart(ctx, tx, i, part, spent); err != nil {
			return nil, err
		}
	}
	return spent, nil
}

func (d *DB) openedPart(ctx context.Context, tx *sql.Tx, i issuerRow, certs []Certificate, spent map[string]bool) error {
	serials := make([][]byte, len(certs))
	der := make(map[string][]byte, len(certs))
	for n, c := range certs {
		serials[n], der[string(c.Serial)] = c.Serial, c.DER
	}
	which := ` WHERE key_id = $1 AND serial IN (` + d.literals(serials) + `)`
	scan := func(rows *sql.Rows) (t Intent, err error) {
		return t, rows.Scan(&t.Serial, &t.TBS, &t.Entry)
	}
	for t, err := range stream(ctx, tx, "reading the commitments", scan, d.q(`SELECT serial, tbs, entry FROM pending`+which+
		` UNION ALL SELECT serial, NULL, entry FROM issuance`+which), i.keyID) {
		switch {
		case err != nil:
			return err
		case t.TBS == nil:
			spent[string(t.Serial)] = true
		case t.Entry == uncommitted:
			return fmt.Errorf("serial %x: %w: nothing of it is in the log yet", t.Serial, ErrNotCommitted)
		case !bytes.Equal(tbsOf(der[string(t.Serial)]), t.TBS):
			return fmt.Errorf("serial %x: %w", t.Serial, ErrNotCommitted)
		}
	}
	return d.settled(ctx, tx, which, i.keyID)
}

// settled turns pending rows into issuances: the certificate has what was to be signed.
func (d *DB) settled(ctx context.Context, tx *sql.Tx, which string, args ...any) error {
	_, err := tx.ExecContext(ctx, d.q(`INSERT INTO issuance (key_id, serial, issuer_id, salt, entry, leaf, csr)
		SELECT key_id, serial, issuer_id, salt, entry, leaf, csr FROM pending`+which), args...)
	if err == nil {
		_, err = tx.ExecContext(ctx, d.q(`DELETE FROM pending`+which), args...)
	}
	return err
}

// tbsOf returns the first element of a certificate, which is what was signed; nil when there is none.
func tbsOf(der []byte) []byte {
	in := cryptobyte.String(der)
	var body, tbs cryptobyte.String
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1Element(&tbs, cbasn1.SEQUENCE) {
		return nil
	}
	return tbs
}
