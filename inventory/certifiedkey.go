package inventory

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"seihon/artifact"
)

// A CertifiedKey is a certificate that was found by the SHA-256 of its SubjectPublicKeyInfo.
type CertifiedKey struct {
	*Entry
	Key artifact.Digest
}

// RevokedWithKey returns the revoked certificates of all issuers that have one of some keys, for each key in the order
// of their revocation. Certificates of which only the status is known are not among them: import the certificates
// themselves, too.
func (d *DB) RevokedWithKey(ctx context.Context, keys ...artifact.Digest) iter.Seq2[CertifiedKey, error] {
	return d.withKey(ctx, "looking for a revoked key", keys,
		`c.state = $1 AND c.revoked_at IS NOT NULL ORDER BY c.revoked_at, c.serial`, int(Revoked))
}

// InUseWithKey returns the certificates of all issuers that have one of some keys, are not revoked, and have not
// expired at a time.
func (d *DB) InUseWithKey(ctx context.Context, at time.Time, keys ...artifact.Digest) iter.Seq2[CertifiedKey, error] {
	return d.withKey(ctx, "looking for a key in use", keys, `c.state = $1 AND c.not_after >= $2 ORDER BY c.serial`,
		int(Issued), at.Unix())
}

func (d *DB) withKey(ctx context.Context, doing string, keys []artifact.Digest, where string,
	args ...any) iter.Seq2[CertifiedKey, error] {
	return func(yield func(CertifiedKey, error) bool) {
		for part := range slices.Chunk(keys, missingChunk) {
			digests := make([][]byte, len(part))
			for n := range part {
				digests[n] = part[n][:]
			}
			all := stream(ctx, d.read, doing, scanCertifiedKey,
				d.q(`SELECT k.digest, i.name, c.serial, c.state, coalesce(c.revoked_at, 0), c.reason, c.invalidity, b.der
				FROM keys k JOIN certificates c ON c.key_id = k.key_id AND c.serial = k.serial
				JOIN bodies b ON b.key_id = k.key_id AND b.serial = k.serial JOIN issuers i ON i.id = c.issuer_id
				WHERE k.digest IN (`+d.literals(digests)+`) AND `+where), args...)
			for r, err := range all {
				if err == nil && !bytes.Equal(keyOf(r.DER), r.Key[:]) {
					continue // healed since, with another key
				}
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

func scanCertifiedKey(rows *sql.Rows) (CertifiedKey, error) {
	e := new(Entry)
	var digest []byte
	var at, invalidity int64
	err := rows.Scan(&digest, &e.Issuer, &e.Serial, &e.State, &at, &e.Revocation.Reason, &invalidity, &e.DER)
	e.Revocation.Time, e.Revocation.InvalidityDate = fromSeconds(at), fromSeconds(invalidity)
	r := CertifiedKey{Entry: e}
	copy(r.Key[:], digest)
	return r, err
}

// keyOf returns the SHA-256 of a certificate's SubjectPublicKeyInfo; nil when there is none to be read.
func keyOf(der []byte) []byte {
	info := artifact.KeyInfo(der)
	if info == nil {
		return nil
	}
	sum := artifact.Sum(info)
	return sum[:]
}

const insertKey = `INSERT INTO keys (digest, key_id, serial) VALUES ($1, $2, $3) ON CONFLICT (digest, key_id, serial) DO NOTHING`

// indexKey makes a certificate be found by its key.
func (d *DB) indexKey(ctx context.Context, tx *sql.Tx, keyID int64, serial, der []byte) error {
	key := keyOf(der)
	if key == nil {
		return nil
	}
	_, err := tx.ExecContext(ctx, d.q(insertKey), key, keyID, serial)
	return err
}

// indexKeys does so with all certificates that there are, page by page: PostgreSQL has no second statement while rows
// are read.
func (d *DB) indexKeys(ctx context.Context, tx *sql.Tx) error {
	insert, err := tx.PrepareContext(ctx, d.q(insertKey))
	if err != nil {
		return fmt.Errorf("indexing the keys of certificates: %w", err)
	}
	defer insert.Close()
	at := body{keyID: -1 << 62, serial: []byte{}}
	for {
		page, err := d.bodiesAfter(ctx, tx, at)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, at = range page {
			key := keyOf(at.der)
			if key == nil {
				continue
			}
			if _, err := insert.ExecContext(ctx, key, at.keyID, at.serial); err != nil {
				return fmt.Errorf("indexing the keys of certificates: %w", err)
			}
		}
	}
}

// A body is a row of the table bodies.
type body struct {
	keyID       int64
	serial, der []byte
}

// bodiesAfter reads a page of the table in the order of its key.
func (d *DB) bodiesAfter(ctx context.Context, tx *sql.Tx, at body) (page []body, err error) {
	rows, err := tx.QueryContext(ctx, d.q(`SELECT key_id, serial, der FROM bodies WHERE (key_id, serial) > ($1, $2)
		ORDER BY key_id, serial LIMIT 1000`), at.keyID, at.serial)
	if err != nil {
		return nil, fmt.Errorf("reading certificates: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Err(), rows.Close()) }()
	for rows.Next() {
		var b body
		if err := rows.Scan(&b.keyID, &b.serial, &b.der); err != nil {
			return nil, fmt.Errorf("reading certificates: %w", err)
		}
		page = append(page, b)
	}
	return page, nil
}
