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
// nothing: ReserveIssuance writes the serials down; the master log gets an entry
// that commits to what will be signed, and the private master what that is; the
// HSM signs; RecordIssued keeps the certificates. What the log commits to and a
// crash left unsigned, Heal takes from the private master: the position of the
// inventory is behind the entry until the certificates are there. Committed keeps
// it where the room goes on without having signed it. Pending gives both back;
// what never came into the log, DropUncommitted forgets: its serials stay taken.

// SaltSize is the length of the salt of a commitment, in octets.
const SaltSize = 32

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

	Entry, Leaf int64 // where the log commits to it
}

// ReserveIssuance reserves the serials of a batch, in one transaction. place is the
// origin of the log that will commit to what is signed under them.
func (d *DB) ReserveIssuance(ctx context.Context, issuer, place string, batch []Intent) error {
	if len(batch) == 0 {
		return nil
	}
	return d.update(ctx, fmt.Sprintf("reserving %d serials of %q", len(batch), issuer), func(tx *sql.Tx) error {
		i, err := d.issuer(ctx, tx, issuer, forShare)
		if err != nil {
			return err
		}
		row, err := tx.PrepareContext(ctx, d.q(reserveRow))
		if err != nil {
			return err
		}
		defer row.Close()
		serials := make([][]byte, len(batch))
		for n, t := range batch {
			serials[n] = t.Serial
		}
		if err := d.unpack(ctx, tx, i.keyID, serials...); err != nil {
			return err
		}
		for _, t := range batch {
			if err := checkIntent(t); err != nil {
				return err
			}
			res, err := row.ExecContext(ctx, d.reservation(i, t.Serial, t.Consent)...)
			if err := reserved(res, err); err != nil {
				return err
			}
			if err := d.requested(ctx, tx, i.id, t.Serial, "issue", t.Asked); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx,
			d.q(`INSERT INTO reserved (key_id, serial, issuer_id, place, more) VALUES ($1, $2, $3, $4, $5)`),
			i.keyID, batch[0].Serial, i.id, place, joinSerials(batch[1:]))
		return err
	})
}

// joinSerials writes the serials of a batch one after the other, each after its length.
func joinSerials(batch []Intent) []byte {
	all := []byte{}
	for _, t := range batch {
		all = append(append(all, byte(len(t.Serial))), t.Serial...)
	}
	return all
}

func splitSerials(all []byte) (serials [][]byte, err error) {
	in := cryptobyte.String(all)
	for !in.Empty() {
		var serial cryptobyte.String
		if !in.ReadUint8LengthPrefixed(&serial) || CheckSerial(serial) != nil {
			return nil, errors.New("the reserved serials of a batch are damaged")
		}
		serials = append(serials, serial)
	}
	return serials, nil
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
	if err := d.unpack(ctx, tx, i.keyID, serial); err != nil {
		return err
	}
	return reserved(tx.ExecContext(ctx, d.q(reserveRow), d.reservation(i, serial, consent)...))
}

// Committed keeps a batch that the log of an origin commits to and that is not signed
// yet: Pending gives it from now on. Each intent says where its commitment stands.
func (d *DB) Committed(ctx context.Context, issuer, place string, batch []Intent) error {
	return d.update(ctx, fmt.Sprintf("noting the commitments to %d certificates of %q", len(batch), issuer),
		func(tx *sql.Tx) error {
			i, err := d.issuer(ctx, tx, issuer, forShare)
			if err != nil {
				return err
			}
			for _, t := range batch {
				if _, err := tx.ExecContext(ctx, d.q(insertPending), i.keyID, t.Serial, i.id, t.Salt, t.TBS, t.Entry,
					t.Leaf, place, t.Name, t.SubjectKey, t.CSR); err != nil {
					return err
				}
			}
			return d.announced(ctx, tx, i, issuer, place, batch)
		})
}

// announced forgets that a batch was only reserved, and keeps which entry commits to it.
func (d *DB) announced(ctx context.Context, tx *sql.Tx, i issuerRow, issuer, place string, batch []Intent) error {
	if len(batch) == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, d.q(`DELETE FROM reserved WHERE key_id = $1 AND serial = $2`), i.keyID,
		batch[0].Serial); err != nil {
		return err
	}
	return d.raiseIssuance(ctx, tx, issuer, place, batch[len(batch)-1].Entry)
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
	err := d.read.QueryRowContext(ctx, d.q(`SELECT value FROM counters WHERE name = $1`),
		issuanceCounter(issuer, place)).Scan(&value)
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
	return stream(ctx, d.read, doing, scan,
		d.q(`SELECT p.serial, p.salt, p.tbs, p.entry, p.leaf, p.name, p.subject_key, p.csr, c.consent
		FROM pending p JOIN certificates c ON c.key_id = p.key_id AND c.serial = p.serial
		WHERE p.issuer_id = $1 AND p.place = $2 ORDER BY p.entry, p.leaf`), i.id, place)
}

// DropUncommitted forgets what was reserved for the log of an origin and is not
// in it. Nothing was signed; the serials stay reserved and are not used again.
func (d *DB) DropUncommitted(ctx context.Context, place string) (dropped int64, err error) {
	err = d.update(ctx, "dropping what was never committed to", func(tx *sql.Tx) error {
		type batch struct {
			key, issuer int64
			serials     [][]byte
		}
		scan := func(rows *sql.Rows) (b batch, err error) {
			var first, more []byte
			if err = rows.Scan(&b.key, &b.issuer, &first, &more); err == nil {
				b.serials, err = splitSerials(more)
			}
			b.serials = append(b.serials, first)
			return b, err
		}
		var batches []batch
		for b, err := range stream(ctx, tx, "reading what was reserved", scan,
			d.q(`SELECT key_id, issuer_id, serial, more FROM reserved WHERE place = $1`), place) {
			if err != nil {
				return err
			}
			batches = append(batches, b)
		}
		for _, b := range batches {
			for part := range slices.Chunk(b.serials, missingChunk) {
				n, err := d.dropUncommitted(ctx, tx, b.key, b.issuer, part)
				if err != nil {
					return err
				}
				dropped += n
			}
		}
		_, err := tx.ExecContext(ctx, d.q(`DELETE FROM reserved WHERE place = $1`), place)
		return err
	})
	return dropped, err
}

// dropUncommitted leaves an event for each serial that the log does not commit to.
func (d *DB) dropUncommitted(ctx context.Context, tx *sql.Tx, key, issuer int64, serials [][]byte) (int64, error) {
	res, err := tx.ExecContext(ctx, d.q(`INSERT INTO events (at, issuer_id, serial, what, detail)
		SELECT CAST($2 AS BIGINT), CAST($3 AS BIGINT), c.serial, 'issuance dropped', 'interrupted before the log committed to it' FROM certificates c
		WHERE c.key_id = $1 AND c.serial IN (`+d.literals(serials)+`)
		AND NOT EXISTS (SELECT 1 FROM pending p WHERE p.key_id = c.key_id AND p.serial = c.serial)
		AND NOT EXISTS (SELECT 1 FROM bodies b WHERE b.key_id = c.key_id AND b.serial = c.serial)`), key,
		d.now().Unix(), issuer)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// RecordIssued records the certificates of a batch, in its order, and what of them is to
// be published, in one transaction. Each must be the one that the log commits to.
func (d *DB) RecordIssued(ctx context.Context, issuer, place string, batch []Intent, certs []Certificate,
	artifacts []ArtifactRecord) error {
	doing := fmt.Sprintf("recording %d certificates of %q", len(certs), issuer)
	if len(batch) != len(certs) {
		return fmt.Errorf("%s: %d were committed to", doing, len(batch))
	}
	for n, c := range certs {
		err := checkCertificate(c)
		if err == nil {
			err = committedTo(batch[n], c)
		}
		if err != nil {
			return fmt.Errorf("%s: serial %x: %w", doing, c.Serial, err)
		}
	}
	return d.update(ctx, doing, func(tx *sql.Tx) error {
		i, err := d.issuer(ctx, tx, issuer, forShare)
		if err != nil {
			return err
		}
		if err := d.record(ctx, tx, i, certs, batch, false); err != nil {
			return err
		}
		if err := d.signed(ctx, tx, i, batch); err != nil {
			return err
		}
		return errors.Join(d.announced(ctx, tx, i, issuer, place, batch), d.addArtifacts(ctx, tx, artifacts))
	})
}

// ErrNotCommitted: the certificate is not the one that the master log commits to.
var ErrNotCommitted = errors.New("the certificate is not the one that the master log commits to")

// committedTo says whether a certificate is what was committed to.
func committedTo(t Intent, c Certificate) error {
	if t.Entry < 0 || !bytes.Equal(t.Serial, c.Serial) || !bytes.Equal(tbsOf(c.DER), t.TBS) {
		return ErrNotCommitted
	}
	return nil
}

// signed takes a batch out of what is pending. Nothing is, unless an earlier process was interrupted.
func (d *DB) signed(ctx context.Context, tx *sql.Tx, i issuerRow, batch []Intent) error {
	var waiting bool
	err := tx.QueryRowContext(ctx, d.q(`SELECT EXISTS (SELECT 1 FROM pending WHERE issuer_id = $1)`),
		i.id).Scan(&waiting)
	if err != nil || !waiting {
		return err
	}
	for part := range slices.Chunk(batch, missingChunk) {
		serials := make([][]byte, len(part))
		for n, t := range part {
			serials[n] = t.Serial
		}
		if _, err := tx.ExecContext(ctx,
			d.q(`DELETE FROM pending WHERE key_id = $1 AND serial IN (`+d.literals(serials)+`)`), i.keyID); err != nil {
			return err
		}
	}
	return nil
}

// Adopt records a certificate that was signed elsewhere, under a serial that was
// never used here: the log has no commitment to it.
func (d *DB) Adopt(ctx context.Context, c Certificate, asked Asked) error {
	if err := checkAdopted(c); err != nil {
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
		return errors.Join(d.record(ctx, tx, i, []Certificate{c}, nil, true),
			d.requested(ctx, tx, i.id, c.Serial, "adopt", asked))
	})
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
