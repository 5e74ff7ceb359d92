package inventory

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"strings"
	"time"
)

const statusColumns = `c.serial, c.state, coalesce(c.revoked_at, 0), c.reason, c.invalidity, c.not_after, c.this_update, c.next_update, c.due_at, c.revision`

func scanStatus(rows *sql.Rows) (Status, error) {
	var s Status
	var at, invalidity, notAfter, this, next, due int64
	err := rows.Scan(&s.Serial, &s.State, &at, &s.Revocation.Reason, &invalidity, &notAfter, &this, &next, &due,
		&s.Revision)
	if err != nil {
		return s, err
	}
	if s.State == Revoked {
		s.Revocation.Time, s.Revocation.InvalidityDate = fromSeconds(at), fromSeconds(invalidity)
	} else {
		s.Revocation = Revocation{}
	}
	s.NotAfter, s.ThisUpdate, s.NextUpdate, s.Urgent = fromSeconds(notAfter), fromSeconds(this), fromSeconds(next),
		due == dueUrgent
	return s, nil
}

// StatusAll streams the status of every certificate of one shard (or of
// AllShards) that is issued and not expired beyond the issuer's grace: what
// the shard's bundle must hold. Urgent ones come first, then by the time at
// which they are due.
func (d *DB) StatusAll(ctx context.Context, issuer string, shard int) iter.Seq2[Status, error] {
	return d.statuses(ctx, issuer, shard, dueNever, "listing the status of certificates")
}

// Due streams the statuses of one shard (or of AllShards) that must be signed
// again: never signed, changed since, or last signed with a nextUpdate at or
// before cutoff. The caller sets cutoff to now plus its lead, or to Everything.
// It costs what it yields.
func (d *DB) Due(ctx context.Context, issuer string, shard int, cutoff time.Time) iter.Seq2[Status, error] {
	return d.statuses(ctx, issuer, shard, cutoff.Unix(), "listing what is due")
}

// Everything is the cutoff for which all statuses of unexpired certificates
// are due, also those whose last response covers the expiry: for a new OCSP
// signer, or after a change of policy.
func Everything() time.Time { return time.Unix(dueNever, 0) }

// statuses is a range of the due index, shard by shard.
func (d *DB) statuses(ctx context.Context, issuer string, shard int, cutoff int64, what string) iter.Seq2[Status,
	error] {
	doing := fmt.Sprintf("%s of %q", what, issuer)
	i, err := d.issuer(ctx, d.read, issuer, "")
	if err != nil {
		return failed[Status](fmt.Errorf("%s: %w", doing, err))
	}
	query := d.q(`SELECT ` + statusColumns + ` FROM certificates c
		WHERE c.issuer_id = $1 AND c.shard = $2 AND c.due_at <= $3 AND c.state > 0 AND (c.not_after = 0 OR c.not_after + $4 > $5)
		ORDER BY c.due_at, c.key_id, c.serial`)
	one := func(shard int) iter.Seq2[Status, error] {
		rows := stream(ctx, d.read, doing, scanStatus, query, i.id, shard, cutoff, i.grace, d.now().Unix())
		if cutoff < dueNew {
			return rows
		}
		return withListed(d.listedOnly(ctx, i.keyID, fmt.Sprintf(" AND shard = %d", shard),
			`l.issuer_id = $1 AND l.shard = $2`, i.id, shard), statusListed, rows, afterUrgent)
	}
	if shard != AllShards {
		return one(shard)
	}
	// Shard by shard: each is a range of the index, and no engine has to sort.
	return func(yield func(Status, error) bool) {
		busy, err := d.shardsWith(ctx, i, cutoff)
		if err != nil {
			yield(Status{}, fmt.Errorf("%s: %w", doing, err))
			return
		}
		for _, n := range busy {
			for s, err := range one(n) {
				if !yield(s, err) || err != nil {
					return
				}
			}
		}
	}
}

// statusListed is the status by a list, about which nothing was signed yet.
func statusListed(e listedEntry) Status {
	return Status{Serial: e.serial, State: Revoked, Revocation: e.revocation(), Revision: 1}
}

// afterUrgent puts what lists say behind what is urgent.
func afterUrgent(_, row Status) int {
	if row.Urgent {
		return 1
	}
	return -1
}

// shardsWith returns the shards that have something due, at the cost of one
// probe of the index per shard.
func (d *DB) shardsWith(ctx context.Context, i issuerRow, cutoff int64) ([]int, error) {
	var busy []int
	for n, err := range stream(ctx, d.read, "finding shards", scanInt, d.q(`SELECT s.shard FROM shards s
		WHERE s.issuer_id = $1 AND s.shard < $2 AND `+hasDue+` ORDER BY s.shard`), i.id, i.shards, cutoff) {
		if err != nil {
			return nil, err
		}
		busy = append(busy, n)
	}
	return busy, nil
}

// hasDue is true of a shard s with something due at or before $3. What only a list says was never signed.
const hasDue = `(EXISTS (SELECT 1 FROM certificates c WHERE c.issuer_id = s.issuer_id AND c.shard = s.shard AND c.due_at <= $3)
	OR $3 >= 0 AND EXISTS (SELECT 1 FROM listed l WHERE l.issuer_id = s.issuer_id AND l.shard = s.shard))`

func scanInt(rows *sql.Rows) (int, error) {
	var n int
	err := rows.Scan(&n)
	return n, err
}

// UrgentShards returns how many statuses changed since they were last signed,
// for each shard that has any.
func (d *DB) UrgentShards(ctx context.Context, issuer string) (map[int]int, error) {
	return d.perShard(ctx, issuer, dueUrgent)
}

// DueShards returns how many statuses are due, as Due defines it, for each
// shard that has any.
func (d *DB) DueShards(ctx context.Context, issuer string, cutoff time.Time) (map[int]int, error) {
	return d.perShard(ctx, issuer, cutoff.Unix())
}

func (d *DB) perShard(ctx context.Context, issuer string, cutoff int64) (map[int]int, error) {
	doing := fmt.Sprintf("counting what is due of %q", issuer)
	i, err := d.issuer(ctx, d.read, issuer, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	counts := map[int]int{}
	type pair struct{ shard, n int }
	scan := func(rows *sql.Rows) (pair, error) {
		var p pair
		err := rows.Scan(&p.shard, &p.n)
		return p, err
	}
	for p, err := range stream(ctx, d.read, doing, scan, d.q(`SELECT s.shard, (SELECT count(*) FROM certificates c
		WHERE c.issuer_id = s.issuer_id AND c.shard = s.shard AND c.due_at <= $3 AND c.state > 0 AND (c.not_after = 0 OR c.not_after + $4 > $5))
		+ CASE WHEN $3 >= 0 THEN (SELECT coalesce(sum(l.n), 0) FROM listed l WHERE l.issuer_id = s.issuer_id AND l.shard = s.shard) ELSE 0 END
		FROM shards s WHERE s.issuer_id = $1 AND s.shard < $2`), i.id, i.shards, cutoff, i.grace, d.now().Unix()) {
		if err != nil {
			return nil, err
		}
		if p.n > 0 {
			counts[p.shard] = p.n
		}
	}
	return counts, nil
}

// MarkSigned records that statuses were signed. A status that changed since
// it was read stays urgent. Hosts that share an inventory use Finish.
func (d *DB) MarkSigned(ctx context.Context, issuer string, batch []Signed) error {
	return d.update(ctx, fmt.Sprintf("recording %d signed statuses of %q", len(batch), issuer), func(tx *sql.Tx) error {
		i, err := d.issuer(ctx, tx, issuer, forShare)
		if err != nil {
			return err
		}
		return d.markSigned(ctx, tx, i, batch)
	})
}

// markSet is the assignment of markSigned; the due time only moves when the
// row's revision is the one that was signed. The certificate is done with when
// the response reaches its expiry.
const markSet = `this_update = v.this_update, next_update = v.next_update,
	due_at = CASE WHEN c.revision <> v.revision THEN c.due_at
		WHEN c.not_after <> 0 AND v.next_update >= c.not_after + $1 THEN $2
		ELSE v.next_update END`

func (d *DB) markSigned(ctx context.Context, tx *sql.Tx, i issuerRow, batch []Signed) error {
	for _, s := range batch {
		if s.NextUpdate.IsZero() || s.ThisUpdate.After(s.NextUpdate) {
			return fmt.Errorf("serial %x was signed from %s to %s: want an order", s.Serial, stamp(s.ThisUpdate),
				stamp(s.NextUpdate))
		}
	}
	serials := func(yield func([]byte) bool) {
		for _, s := range batch {
			if !yield(s.Serial) {
				return
			}
		}
	}
	if err := d.unpackBatch(many(ctx), tx, i, serials); err != nil {
		return err
	}
	if d.postgres {
		return d.markSignedPostgres(ctx, tx, i, batch)
	}
	// Without a FROM, SQLite changes the row where it finds it; with one, it first writes the changes to a table of
	// their own.
	set := strings.NewReplacer("v.revision", "$5", "v.this_update", "$6", "v.next_update", "$7").Replace(markSet)
	mark, err := tx.PrepareContext(ctx,
		d.q(`UPDATE certificates AS c SET `+set+` WHERE c.key_id = $3 AND c.serial = $4`))
	if err != nil {
		return err
	}
	defer mark.Close()
	ctx = many(ctx)
	for _, s := range batch {
		res, err := mark.ExecContext(ctx, i.grace, int64(dueNever), i.keyID, s.Serial, s.Revision, s.ThisUpdate.Unix(),
			s.NextUpdate.Unix())
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("serial %x: %w", s.Serial, ErrNotFound)
		}
	}
	return nil
}

// markSignedPostgres sends the batch as arrays: one round trip.
func (d *DB) markSignedPostgres(ctx context.Context, tx *sql.Tx, i issuerRow, batch []Signed) error {
	serials := make([][]byte, len(batch))
	revisions, this, next := make([]int64, len(batch)), make([]int64, len(batch)), make([]int64, len(batch))
	for n, s := range batch {
		serials[n], revisions[n], this[n], next[n] = s.Serial, s.Revision, s.ThisUpdate.Unix(), s.NextUpdate.Unix()
	}
	res, err := tx.ExecContext(ctx, `UPDATE certificates AS c SET `+markSet+`
		FROM unnest($4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[]) AS v (serial, revision, this_update, next_update)
		WHERE c.key_id = $3 AND c.serial = v.serial`, i.grace, int64(dueNever), i.keyID, serials, revisions, this, next)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || int(n) != len(batch) {
		return fmt.Errorf("%d of %d serials are known: %w", n, len(batch), ErrNotFound)
	}
	return nil
}
