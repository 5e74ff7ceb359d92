package inventory

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"iter"
	"reflect"

	"seihon/override"
)

// merge judges the sorted input against the certificates of the key, and writes.
func (d *DB) merge(ctx context.Context, j *judge, sorted iter.Seq2[*Record, error], list *List, w *writer) error {
	if list != nil && list.Changes {
		return d.mergeChanges(ctx, j, sorted, w)
	}
	return d.mergeInto(ctx, j, sorted, w)
}

// mergeInto walks the sorted input and the certificates of the key side by
// side, judges, and writes. The certificates are read on another connection,
// in a snapshot that no writer can outdate: Import holds the issuer's row.
func (d *DB) mergeInto(ctx context.Context, j *judge, sorted iter.Seq2[*Record, error], w *writer) error {
	next, stop := iter.Pull2(d.known(ctx, j.issuer))
	defer stop()
	k, err, more := next()
	var last Record
	for r, err2 := range sorted {
		if err2 != nil {
			return err2
		}
		if last.Serial != nil && bytes.Equal(last.Serial, r.Serial) {
			if !reflect.DeepEqual(last, *r) {
				j.problem(conflict, r.Serial, "it is in the input twice, with different content")
			}
			continue
		}
		last = *r
		for more && err == nil && bytes.Compare(k.serial, r.Serial) < 0 {
			j.missing(&k)
			k, err, more = next()
		}
		if err != nil {
			return err
		}
		if !more || !bytes.Equal(k.serial, r.Serial) {
			j.result.Added++
			j.checkPlausible(r, 0)
			if err := w.insert(ctx, r); err != nil {
				return err
			}
			continue
		}
		if err := d.mergeOne(ctx, j, &k, r, w); err != nil {
			return err
		}
		k, err, more = next()
	}
	for ; more && err == nil; k, err, more = next() {
		j.missing(&k)
	}
	if err != nil {
		return err
	}
	return w.finish(ctx)
}

// mergeChanges looks each record of the sorted input up by itself: there are few, and what is not among them stays.
func (d *DB) mergeChanges(ctx context.Context, j *judge, sorted iter.Seq2[*Record, error], w *writer) error {
	for r, err := range sorted {
		if err != nil {
			return err
		}
		k, err := d.knownOne(ctx, w.tx, j.issuer, r.Serial)
		if err != nil {
			return err
		}
		if k != nil {
			err = d.mergeOne(ctx, j, k, r, w)
		} else {
			j.result.Added++
			j.checkPlausible(r, 0)
			err = w.insert(ctx, r)
		}
		if err != nil {
			return err
		}
	}
	return w.finish(ctx)
}

// mergeOne applies one record to the certificate it is about.
func (d *DB) mergeOne(ctx context.Context, j *judge, k *known, r *Record, w *writer) error {
	if r.DER != nil {
		var err error
		if k.body, err = d.body(ctx, w.tx, j.issuer.keyID, r.Serial); err != nil {
			return err
		}
	}
	problems := j.counts[override.Changed]
	switch j.both(k, r) {
	case complete:
		return w.complete(ctx, k, r)
	case restate:
		j.checkPlausible(r, k.notBefore)
		if j.counts[override.Changed] > problems { // only an override lets this stand
			if err := d.event(ctx, w.tx, j.issuer.id, r.Serial, "changed by import "+j.info.Digest.String(),
				fmt.Sprintf("was %s, date %s, %s", k.state, stamp(fromSeconds(k.revokedAt)),
					reasonText(k.reason))); err != nil {
				return err
			}
			if err := d.importOverride(ctx, j, k, r, w); err != nil {
				return err
			}
		}
		return w.restate(ctx, k, r)
	}
	return nil
}

const selectKnown = `SELECT serial, issuer_id, state, not_before, not_after, subject,
	coalesce(revoked_at, 0), reason, invalidity, revoked_here, imported, next_update, due_at FROM certificates WHERE key_id = $1`

// known streams the certificates of a key by serial.
func (d *DB) known(ctx context.Context, i issuerRow) iter.Seq2[known, error] {
	return withListed(d.listed(ctx, d.read, `l.key_id = $1`, i.keyID), knownListed,
		stream(ctx, d.read, "reading known certificates", scanKnown, d.q(selectKnown+` ORDER BY serial`), i.keyID),
		func(a, b known) int { return bytes.Compare(a.serial, b.serial) })
}

// knownListed is what a list says of a serial.
func knownListed(e listedEntry) known {
	return known{serial: e.serial, issuer: e.in.issuer.id, state: Revoked, revokedAt: e.at, invalidity: e.invalidity,
		reason:   e.reason,
		imported: true, dueAt: dueNew, block: e.in.id}
}

// knownOne is one certificate of a key; nil when there is none.
func (d *DB) knownOne(ctx context.Context, q querier, i issuerRow, serial []byte) (*known, error) {
	for k, err := range stream(ctx, q, "reading a known certificate", scanKnown, d.q(selectKnown+` AND serial = $2`),
		i.keyID, serial) {
		return &k, err
	}
	e, err := d.listedOne(ctx, q, i.keyID, serial)
	if err != nil || e == nil {
		return nil, err
	}
	k := knownListed(*e)
	return &k, nil
}

func scanKnown(rows *sql.Rows) (known, error) {
	var k known
	var here, imported int
	err := rows.Scan(&k.serial, &k.issuer, &k.state, &k.notBefore, &k.notAfter, &k.subject,
		&k.revokedAt, &k.reason, &k.invalidity, &here, &imported, &k.nextUpdate, &k.dueAt)
	k.revokedHere, k.imported = here != 0, imported != 0
	return k, err
}

// importOverride leaves word of a change that only an override lets pass. Without
// one, the import is refused as a whole and the event with it.
func (d *DB) importOverride(ctx context.Context, j *judge, k *known, r *Record, w *writer) error {
	if j.override == nil {
		return nil
	}
	was, now := override.Status{State: override.Good}, override.Status{State: override.Good}
	if k.state == Revoked {
		was = Revocation{Time: fromSeconds(k.revokedAt), Reason: k.reason,
			InvalidityDate: fromSeconds(k.invalidity)}.status()
	}
	if r.State == Revoked {
		now = r.Revocation.status()
	}
	return d.overrideEvent(ctx, w.tx, j.issuer.id, r.Serial, was, now, string(j.override.Text()))
}
