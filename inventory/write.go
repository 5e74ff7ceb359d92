package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"seihon/artifact"
)

// writer writes the outcome of an import. New rows go in batches: one
// statement with many rows on SQLite, arrays on PostgreSQL.
type writer struct {
	d      *DB
	tx     *sql.Tx
	issuer issuerRow
	now    int64
	batch  []Record
	args   []any
	many   *sql.Stmt // SQLite: a full batch
	one    *sql.Stmt // SQLite: what is left of the last one
	again  *sql.Stmt // another status

	open      int64         // changed_at of revocations until the end
	listed    artifact.Kind // a revocation list stands for what is added; see list.go
	packings  map[int]*packing
	unpacking bool           // the rows come out of a block
	unpacked  map[int64]bool // blocks that are rows by now
}

// batchRows is how many rows a statement inserts. SQLite binds 32766 values at
// most and gains little beyond some dozens of rows; PostgreSQL pays a round
// trip per batch.
const (
	batchRowsSQLite   = 40
	batchRowsPostgres = 4000
)

func (d *DB) newWriter(tx *sql.Tx, i issuerRow, now int64) *writer {
	return &writer{d: d, tx: tx, issuer: i, now: now, open: changeOpen}
}

// changeOpen stands in changed_at of the revocations of an import until its
// end. A CRL that is signed while the import is still running must find, when
// it asks next time, that they were recorded after it.
const changeOpen = dueNever

// insertColumns are the columns of an imported row, in the order of values.
const insertColumns = `INTO certificates (key_id, issuer_id, imported, revoked_here, this_update, next_update, revision,
	serial, state, kind, ca, not_before, not_after, subject, consent, revoked_at, reason, invalidity, due_at, bucket, shard, changed_at, recorded) `

// insertValues is how many of them differ from row to row; recorded, the last one, does not.
const insertValues = 15

// insert adds a certificate.
func (w *writer) insert(ctx context.Context, r *Record) error {
	if w.listed == "" {
		return w.row(ctx, r)
	}
	if r.State != Revoked { // the end of a hold that is not here
		return nil
	}
	return w.pack(ctx, r)
}

// row adds a certificate as a row.
func (w *writer) row(ctx context.Context, r *Record) error {
	w.batch = append(w.batch, *r)
	full := batchRowsSQLite
	if w.d.postgres {
		full = batchRowsPostgres
	}
	if len(w.batch) < full {
		return nil
	}
	return w.flush(ctx)
}

// flush writes the batch.
func (w *writer) flush(ctx context.Context) error {
	if len(w.batch) == 0 {
		return nil
	}
	write := w.flushSQLite
	switch {
	case w.d.postgres:
		write = w.flushPostgres
	case w.listed != "":
		write = w.flushListed
	}
	if err := write(ctx); err != nil {
		return fmt.Errorf("adding certificates: %w", err)
	}
	for n := range w.batch {
		if err := w.body(ctx, &w.batch[n]); err != nil {
			return err
		}
	}
	w.batch = w.batch[:0]
	return nil
}

// finish writes what is left and dates the changes.
func (w *writer) finish(ctx context.Context) error {
	if err := errors.Join(w.packed(ctx), w.flush(ctx)); err != nil || w.open != changeOpen {
		return err
	}
	if _, err := w.tx.ExecContext(ctx,
		w.d.q(`UPDATE certificates SET changed_at = $1 WHERE issuer_id = $2 AND revoked_at IS NOT NULL AND imported <> 2 AND changed_at = $3`),
		w.d.now().Unix(), w.issuer.id, int64(changeOpen)); err != nil {
		return fmt.Errorf("dating revocations: %w", err)
	}
	return nil
}

func (w *writer) flushSQLite(ctx context.Context) error {
	if len(w.batch) == batchRowsSQLite {
		if err := w.prepare(ctx, &w.many, batchRowsSQLite); err != nil {
			return err
		}
		args := make([]any, 0, 2+batchRowsSQLite*insertValues)
		args = append(args, w.issuer.keyID, w.issuer.id)
		for n := range w.batch {
			args = w.values(args, &w.batch[n])
		}
		_, err := w.many.ExecContext(ctx, args...)
		return err
	}
	if err := w.prepare(ctx, &w.one, 1); err != nil {
		return err
	}
	for n := range w.batch {
		if _, err := w.one.ExecContext(ctx, w.values([]any{w.issuer.keyID, w.issuer.id}, &w.batch[n])...); err != nil {
			return err
		}
	}
	return nil
}

// prepare prepares the insertion of n rows, once.
func (w *writer) prepare(ctx context.Context, stmt **sql.Stmt, n int) (err error) {
	if *stmt != nil {
		return nil
	}
	row := `(?1, ?2, 1, 0, 0, 0, 1` + strings.Repeat(", ?", insertValues) + `, 0)`
	// OR FAIL spares SQLite the copy of each page with which it could undo half a
	// statement; the transaction is undone as a whole.
	*stmt, err = w.tx.PrepareContext(ctx, "INSERT OR FAIL "+insertColumns+"VALUES "+strings.Repeat(row+", ", n-1)+row)
	return err // the transaction closes it
}

// values appends what differs from row to row.
func (w *writer) values(args []any, r *Record) []any {
	bucket := bucketOf(r.Serial)
	notAfter := seconds(r.NotAfter)
	var revokedAt any
	changedAt := w.now
	if r.State == Revoked {
		revokedAt, changedAt = seconds(r.Revocation.Time), w.open
	}
	return append(args, r.Serial, int64(r.State), kindText(r.Kind), int64(flag(isCA(r.Kind))), seconds(r.NotBefore),
		notAfter, r.Subject, r.Consent,
		revokedAt, int64(r.Revocation.Reason), seconds(r.Revocation.InvalidityDate),
		w.issuer.dueFor(dueNew, notAfter, w.now), int64(bucket), int64(bucket%w.issuer.shards), changedAt)
}

func (w *writer) flushPostgres(ctx context.Context) error {
	n := len(w.batch)
	serials, kinds, subjects, consents := make([][]byte, n), make([]string, n), make([]string, n), make([]string, n)
	var numbers [9][]int64 // state, ca, not_before, not_after, revoked_at, reason, invalidity, due_at, bucket
	for c := range numbers {
		numbers[c] = make([]int64, n)
	}
	for m := range w.batch {
		r := &w.batch[m]
		serials[m], kinds[m], subjects[m], consents[m] = r.Serial, kindText(r.Kind), r.Subject, r.Consent
		notAfter := seconds(r.NotAfter)
		for c, v := range [len(numbers)]int64{int64(r.State), int64(flag(isCA(r.Kind))), seconds(r.NotBefore), notAfter,
			seconds(r.Revocation.Time),
			int64(r.Revocation.Reason), seconds(r.Revocation.InvalidityDate), w.issuer.dueFor(dueNew, notAfter, w.now),
			int64(bucketOf(r.Serial))} {
			numbers[c][m] = v
		}
	}
	_, err := w.tx.ExecContext(ctx,
		`INSERT `+insertColumns+`SELECT $1::bigint, $2::bigint, 1 + $19::smallint, 0, 0, 0, 1,
		v.serial, v.state, v.kind, v.ca, v.not_before, v.not_after, v.subject, v.consent, nullif(v.revoked_at, 0), v.reason, v.invalidity, v.due_at, v.bucket, v.bucket % $4::bigint,
		CASE WHEN v.revoked_at = 0 THEN $3::bigint ELSE $18::bigint END, $19::smallint
		FROM unnest($5::bytea[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[])
		AS v (serial, kind, subject, consent, state, ca, not_before, not_after, revoked_at, reason, invalidity, due_at, bucket)`+w.taken(),
		w.issuer.keyID, w.issuer.id, w.now, w.issuer.shards, serials, kinds, subjects, consents,
		numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7], numbers[8],
		w.open, flag(w.listed != ""))
	return err
}

// body adds the bytes of a certificate, when the record has them.
func (w *writer) body(ctx context.Context, r *Record) error {
	if r.DER == nil {
		return nil
	}
	_, err := w.tx.ExecContext(ctx,
		w.d.q(`INSERT INTO bodies (key_id, serial, der) VALUES ($1, $2, $3) ON CONFLICT (key_id, serial) DO NOTHING`),
		w.issuer.keyID, r.Serial, r.DER)
	if err != nil {
		return err
	}
	return w.d.indexKey(ctx, w.tx, w.issuer.keyID, r.Serial, r.DER)
}

// taken ends an insertion: what comes out of a block can be there already only where a hand put it, and stays as it is.
func (w *writer) taken() string {
	if w.unpacking {
		return " ON CONFLICT (key_id, serial) DO NOTHING"
	}
	return ""
}

// close ends the statements before the transaction would.
func (w *writer) close() error {
	var errs []error
	for _, stmt := range []*sql.Stmt{w.many, w.one, w.again} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(errs...)
}

// own makes a certificate that is to change a row.
func (w *writer) own(ctx context.Context, k *known) error {
	if k.block == 0 || w.unpacked[k.block] {
		return nil
	}
	if w.unpacked == nil {
		w.unpacked = map[int64]bool{}
	}
	w.unpacked[k.block] = true
	return w.d.unpackBlocks(ctx, w.tx, k.block)
}

// complete fills in what the inventory did not know of a certificate. Its
// status stays, but a reserved serial turns out to be issued. An input that
// calls everything a subscriber certificate does not unmake a CA certificate.
func (w *writer) complete(ctx context.Context, k *known, r *Record) error {
	if err := w.own(ctx, k); err != nil {
		return err
	}
	due := k.dueAt
	if notAfter := seconds(r.NotAfter); k.state == Reserved {
		due = w.issuer.dueFor(dueNew, notAfter, w.now)
	} else if k.notAfter == 0 && w.issuer.dueFor(k.nextUpdate, notAfter, w.now) == dueNever {
		due = dueNever
	}
	_, err := w.tx.ExecContext(ctx,
		w.d.q(`UPDATE certificates SET state = CASE WHEN state = 0 THEN 1 ELSE state END, kind = CASE WHEN $3 = '' THEN kind ELSE $3 END,
		ca = CASE WHEN $3 = '' THEN ca ELSE $4 END,
		not_before = CASE WHEN not_before = 0 THEN $5 ELSE not_before END, not_after = CASE WHEN not_after = 0 THEN $6 ELSE not_after END,
		subject = CASE WHEN subject = '' THEN $7 ELSE subject END, consent = CASE WHEN consent = '' THEN $8 ELSE consent END, due_at = $9,
		imported = CASE WHEN state = 0 OR imported = 2 THEN 1 ELSE imported END, revision = revision + 1, recorded = 0 WHERE key_id = $1 AND serial = $2`),
		w.issuer.keyID, r.Serial, kindText(r.Kind), flag(isCA(r.Kind)), seconds(r.NotBefore), seconds(r.NotAfter),
		r.Subject, r.Consent, due)
	if err != nil {
		return fmt.Errorf("completing serial %x: %w", r.Serial, err)
	}
	return w.body(ctx, r)
}

// restate gives a certificate another status and makes it urgent.
func (w *writer) restate(ctx context.Context, k *known, r *Record) error {
	if err := w.own(ctx, k); err != nil {
		return err
	}
	var at any = seconds(r.Revocation.Time)
	reason, changed := r.Revocation.Reason, w.open
	switch {
	case r.State == Issued && k.state == NeverIssued: // on no CRL before, and on none now
		at, reason, changed = nil, NoReason, w.now
	case r.State == Issued: // off the CRL: a delta CRL must say so
		at, reason = w.now, reasonRemoveFromCRL
	}
	due := int64(dueUrgent)
	notAfter := k.notAfter
	if notAfter == 0 {
		notAfter = seconds(r.NotAfter)
	}
	if w.issuer.dueFor(dueNew, notAfter, w.now) == dueNever {
		due = dueNever
	}
	if w.again == nil {
		var err error
		if w.again, err = w.tx.PrepareContext(ctx,
			w.d.q(`UPDATE certificates SET state = $3, revoked_at = $4, reason = $5, invalidity = $6, revoked_here = 0,
		imported = CASE WHEN state = 3 OR imported = 2 THEN 1 ELSE imported END,
		due_at = $7, not_after = $8, changed_at = $9, revision = revision + 1, recorded = 0 WHERE key_id = $1 AND serial = $2`)); err != nil {
			return fmt.Errorf("restating serial %x: %w", r.Serial, err)
		}
	}
	_, err := w.again.ExecContext(ctx, w.issuer.keyID, r.Serial, int(r.State), at, reason,
		seconds(r.Revocation.InvalidityDate), due, notAfter, changed)
	if err != nil {
		return fmt.Errorf("restating serial %x: %w", r.Serial, err)
	}
	if completes(k, r) {
		k.state, k.dueAt, k.notAfter = r.State, due, notAfter
		return w.complete(ctx, k, r)
	}
	return nil
}
