package inventory

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"

	"seihon/artifact"
	"seihon/override"
)

// certificate merges the newest record of a certificate into its row.
func (k *healer) certificate(ctx context.Context, r journalRecord) error {
	i, err := k.issuer(ctx, r)
	if err != nil {
		return err
	}
	serial, err := hex.DecodeString(r.Serial)
	if err == nil {
		err = CheckSerial(serial)
	}
	if err == nil && !validState(r.State) {
		err = fmt.Errorf("its state %q is none", r.State)
	}
	if err != nil {
		return err
	}
	have, recorded, err := k.row(ctx, i, serial)
	if have != nil {
		have.listed = r.listed // which says nothing of the certificate
	}
	switch {
	case err != nil:
		return err
	case have == nil:
		k.note(r.Issuer, serial, "absent", &r)
		return k.write(ctx, i, serial, &r, 1)
	case reflect.DeepEqual(*have, r):
		return k.mark(ctx, i, serial)
	case have.Issuer != r.Issuer:
		return fmt.Errorf("the inventory has it under the issuer %q", have.Issuer)
	}
	vouched := false
	if recorded != 1 {
		if vouched, err = k.vouched(ctx, i, serial, have, &r); err != nil {
			return err
		}
	}
	switch {
	case vouched && have.Revision > r.Revision: // changed here since
		return k.fillGaps(ctx, i, serial, have, &r)
	case vouched && have.State == Revoked.String() && r.State != Revoked.String():
		// Revoked here by somebody who had a restored inventory before him: that stands, as the newer word.
		have.Revision = r.Revision + 1
		return k.write(ctx, i, serial, have, 0)
	}
	k.note(r.Issuer, serial, have.status(), &r)
	newest := max(have.Revision, r.Revision)
	state := 1
	if newest != r.Revision {
		r.Revision, state = newest, 0
	}
	return k.write(ctx, i, serial, &r, state)
}

// vouched reports whether a command or an import stands behind a row that the
// master does not have as it stands. Behind an edited one there is nothing.
func (k *healer) vouched(ctx context.Context, i issuerRow, serial []byte, have, r *journalRecord) (bool, error) {
	if have.said() == r.said() {
		return true, nil
	}
	word, err := k.d.newestWord(ctx, k.tx, i, serial)
	if err != nil || word != "" {
		return word == have.said(), err
	}
	var importing bool
	err = k.tx.QueryRowContext(ctx,
		k.d.q(`SELECT EXISTS (SELECT 1 FROM imports WHERE recorded <> 1 AND issuer_id = $1)`), i.id).Scan(&importing)
	return importing, err
}

// fillGaps gives a newer row the certificate and the commitment that only the master has.
func (k *healer) fillGaps(ctx context.Context, i issuerRow, serial []byte, have, r *journalRecord) error {
	if have.DER != nil && r.DER != nil && !bytes.Equal(have.DER, r.DER) {
		return errors.New("the inventory has another certificate under this serial: restore a better copy")
	}
	if have.DER == nil {
		have.DER = r.DER
	}
	if have.Salt == nil {
		have.Salt, have.Entry, have.Leaf = r.Salt, r.Entry, r.Leaf
	}
	return k.parts(ctx, i, serial, have)
}

// validState reports whether a record names a state.
func validState(text string) bool {
	_, ok := stateOf(text)
	return ok
}

func stateOf(text string) (State, bool) {
	for s := Reserved; s <= NeverIssued; s++ {
		if s.String() == text {
			return s, true
		}
	}
	return 0, false
}

// row reads a row as a record, nil when there is none.
func (k *healer) row(ctx context.Context, i issuerRow, serial []byte) (r *journalRecord, recorded int, err error) {
	rows, err := k.tx.QueryContext(ctx, k.d.q(certificateRecords+` WHERE c.key_id = $1 AND c.serial = $2`), i.keyID,
		serial)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	if !rows.Next() {
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, 0, err
		}
		return k.rowListed(ctx, i, serial)
	}
	have, err := scanCertificateRecord(rows)
	if err != nil {
		return nil, 0, err
	}
	if err := rows.Close(); err != nil {
		return nil, 0, err
	}
	err = k.tx.QueryRowContext(ctx, k.d.q(`SELECT recorded FROM certificates WHERE key_id = $1 AND serial = $2`),
		i.keyID, serial).Scan(&recorded)
	return &have, recorded, err
}

// rowListed is the record that a row would have which only a list speaks of.
func (k *healer) rowListed(ctx context.Context, i issuerRow, serial []byte) (*journalRecord, int, error) {
	e, err := k.d.listedOne(ctx, k.tx, i.keyID, serial)
	if err != nil || e == nil {
		return nil, 0, err
	}
	r := journalRecord{Type: recordCertificate, Serial: hex.EncodeToString(serial), State: Revoked.String(),
		Kind:     string(e.in.kind),
		Imported: true, listed: true, RevokedAt: &e.at, Reason: e.reason, Invalidity: e.invalidity, Revision: 1,
		ChangedAt: e.in.changedAt}
	err = k.tx.QueryRowContext(ctx, k.d.q(`SELECT name FROM issuers WHERE id = $1`), e.in.issuer.id).Scan(&r.Issuer)
	return &r, 1, err
}

func (k *healer) mark(ctx context.Context, i issuerRow, serial []byte) error {
	_, err := k.tx.ExecContext(ctx,
		k.d.q(`UPDATE certificates SET recorded = 1 WHERE key_id = $1 AND serial = $2 AND recorded <> 1`), i.keyID,
		serial)
	return err
}

// write puts a record into its row; what is signed about it is due at once.
func (k *healer) write(ctx context.Context, i issuerRow, serial []byte, r *journalRecord, recorded int) error {
	if err := k.d.unpack(ctx, k.tx, i.keyID, serial); err != nil {
		return err
	}
	state, _ := stateOf(r.State)
	kind := artifact.Kind(r.Kind)
	now := k.d.now().Unix()
	due := int64(dueUrgent)
	if state == Reserved || i.dueFor(dueNew, r.NotAfter, now) == dueNever {
		due = dueNever
	}
	imported := flag(r.Imported)
	if r.listed {
		imported = 2
	}
	bucket := bucketOf(serial)
	_, err := k.tx.ExecContext(ctx,
		k.d.q(`INSERT INTO certificates (key_id, serial, issuer_id, state, kind, ca, imported, not_before, not_after,
		subject, consent, revoked_at, reason, invalidity, revoked_here, this_update, next_update, due_at, bucket, shard, revision, changed_at, recorded)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0, 0, $16, $17, $18, $19, $20, $21)
		ON CONFLICT (key_id, serial) DO UPDATE SET state = excluded.state, kind = excluded.kind, ca = excluded.ca, imported = excluded.imported,
		not_before = excluded.not_before, not_after = excluded.not_after, subject = excluded.subject, consent = excluded.consent,
		revoked_at = excluded.revoked_at, reason = excluded.reason, invalidity = excluded.invalidity, revoked_here = excluded.revoked_here,
		due_at = excluded.due_at, revision = excluded.revision, changed_at = excluded.changed_at, recorded = excluded.recorded`),
		i.keyID, serial, i.id, int(state), kindText(kind), flag(isCA(kind)), imported, r.NotBefore, r.NotAfter,
		r.Subject, r.Consent,
		r.RevokedAt, r.Reason, r.Invalidity, flag(r.RevokedHere), due, bucket, bucket%i.shards, r.Revision, r.ChangedAt,
		recorded)
	if err != nil {
		return err
	}
	return k.parts(ctx, i, serial, r)
}

// parts writes the certificate itself and its commitment.
func (k *healer) parts(ctx context.Context, i issuerRow, serial []byte, r *journalRecord) error {
	if r.DER == nil {
		return nil // the commitment to what is not signed yet has a record of its own: intent
	}
	if _, err := k.tx.ExecContext(ctx, k.d.q(`INSERT INTO bodies (key_id, serial, der) VALUES ($1, $2, $3)
		ON CONFLICT (key_id, serial) DO UPDATE SET der = excluded.der`), i.keyID, serial, r.DER); err != nil {
		return err
	}
	if err := k.d.indexKey(ctx, k.tx, i.keyID, serial, r.DER); err != nil {
		return err
	}
	if err := k.settled(ctx, i, serial); err != nil || r.Salt == nil {
		return err
	}
	return k.opened(ctx, i, serial, r)
}

// said records a revocation that the CA has signed and the inventory lost.
func (k *healer) said(ctx context.Context, s Said) error {
	i, err := k.issuer(ctx, journalRecord{Issuer: s.Issuer})
	if err != nil {
		return err
	}
	have, _, err := k.row(ctx, i, s.Serial)
	if err != nil {
		return err
	}
	at := s.Time.Unix()
	r := journalRecord{Type: recordCertificate, Issuer: s.Issuer, Serial: hex.EncodeToString(s.Serial),
		Kind: string(artifact.SubscriberCertificate), Imported: true, Reason: NoReason}
	was := "absent"
	if have != nil {
		r, was = *have, have.status()
	}
	r.State, r.RevokedAt, r.Reason, r.Invalidity, r.RevokedHere = Revoked.String(), &at, s.Reason,
		seconds(s.InvalidityDate), true
	r.Revision, r.ChangedAt = r.Revision+1, k.d.now().Unix()
	if r.status() == was {
		return nil
	}
	k.note(s.Issuer, s.Serial, was, &r)
	return errors.Join(k.write(ctx, i, s.Serial, &r, 0),
		k.d.event(ctx, k.tx, i.id, s.Serial, "healed from the master", r.status()))
}

// note remembers what is healed.
func (k *healer) note(issuer string, serial []byte, was string, now *journalRecord) {
	k.healed.Certificates = append(k.healed.Certificates,
		HealedCertificate{Issuer: issuer, Serial: hex.EncodeToString(serial), Was: was, Now: now.status()})
}

// status is the state of a record in words, for people.
func (r *journalRecord) status() string {
	if r.State != Revoked.String() || r.RevokedAt == nil {
		return r.State
	}
	return Revocation{Time: fromSeconds(*r.RevokedAt), Reason: r.Reason,
		InvalidityDate: fromSeconds(r.Invalidity)}.status().String()
}

// words holds each row against the newest word of the operator about it that is
// not in the log yet: a row that says something else was edited.
func (k *healer) words(ctx context.Context) error {
	type event struct {
		word
		issuer string
	}
	newest := map[string]event{}
	scan := func(rows *sql.Rows) (e event, err error) {
		var detail string
		err = rows.Scan(&e.serial, &detail, &e.issuer)
		if s, bad := override.ParseStatus(detail); bad == nil {
			e.word.word = s.String()
		}
		return e, err
	}
	var order []string
	for e, err := range stream(ctx, k.tx, "reading the operator's word", scan,
		`SELECT e.serial, e.detail, i.name FROM events e
		JOIN issuers i ON i.id = e.issuer_id WHERE e.recorded <> 1 ORDER BY e.id`) {
		if err != nil {
			return err
		}
		if e.word.word == "" {
			continue
		}
		key := e.issuer + "/" + string(e.serial)
		if _, known := newest[key]; !known {
			order = append(order, key)
		}
		newest[key] = e
	}
	for _, key := range order {
		e := newest[key]
		if err := k.obey(ctx, e.issuer, e.serial, e.word.word); err != nil {
			return fmt.Errorf("serial %x of %q: %w", e.serial, e.issuer, err)
		}
	}
	return nil
}

// obey writes what the operator said into a row that says something else.
func (k *healer) obey(ctx context.Context, issuer string, serial []byte, text string) error {
	i, err := k.issuer(ctx, journalRecord{Issuer: issuer})
	if err != nil {
		return err
	}
	have, _, err := k.row(ctx, i, serial)
	if err != nil || have == nil || have.said() == text {
		return err
	}
	s, err := override.ParseStatus(text)
	if err != nil {
		return err
	}
	r := *have
	if s.State == override.Revoked {
		at := s.Time.Unix()
		r.State, r.RevokedAt, r.Reason, r.Invalidity, r.RevokedHere = Revoked.String(), &at, s.Reason,
			seconds(s.Invalidity), true
	} else {
		at := k.d.now().Unix()
		r.State, r.RevokedAt, r.Reason, r.Invalidity = Issued.String(), &at, reasonRemoveFromCRL, 0
	}
	r.Revision, r.ChangedAt = r.Revision+1, k.d.now().Unix()
	k.note(issuer, serial, have.status(), &r)
	return k.write(ctx, i, serial, &r, 0)
}

// said is the status of a record as lists and responses say it.
func (r *journalRecord) said() string {
	if r.State != Revoked.String() {
		return override.Status{State: override.Good}.String()
	}
	return r.status()
}
