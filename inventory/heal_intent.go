package inventory

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"iter"
)

// recordIntent is a certificate that is about to be signed: it goes into the
// private master together with the commitment to it.
const recordIntent = "intent"

// IntentRecords are the records of a batch for the private master. entry is the
// entry that will commit to it.
func (d *DB) IntentRecords(ctx context.Context, issuer string, entry int64, batch []Intent) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		// What is read from the log alone needs the issuers first.
		for r, err := range stream(ctx, d.read, "reading the issuers", scanIssuerRecord, issuerRecords) {
			if !yieldRecord(yield, r, err) {
				return
			}
		}
		for n, t := range batch {
			line, err := json.Marshal(journalRecord{Type: recordIntent, Issuer: issuer,
				Serial: hex.EncodeToString(t.Serial), Salt: t.Salt,
				TBS: t.TBS, Entry: entry, Leaf: int64(n), Name: t.Name, Consent: t.Consent, SubjectKey: t.SubjectKey,
				CSR:         t.CSR,
				RequestedBy: t.By, Request: t.Request})
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// whoAsked leaves the event of an issuance that was interrupted before the event
// itself came into the private master.
func (k *healer) whoAsked(ctx context.Context, r journalRecord) error {
	i, err := k.issuer(ctx, r)
	if err != nil {
		return err
	}
	serial, err := hex.DecodeString(r.Serial)
	if err != nil {
		return err
	}
	var known bool
	err = k.tx.QueryRowContext(ctx,
		k.d.q(`SELECT EXISTS (SELECT 1 FROM events WHERE issuer_id = $1 AND serial = $2 AND what = 'requested: issue')`), i.id, serial).Scan(&known)
	if err != nil || known {
		return err
	}
	k.healed.Other++
	return k.d.requested(ctx, k.tx, i.id, serial, "issue", Asked{By: r.RequestedBy, Request: r.Request})
}

// intent takes up a certificate that the log commits to. Without the certificate
// itself it is pending again: it will be signed as it was committed to.
func (k *healer) intent(ctx context.Context, r journalRecord) error {
	i, err := k.issuer(ctx, r)
	if err != nil {
		return err
	}
	serial, err := hex.DecodeString(r.Serial)
	if err == nil {
		err = checkIntent(Intent{Serial: serial, Salt: r.Salt, TBS: r.TBS})
	}
	if err != nil {
		return err
	}
	if err := k.d.unpack(ctx, k.tx, i.keyID, serial); err != nil {
		return err
	}
	have, _, err := k.row(ctx, i, serial)
	if err != nil {
		return err
	}
	if have == nil {
		now := journalRecord{State: Reserved.String()}
		k.note(r.Issuer, serial, "absent", &now)
		if err := k.d.reserve(ctx, k.tx, i, serial, r.Consent); err != nil {
			return err
		}
	}
	if err := k.commitment(ctx, i, serial, have, &r); err != nil {
		return err
	}
	if r.RequestedBy != "" || r.Request != "" {
		k.asked = append(k.asked, r)
	}
	return k.d.raiseIssuance(ctx, k.tx, r.Issuer, k.place, r.Entry)
}

// commitment writes the commitment of a row: beside the certificate, if the row has it, else as pending.
func (k *healer) commitment(ctx context.Context, i issuerRow, serial []byte, have, r *journalRecord) error {
	if err := k.settled(ctx, i, serial); err != nil {
		return err
	}
	if have != nil && have.DER != nil {
		return k.opened(ctx, i, serial, r)
	}
	_, err := k.tx.ExecContext(ctx, k.d.q(insertPending), i.keyID, serial, i.id, r.Salt, r.TBS, r.Entry, r.Leaf,
		k.place, r.Name, r.SubjectKey, r.CSR)
	return err
}

// settled ends the waiting of a row, if it is pending: the certificate, if it is there, takes over the commitment.
func (k *healer) settled(ctx context.Context, i issuerRow, serial []byte) error {
	_, err := k.tx.ExecContext(ctx,
		k.d.q(`UPDATE bodies SET salt = p.salt, entry = p.entry, leaf = p.leaf, csr = coalesce(p.csr, bodies.csr)
		FROM pending p WHERE p.key_id = $1 AND p.serial = $2 AND bodies.key_id = $1 AND bodies.serial = $2`), i.keyID,
		serial)
	if err == nil {
		_, err = k.tx.ExecContext(ctx, k.d.q(`DELETE FROM pending WHERE key_id = $1 AND serial = $2`), i.keyID, serial)
	}
	return err
}

// opened writes what a record says of the commitment beside the certificate. Of the
// request only the record of the intent says something.
func (k *healer) opened(ctx context.Context, i issuerRow, serial []byte, r *journalRecord) error {
	_, err := k.tx.ExecContext(ctx,
		k.d.q(`UPDATE bodies SET salt = $3, entry = $4, leaf = $5, csr = coalesce($6, csr) WHERE key_id = $1 AND serial = $2`),
		i.keyID, serial, r.Salt, r.Entry, r.Leaf, r.CSR)
	return err
}
