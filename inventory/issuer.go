package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"seihon/artifact"
)

// issuerRow is an issuer with the numbers by which other tables know it.
type issuerRow struct {
	id, keyID int64
	shards    int
	grace     int64
}

// dueFor returns the due time of a status that was signed until next (0: never
// signed) for a certificate that expires at notAfter.
func (i issuerRow) dueFor(next, notAfter, now int64) int64 {
	if notAfter != 0 && (next >= notAfter+i.grace || now >= notAfter+i.grace) {
		return dueNever
	}
	return next
}

// issuer looks an issuer up; lock is " FOR SHARE" or " FOR UPDATE" in a
// transaction that must not race a change of its shards.
func (d *DB) issuer(ctx context.Context, q querier, name, lock string) (issuerRow, error) {
	if !d.postgres {
		lock = ""
	}
	var i issuerRow
	err := q.QueryRowContext(ctx, d.q(`SELECT id, key_id, shards, grace FROM issuers WHERE name = $1`)+lock, name).
		Scan(&i.id, &i.keyID, &i.shards, &i.grace)
	if errors.Is(err, sql.ErrNoRows) {
		return i, fmt.Errorf("issuer %q: %w", name, ErrNotFound)
	}
	if err != nil {
		return i, fmt.Errorf("issuer %q: %w", name, Redact(err))
	}
	return i, nil
}

const forShare = " FOR SHARE"

// AddIssuer adds an issuer, or brings the shards and the grace of a known one
// in line. The key of an issuer never changes: a new key is a new issuer.
func (d *DB) AddIssuer(ctx context.Context, i Issuer) error {
	if i.Shards == 0 {
		i.Shards = 1
	}
	if i.Name == "" || i.Key.IsZero() || i.Shards < 1 || i.Shards > maxShards || i.Grace < 0 {
		return fmt.Errorf("adding issuer %q: want a name, the digest of its key, 1 to %d shards and no negative grace",
			i.Name, maxShards)
	}
	return d.update(ctx, fmt.Sprintf("adding issuer %q", i.Name), func(tx *sql.Tx) error {
		return d.addIssuer(ctx, tx, i)
	})
}

func (d *DB) addIssuer(ctx context.Context, tx *sql.Tx, i Issuer) error {
	if _, err := tx.ExecContext(ctx,
		d.q(`INSERT INTO issuers (name, key, key_id, shards, grace) VALUES ($1, $2, 0, 0, 0) ON CONFLICT (name) DO NOTHING`),
		i.Name, i.Key[:]); err != nil {
		return err
	}
	var id, keyID, grace int64
	var key []byte
	var shards int
	if err := tx.QueryRowContext(ctx,
		d.q(`SELECT id, key, key_id, shards, grace FROM issuers WHERE name = $1`)+d.forUpdate(), i.Name).
		Scan(&id, &key, &keyID, &shards, &grace); err != nil {
		return err
	}
	if artifact.Digest(key) != i.Key {
		return fmt.Errorf("it is known with the key %x: a new key needs a new issuer name, and an inventory of "+
			"another CA its own room", key)
	}
	if keyID == 0 { // the oldest issuer with this key names the space of serials
		if _, err := tx.ExecContext(ctx,
			d.q(`UPDATE issuers SET key_id = (SELECT min(id) FROM issuers WHERE key = $1) WHERE id = $2`), i.Key[:],
			id); err != nil {
			return err
		}
	}
	if want := int64(i.Grace / time.Second); grace != want {
		if err := d.setGrace(ctx, tx, id, want); err != nil {
			return err
		}
	}
	if shards != i.Shards {
		return d.setShards(ctx, tx, id, i.Shards)
	}
	return nil
}

// setGrace changes the grace; certificates that were done with before their
// expiry become due again when the new grace says so.
func (d *DB) setGrace(ctx context.Context, tx *sql.Tx, id, grace int64) error {
	if _, err := tx.ExecContext(ctx, d.q(`UPDATE issuers SET grace = $1 WHERE id = $2`), grace, id); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, d.q(`UPDATE certificates SET due_at = next_update
		WHERE issuer_id = $1 AND due_at = $2 AND state > $3 AND not_after + $4 > $5 AND next_update < not_after + $4`),
		id, dueNever, int(Reserved), grace, d.now().Unix())
	return err
}

// setShards cuts an issuer anew.
func (d *DB) setShards(ctx context.Context, tx *sql.Tx, id int64, shards int) error {
	var leased int
	if err := tx.QueryRowContext(ctx, d.q(`SELECT count(*) FROM shards WHERE issuer_id = $1 AND lease_until > $2`), id,
		d.now().Unix()).Scan(&leased); err != nil {
		return err
	}
	if leased > 0 {
		return fmt.Errorf("%d of its shards are being signed: change the number of shards when no run is active",
			leased)
	}
	add, err := tx.PrepareContext(ctx,
		d.q(`INSERT INTO shards (issuer_id, shard, holder, token, lease_until, finished_at)
		VALUES ($1, $2, '', 0, 0, 0) ON CONFLICT (issuer_id, shard) DO NOTHING`))
	if err != nil {
		return err
	}
	defer add.Close()
	for n := range shards {
		if _, err := add.ExecContext(ctx, id, n); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, d.q(`UPDATE issuers SET shards = $1 WHERE id = $2`), shards, id); err != nil {
		return err
	}
	if err := d.unpackIssuer(ctx, tx, id); err != nil {
		return err
	}
	// The bundle of a new shard has no predecessor to copy from: all is due.
	_, err = tx.ExecContext(ctx, d.q(`UPDATE certificates SET shard = bucket % $1,
		due_at = CASE WHEN state = 0 OR due_at = $3 OR (not_after <> 0 AND not_after + (SELECT grace FROM issuers WHERE id = $2) <= $4) THEN due_at ELSE $5 END
		WHERE issuer_id = $2`), shards, id, int64(dueUrgent), d.now().Unix(), int64(dueNew))
	return err
}

// SetShards changes the number of OCSP shards of an issuer. That makes every
// status due, since all bundles must be written anew.
func (d *DB) SetShards(ctx context.Context, issuer string, shards int) error {
	if shards < 1 || shards > maxShards {
		return fmt.Errorf("setting shards of %q: want 1 to %d, have %d", issuer, maxShards, shards)
	}
	return d.update(ctx, fmt.Sprintf("setting shards of %q", issuer), func(tx *sql.Tx) error {
		i, err := d.issuer(ctx, tx, issuer, d.forUpdate())
		if err != nil || i.shards == shards {
			return err
		}
		return d.setShards(ctx, tx, i.id, shards)
	})
}

// Issuers returns all issuers, by name.
func (d *DB) Issuers(ctx context.Context) ([]Issuer, error) {
	var all []Issuer
	for i, err := range stream(ctx, d.read, "listing issuers", scanIssuer,
		`SELECT name, key, shards, grace FROM issuers ORDER BY name`) {
		if err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return all, nil
}

func scanIssuer(rows *sql.Rows) (Issuer, error) {
	var i Issuer
	var key []byte
	var grace int64
	if err := rows.Scan(&i.Name, &key, &i.Shards, &grace); err != nil {
		return i, err
	}
	if len(key) != len(i.Key) {
		return i, fmt.Errorf("key digest of %q has %d octets", i.Name, len(key))
	}
	i.Key, i.Grace = artifact.Digest(key), time.Duration(grace)*time.Second
	return i, nil
}
