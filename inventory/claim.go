package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// defaultLease is how long a host that fell silent keeps its shards.
const defaultLease = 5 * time.Minute

// Claim takes a lease on up to r.Max shards of an issuer that have something
// due and that nobody else holds; it returns none when there are none. Urgent
// shards come first. Leases are measured by the clock of the hosts, which must
// agree to well within r.Lease.
func (d *DB) Claim(ctx context.Context, r ClaimRequest) ([]Claim, error) {
	if r.Host == "" {
		return nil, fmt.Errorf("claiming shards of %q: the host has no name", r.Issuer)
	}
	if r.Max <= 0 {
		r.Max = 1
	}
	if r.Lease <= 0 {
		r.Lease = defaultLease
	}
	var claims []Claim
	err := d.update(ctx, fmt.Sprintf("claiming shards of %q for %q", r.Issuer, r.Host), func(tx *sql.Tx) error {
		i, err := d.issuer(ctx, tx, r.Issuer, forShare)
		if err != nil {
			return err
		}
		free, err := d.lockFree(ctx, tx, i, r)
		if err != nil {
			return err
		}
		until := d.now().Add(r.Lease)
		for _, shard := range free {
			c := Claim{Issuer: r.Issuer, Shard: shard, Host: r.Host, Until: until}
			err := d.take(ctx, tx, i, &c, r.Cutoff)
			if errors.Is(err, sql.ErrNoRows) {
				continue // finished by another host since it was found
			}
			if err != nil {
				return err
			}
			claims = append(claims, c)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claims, nil
}

// lockFree finds free shards with work and, on PostgreSQL, locks them until
// the transaction ends, passing over those that another host is locking.
func (d *DB) lockFree(ctx context.Context, tx *sql.Tx, i issuerRow, r ClaimRequest) ([]int, error) {
	lock := ""
	if d.postgres {
		lock = " FOR UPDATE OF s SKIP LOCKED"
	}
	query := d.q(`SELECT s.shard FROM shards s WHERE s.issuer_id = $1 AND s.shard < $2 AND s.lease_until <= $4 AND ` +
		hasDue + `
		ORDER BY EXISTS (SELECT 1 FROM certificates c WHERE c.issuer_id = s.issuer_id AND c.shard = s.shard AND c.due_at = -1) DESC, s.shard
		LIMIT $5` + lock)
	var free []int
	for shard, err := range stream(ctx, tx, "finding free shards", scanInt, query, i.id, i.shards, r.Cutoff.Unix(),
		d.now().Unix(), r.Max) {
		if err != nil {
			return nil, err
		}
		free = append(free, shard)
	}
	return free, nil
}

// take writes the lease. It asks again whether anything is due: under
// PostgreSQL's READ COMMITTED the search saw the certificates as they were when
// it began, and a host may have finished the shard between that moment and the
// lock. This statement runs after the lock and so sees the outcome.
func (d *DB) take(ctx context.Context, tx *sql.Tx, i issuerRow, c *Claim, cutoff time.Time) error {
	return tx.QueryRowContext(ctx, d.q(`UPDATE shards AS s SET holder = $4, token = token + 1, lease_until = $5
		WHERE s.issuer_id = $1 AND s.shard = $2 AND `+hasDue+` RETURNING token`),
		i.id, c.Shard, cutoff.Unix(), c.Host, c.Until.Unix()).Scan(&c.Token)
}

// Extend renews a lease that is still held, for a shard that takes long.
func (d *DB) Extend(ctx context.Context, c Claim, lease time.Duration) (Claim, error) {
	until := d.now().Add(lease)
	err := d.settle(ctx, "extending", c, func(tx *sql.Tx, i issuerRow) error {
		_, err := tx.ExecContext(ctx, d.q(`UPDATE shards SET lease_until = $3 WHERE issuer_id = $1 AND shard = $2`),
			i.id, c.Shard, until.Unix())
		return err
	})
	if err == nil {
		c.Until = until
	}
	return c, err
}

// Release gives a shard back without having signed it.
func (d *DB) Release(ctx context.Context, c Claim) error {
	return d.settle(ctx, "releasing", c, func(tx *sql.Tx, i issuerRow) error {
		_, err := tx.ExecContext(ctx,
			d.q(`UPDATE shards SET holder = '', lease_until = 0 WHERE issuer_id = $1 AND shard = $2`), i.id, c.Shard)
		return err
	})
}

// Finish records in one transaction what was signed for a shard and gives it
// back. It fails with ErrLeaseLost, recording nothing, when another host has
// claimed the shard since.
func (d *DB) Finish(ctx context.Context, c Claim, signed []Signed, artifacts []ArtifactRecord) error {
	return d.settle(ctx, "finishing", c, func(tx *sql.Tx, i issuerRow) error {
		if err := d.markSigned(ctx, tx, i, signed); err != nil {
			return err
		}
		if err := d.addArtifacts(ctx, tx, artifacts); err != nil {
			return err
		}
		now := d.now().Unix()
		// What expired without ever being signed to its end is due no more.
		if _, err := tx.ExecContext(ctx,
			d.q(`UPDATE certificates SET due_at = $3 WHERE issuer_id = $1 AND shard = $2 AND due_at <= $4
			AND not_after <> 0 AND not_after + $5 <= $4`), i.id, c.Shard, int64(dueNever), now, i.grace); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx,
			d.q(`UPDATE shards SET holder = '', lease_until = 0, finished_at = $3 WHERE issuer_id = $1 AND shard = $2`),
			i.id, c.Shard, now)
		return err
	})
}

// settle runs fn while the claim is provably still the newest of its shard. A
// lease that ran out but was taken by nobody is still good: the token counts.
func (d *DB) settle(ctx context.Context, verb string, c Claim, fn func(*sql.Tx, issuerRow) error) error {
	return d.update(ctx, fmt.Sprintf("%s shard %d of %q", verb, c.Shard, c.Issuer), func(tx *sql.Tx) error {
		i, err := d.issuer(ctx, tx, c.Issuer, forShare)
		if err != nil {
			return err
		}
		var token int64
		var holder string
		err = tx.QueryRowContext(ctx,
			d.q(`SELECT token, holder FROM shards WHERE issuer_id = $1 AND shard = $2`)+d.forUpdate(), i.id,
			c.Shard).Scan(&token, &holder)
		if errors.Is(err, sql.ErrNoRows) || err == nil && (token != c.Token || holder != c.Host) {
			return ErrLeaseLost
		}
		if err != nil {
			return err
		}
		return fn(tx, i)
	})
}

// Counts sums up one issuer. It reads all its certificates.
func (d *DB) Counts(ctx context.Context, issuer string) (Counts, error) {
	var n Counts
	var until int64
	doing := fmt.Sprintf("counting certificates of %q", issuer)
	i, err := d.issuer(ctx, d.read, issuer, "")
	if err != nil {
		return n, fmt.Errorf("%s: %w", doing, err)
	}
	now := d.now().Unix()
	count := func(condition string) string {
		return `coalesce(sum(CASE WHEN ` + condition + ` THEN 1 ELSE 0 END), 0)`
	}
	err = d.read.QueryRowContext(ctx,
		d.q(`SELECT `+count(`state = 0`)+`, `+count(`state = 1`)+`, `+count(`state = 2`)+`, `+count(`state = 3`)+`, `+
			count(`not_after <> 0 AND not_after <= $2`)+`, `+count(`due_at = 0`)+`, `+count(`due_at = -1`)+`,
		coalesce(min(CASE WHEN next_update > 0 AND due_at < $3 AND state > 0 AND (not_after = 0 OR not_after + $4 > $2) THEN next_update END), 0)
		FROM certificates WHERE issuer_id = $1`), i.id, now, int64(dueNever), i.grace).
		Scan(&n.Reserved, &n.Issued, &n.Revoked, &n.NeverIssued, &n.Expired, &n.NeverSigned, &n.Urgent, &until)
	var listed int64 // revoked, and never signed
	if err == nil {
		err = d.read.QueryRowContext(ctx, d.q(`SELECT coalesce(sum(n), 0) FROM listed WHERE issuer_id = $1`),
			i.id).Scan(&listed)
	}
	if err == nil {
		n.Revoked, n.NeverSigned = n.Revoked+listed, n.NeverSigned+listed
		n.AnsweredUntil = fromSeconds(until)
		n.Shards = i.shards
		err = d.read.QueryRowContext(ctx, d.q(`SELECT count(*) FROM shards WHERE issuer_id = $1 AND lease_until > $2`),
			i.id, now).Scan(&n.Claimed)
	}
	if err != nil {
		return n, fmt.Errorf("%s: %w", doing, err)
	}
	return n, nil
}
