package inventory

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// MaxNeverIssued is how many serials of one issuer may be declared never
// issued. Each costs signatures at every refresh for as long as the CA lives,
// and anybody can ask a responder about any number of serials.
const MaxNeverIssued = 10_000

// Retired is the NextUpdate to give back for a status that was due and will not
// be signed: one that was declared never issued, under a configuration that no
// longer answers for those. Declaring it again makes it due again.
var Retired = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Declaration names serials that nobody ever issued a certificate under.
type Declaration struct {
	Issuer  string
	Serials [][]byte
	Seen    time.Time // when they had been seen; zero: now
	DryRun  bool      // judge only
}

// DeclarationResult says what a declaration did, or would do.
type DeclarationResult struct {
	Read    int `json:"read"`
	Added   int `json:"added"`
	Present int `json:"present"` // declared before
}

// DeclareNeverIssued writes serials down as never issued, all of them or none.
// Their status is due from now on, they are on no CRL, and no certificate can
// be issued or recorded under them: an import that has one needs an Override
// which allows override.Changed.
//
// It refuses a serial that the issuer's key ever had, also one that was only
// reserved, since a certificate may have been signed before a crash: that is
// for Revoke. When certificates come from imports, it refuses what was seen
// after the last one: the certificate may be one that is not imported yet.
func (d *DB) DeclareNeverIssued(ctx context.Context, q Declaration) (*DeclarationResult, error) {
	serials := slices.Clone(q.Serials)
	slices.SortFunc(serials, bytes.Compare)
	serials = slices.CompactFunc(serials, bytes.Equal)
	if q.Seen.IsZero() {
		q.Seen = d.now()
	}
	res := &DeclarationResult{Read: len(q.Serials)}
	errDry := errors.New("dry run")
	err := d.update(ctx, fmt.Sprintf("declaring serials of %q never issued", q.Issuer), func(tx *sql.Tx) error {
		i, err := d.issuer(ctx, tx, q.Issuer, d.forUpdate()) // no import at the same time
		if err != nil {
			return err
		}
		if err := d.checkSeen(ctx, tx, i, q.Seen); err != nil {
			return err
		}
		var refused []error
		for _, serial := range serials {
			added, err := d.declare(ctx, tx, i, serial)
			var not *notNeverIssued // why not
			switch {
			case errors.As(err, &not) && len(refused) < maxProblems:
				refused = append(refused, err)
			case errors.As(err, &not): // enough of them are listed
			case err != nil:
				return err
			case added:
				res.Added++
			default:
				res.Present++
			}
		}
		if len(refused) > 0 {
			return errors.Join(refused...)
		}
		if err := d.checkNeverIssuedCount(ctx, tx, i); err != nil {
			return err
		}
		if q.DryRun {
			return errDry
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDry) {
		return nil, err
	}
	return res, nil
}

// checkSeen wants the inventory to be newer than what was seen, when its
// certificates come from elsewhere. A CRL tells nothing of what was issued.
func (d *DB) checkSeen(ctx context.Context, tx *sql.Tx, i issuerRow, seen time.Time) error {
	var last sql.NullInt64
	err := tx.QueryRowContext(ctx,
		d.q(`SELECT max(CASE WHEN as_of = 0 THEN at ELSE as_of END) FROM imports WHERE issuer_id = $1 AND format <> 'crl'`), i.id).Scan(&last)
	if err != nil || !last.Valid || last.Int64 >= seen.Unix() {
		return err
	}
	return fmt.Errorf("the serials were seen at %s, the last import is of %s: import what the CA has issued since, "+
		"then declare them",
		seen.UTC().Format(time.RFC3339), fromSeconds(last.Int64).Format(time.RFC3339))
}

// notNeverIssued is a serial that the issuer's key had.
type notNeverIssued struct {
	serial []byte
	why    string
}

func (e *notNeverIssued) Error() string { return fmt.Sprintf("serial %x: %s", e.serial, e.why) }

// declare writes one serial down; added is false when it was declared before.
func (d *DB) declare(ctx context.Context, tx *sql.Tx, i issuerRow, serial []byte) (added bool, err error) {
	if err := CheckSerial(serial); err != nil {
		return false, &notNeverIssued{serial, err.Error()}
	}
	if err := d.unpack(ctx, tx, i.keyID, serial); err != nil {
		return false, err
	}
	bucket := bucketOf(serial)
	res, err := tx.ExecContext(ctx,
		d.q(`INSERT INTO certificates (key_id, serial, issuer_id, state, kind, ca, imported, not_before, not_after,
		subject, consent, revoked_at, reason, invalidity, revoked_here, this_update, next_update, due_at, bucket, shard, revision, changed_at)
		VALUES ($1, $2, $3, $4, '', 0, 0, 0, 0, '', '', NULL, -1, 0, 0, 0, 0, $5, $6, $7, 1, $8) ON CONFLICT (key_id, serial) DO NOTHING`),
		i.keyID, serial, i.id, int(NeverIssued), int64(dueNew), bucket, bucket%i.shards, d.now().Unix())
	if err != nil {
		return false, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return n == 1, errors.Join(err, d.event(ctx, tx, i.id, serial, "declared never issued", ""))
	}
	s, err := d.standing(ctx, tx, i, serial)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, &notNeverIssued{serial, "another issuer name with this key has it"}
	case err != nil:
		return false, err
	case s.state == Reserved:
		return false, &notNeverIssued{serial,
			"it was reserved here, and a certificate may have been signed before a crash: revoke it instead"}
	case s.state != NeverIssued:
		return false, &notNeverIssued{serial, "it was issued: revoke it instead"}
	}
	_, err = tx.ExecContext(ctx,
		d.q(`UPDATE certificates SET due_at = $3 WHERE key_id = $1 AND serial = $2 AND due_at = $4`),
		i.keyID, serial, int64(dueNew), Retired.Unix())
	return false, err
}

// checkNeverIssuedCount bounds what each refresh must sign.
func (d *DB) checkNeverIssuedCount(ctx context.Context, tx *sql.Tx, i issuerRow) error {
	var n int
	err := tx.QueryRowContext(ctx, d.q(`SELECT count(*) FROM certificates WHERE issuer_id = $1 AND state = $2`), i.id,
		int(NeverIssued)).Scan(&n)
	if err == nil && n > MaxNeverIssued {
		err = fmt.Errorf("there would be %d of them, at most %d are signed at each refresh: declare those that "+
			"somebody relies on", n, MaxNeverIssued)
	}
	return err
}
