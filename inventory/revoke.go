package inventory

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/override"
)

// RevokeOptions is what else there is to a revocation.
type RevokeOptions struct {
	Asked // who asked for it

	// Override permits another date or reason than the recorded one. It is
	// signed over ChangeDigest and must allow override.Changed.
	Override *override.Override
}

// ChangeDigest is what an override of Revoke is signed over.
func ChangeDigest(issuer string, serial []byte, r Revocation) artifact.Digest {
	return override.Change{Issuer: issuer, Serial: serial, Now: r.status()}.Digest()
}

func (r Revocation) status() override.Status {
	return override.Status{State: override.Revoked, Time: r.Time, Reason: r.Reason, Invalidity: r.InvalidityDate}
}

// stamp writes a time with second precision, "-" when there is none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("20060102T150405Z")
}

// standing is what a revocation is held against.
type standing struct {
	owner               int64
	state               State
	notBefore, notAfter int64
	Revocation
}

// Revoke records a revocation. It refuses an unknown serial (ErrNotFound), the
// same revocation again (ErrAlreadyRevoked), another date or reason
// (ErrRevocationChanged, unless overridden), what was declared never issued, a date in the future or before
// the certificate was issued, and a reason that RFC 5280 does not define.
// Reason 8 (removeFromCRL) ends a hold and nothing else. A reserved serial can
// be revoked: a certificate may have been signed before a crash.
func (d *DB) Revoke(ctx context.Context, issuer string, serial []byte, r Revocation, o RevokeOptions) error {
	now := d.now()
	r.Time, r.InvalidityDate = wholeSeconds(r.Time), wholeSeconds(r.InvalidityDate)
	doing := fmt.Sprintf("revoking serial %x of %q", serial, issuer)
	if err := checkRevocation(r, now); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return d.update(ctx, doing, func(tx *sql.Tx) error {
		i, err := d.issuer(ctx, tx, issuer, forShare)
		if err != nil {
			return err
		}
		s, err := d.standing(ctx, tx, i, serial)
		if err != nil {
			return err
		}
		if s.state == NeverIssued {
			return ErrNeverIssued
		}
		what, err := transition(s, r)
		if errors.Is(err, ErrRevocationChanged) && o.Override != nil {
			what = revocationChanged + o.Override.Reason
			err = o.Override.Permits(d.overrideKeys, ChangeDigest(issuer, serial, r), override.Changed, now)
		}
		if err != nil {
			return err
		}
		if o.Override != nil && strings.HasPrefix(what, revocationChanged) {
			err = d.overrideEvent(ctx, tx, i.id, serial, s.Revocation.status(), r.status(), string(o.Override.Text()))
		}
		return errors.Join(err, d.setRevocation(ctx, tx, i, serial, s, r, what, o.Asked))
	})
}

// revocationChanged is the start of the event that an override leaves.
const revocationChanged = "revocation changed: "

func wholeSeconds(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Second)
}

// checkRevocation refuses what is wrong whatever the certificate.
func checkRevocation(r Revocation, now time.Time) error {
	if err := checkReason(r.Reason); err != nil {
		return err
	}
	switch {
	case r.Time.IsZero():
		return errors.New("the revocation date is missing")
	case r.Time.After(now):
		return fmt.Errorf("the revocation date %s is in the future: a CRL cannot announce it",
			r.Time.Format(time.RFC3339))
	case r.InvalidityDate.After(now):
		return fmt.Errorf("the invalidity date %s is in the future", r.InvalidityDate.Format(time.RFC3339))
	}
	return checkRevocationDates(r)
}

// standing reads what is recorded of a serial.
func (d *DB) standing(ctx context.Context, tx *sql.Tx, i issuerRow, serial []byte) (standing, error) {
	var s standing
	var at, invalidity int64
	if err := d.unpack(ctx, tx, i.keyID, serial); err != nil {
		return s, err
	}
	err := tx.QueryRowContext(ctx,
		d.q(`SELECT issuer_id, state, not_before, not_after, coalesce(revoked_at, 0), reason, invalidity
		FROM certificates WHERE key_id = $1 AND serial = $2`)+d.forUpdate(), i.keyID, serial).
		Scan(&s.owner, &s.state, &s.notBefore, &s.notAfter, &at, &s.Reason, &invalidity)
	if errors.Is(err, sql.ErrNoRows) || err == nil && s.owner != i.id {
		return s, ErrNotFound
	}
	s.Time, s.InvalidityDate = fromSeconds(at), fromSeconds(invalidity)
	return s, err
}

// transition reports what a revocation does to a certificate, or why not.
func transition(s standing, r Revocation) (string, error) {
	held := s.state == Revoked && s.Reason == reasonHold
	if s.notBefore != 0 && r.Time.Unix() < s.notBefore {
		return "", fmt.Errorf("the revocation date %s is before the certificate was issued",
			r.Time.Format(time.RFC3339))
	}
	switch {
	case r.Reason == reasonRemoveFromCRL && !held:
		return "", errors.New("reason removeFromCRL (8) ends a hold, and the certificate is not on hold")
	case r.Reason == reasonRemoveFromCRL:
		return "released from hold", nil
	case s.state != Revoked:
		return "revoked", nil
	case s.Revocation == r:
		return "", ErrAlreadyRevoked
	case held && r.Reason != reasonHold:
		return "revoked while on hold", nil
	}
	return "", fmt.Errorf("%w: it has been revoked since %s (%s): sign an override to change it",
		ErrRevocationChanged, s.Time.Format(time.RFC3339), reasonText(s.Reason))
}

func reasonText(reason int) string {
	if reason == NoReason {
		return "no reason"
	}
	return ReasonName(reason)
}

// setRevocation writes the revocation, makes it urgent and leaves an event.
func (d *DB) setRevocation(ctx context.Context, tx *sql.Tx, i issuerRow, serial []byte, s standing, r Revocation,
	what string, asked Asked) error {
	now := d.now().Unix()
	state := Revoked
	if r.Reason == reasonRemoveFromCRL {
		state = Issued
	}
	due := int64(dueUrgent)
	if i.dueFor(dueNew, s.notAfter, now) == dueNever {
		due = dueNever
	}
	if _, err := tx.ExecContext(ctx,
		d.q(`UPDATE certificates SET state = $3, revoked_at = $4, reason = $5, invalidity = $6, revoked_here = 1,
		imported = CASE WHEN imported = 2 THEN 1 ELSE imported END, due_at = $7, revision = revision + 1, changed_at = $8, recorded = 0 WHERE key_id = $1 AND serial = $2`),
		i.keyID, serial, int(state), r.Time.Unix(), r.Reason, seconds(r.InvalidityDate), due, now); err != nil {
		return err
	}
	word := r.status()
	if state == Issued {
		word = override.Status{State: override.Good}
	}
	return d.askedEvent(ctx, tx, i.id, serial, what, word.String(), asked)
}

// event leaves a line in the event table.
func (d *DB) event(ctx context.Context, tx *sql.Tx, issuer int64, serial []byte, what, detail string) error {
	return d.askedEvent(ctx, tx, issuer, serial, what, detail, Asked{})
}

// commitSlack is how long a transaction may take from dating a revocation to
// its commit.
const commitSlack = 2 * time.Minute

// Revoked streams the lines of a CRL by serial (in the order of their octets).
func (d *DB) Revoked(ctx context.Context, issuer string, o RevokedOptions) iter.Seq2[RevokedCertificate, error] {
	doing := fmt.Sprintf("listing revocations of %q", issuer)
	i, err := d.issuer(ctx, d.read, issuer, "")
	if err != nil {
		return failed[RevokedCertificate](fmt.Errorf("%s: %w", doing, err))
	}
	index, err := d.indexed(ctx, i)
	if err != nil {
		return failed[RevokedCertificate](fmt.Errorf("%s: %w", doing, err))
	}
	// The releases from hold (state issued) only concern a delta CRL.
	// Each column of each row costs as much as encoding an entry, so time and
	// reason come in one.
	query := `SELECT serial, revoked_at * 16 + reason + 1, invalidity FROM certificates
		WHERE issuer_id = $1 AND revoked_at IS NOT NULL` + index +
		` AND (not_after = 0 OR not_after >= $2) AND changed_at >= $3`
	args := []any{i.id, seconds(o.ExpiredBefore), int64(0)}
	if index == "" { // the table is in this order, too
		query += fmt.Sprintf(" AND key_id = %d", i.keyID)
	}
	if o.ChangedSince.IsZero() {
		query += fmt.Sprintf(" AND state = %d", Revoked)
	} else {
		args[2] = o.ChangedSince.Add(-commitSlack).Unix()
	}
	switch o.Scope {
	case UserCertificates:
		query += " AND ca = 0"
	case CACertificates:
		query += " AND ca = 1"
	}
	if o.Sharded {
		query += " AND shard = $4"
		args = append(args, o.Shard)
	}
	rows := stream(ctx, d.read, doing, scanRevoked, d.q(query+" ORDER BY serial"), args...)
	where, args := `l.key_id = $1 AND l.issuer_id = $2 AND l.changed_at >= $3`, []any{i.keyID, i.id, args[2]}
	switch o.Scope {
	case UserCertificates:
		where += ` AND l.ca = 0`
	case CACertificates:
		where += ` AND l.ca = 1`
	}
	if o.Sharded {
		where += ` AND l.shard = $4`
		args = append(args, o.Shard)
	}
	listed := func(e listedEntry) RevokedCertificate { return RevokedCertificate{e.serial, e.revocation()} }
	compare := func(a, b RevokedCertificate) int { return bytes.Compare(a.Serial, b.Serial) }
	return withListed(d.listedOnly(ctx, i.keyID, "", where, args...), listed, rows, compare)
}

// indexed is the condition with which the index of revoked certificates can be used: the issuer has no rows that a list
// of another CA software stands for. One that has, and signs its lists here by now, is read without the index.
func (d *DB) indexed(ctx context.Context, i issuerRow) (condition string, err error) {
	var listed bool
	err = d.read.QueryRowContext(ctx,
		d.q(`SELECT EXISTS (SELECT 1 FROM imports WHERE issuer_id = $1 AND listed <> '')`), i.id).Scan(&listed)
	if listed {
		return "", err
	}
	return " AND imported <> 2", err
}

func scanRevoked(rows *sql.Rows) (RevokedCertificate, error) {
	var c RevokedCertificate
	var at, invalidity int64
	err := rows.Scan(&c.Serial, &at, &invalidity)
	// Times before 1970 are negative, hence the shift and the mask.
	c.Time, c.Reason, c.InvalidityDate = fromSeconds(at>>4), int(at&15)-1, fromSeconds(invalidity)
	return c, err
}
