package books

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/inventory"
	"seihon/override"
)

// Revocation is what an operator says of a certificate that is to be revoked.
type Revocation struct {
	Issuer string
	Serial string // hex; unused when a certificate is given
	// Certificate is the certificate itself. It must be one that the issuer signed.
	Certificate *x509.Certificate
	Reason      string    // a name of RFC 5280 §5.3.1
	Time        time.Time // zero: now
	Invalid     time.Time // since when the key is suspect (invalidityDate); zero: not said
	Override    *override.Override
	Asked       inventory.Asked
}

// Revoke records a revocation. The next run of the schedule signs it first of all.
func (b *Books) Revoke(ctx context.Context, q Revocation) error {
	serial, rev, err := b.checkRevocation(ctx, &q)
	if err != nil {
		return err
	}
	err = b.DB.Revoke(ctx, q.Issuer, serial, rev, inventory.RevokeOptions{Override: q.Override, Asked: q.Asked})
	if errors.Is(err, inventory.ErrNotFound) {
		return b.noSuchSerial(q)
	}
	if err != nil {
		return fmt.Errorf("revoking %s: %w", q.Serial, err)
	}
	return nil
}

// Foresee checks a revocation, records nothing, and says what of it weighs more than that a certificate is revoked;
// nothing for most.
func (b *Books) Foresee(ctx context.Context, q Revocation) (consequences []string, err error) {
	serial, rev, err := b.checkRevocation(ctx, &q)
	if err != nil {
		return nil, err
	}
	e, err := b.DB.Get(ctx, q.Issuer, serial)
	if errors.Is(err, inventory.ErrNotFound) {
		return nil, b.noSuchSerial(q)
	}
	if err != nil {
		return nil, fmt.Errorf("revoking %s: %w", q.Serial, err)
	}
	if e.State == inventory.Revoked {
		return []string{}, nil // only an override changes it, and its signer has weighed that
	}
	consequences = []string{}
	c, parseErr := x509.ParseCertificate(e.DER)
	switch {
	case parseErr != nil || !c.IsCA:
	case artifact.SameName(c.RawSubject, c.RawIssuer):
		consequences = append(consequences,
			fmt.Sprintf("it is the root %q itself: clients do not look for a root on its own list, "+
				"they go on trusting it until it is taken out of their trust stores", c.Subject))
	default:
		consequences = append(consequences,
			fmt.Sprintf("it is the certificate of the CA %q: nothing that this CA signed is valid any more", c.Subject))
	}
	if slices.Contains(room.Compromised, rev.Reason) {
		consequences = append(consequences, fmt.Sprintf("after %s no certificate is made for its key again", q.Reason))
	}
	return consequences, nil
}

func (b *Books) noSuchSerial(q Revocation) error {
	return fmt.Errorf("revoking %s: the inventory of %s has no such serial; `signer inventory --issuer %s` lists "+
		"what it has", q.Serial, q.Issuer, q.Issuer)
}

// checkRevocation holds a revocation to the configuration, and returns what is to be recorded.
func (b *Books) checkRevocation(ctx context.Context,
	q *Revocation) (serial []byte, rev inventory.Revocation, err error) {
	conf := b.conf.Issuer(q.Issuer)
	if conf == nil {
		return nil, rev, fmt.Errorf("revoking: the configuration has no issuer %q", q.Issuer)
	}
	if conf.External() { // what its next list does not say would be unsaid by it
		return nil, rev,
			fmt.Errorf("revoking: %s is signed_by: external; revoke in the CA's own software, and take over its list",
				q.Issuer)
	}
	if serial, err = b.serialOf(ctx, q); err != nil {
		return nil, rev, fmt.Errorf("revoking: %w", err)
	}
	if rev.Reason, err = inventory.ParseReason(q.Reason); err != nil {
		return nil, rev, fmt.Errorf("revoking %s: %w", q.Serial, err)
	}
	if q.Time.IsZero() {
		q.Time = b.now()
		if err := room.RevocationClock(ctx, b.conf, q.Time); err != nil {
			return nil, rev, fmt.Errorf("revoking %s: %w", q.Serial, err)
		}
	}
	rev.Time = q.Time.UTC().Truncate(time.Second)
	if !q.Invalid.IsZero() {
		rev.InvalidityDate = q.Invalid.UTC().Truncate(time.Second)
	}
	return serial, rev, nil
}

// serialOf returns the serial that a revocation is about. A certificate counts only when the issuer signed it: anybody
// can make one with a subscriber's serial.
func (b *Books) serialOf(ctx context.Context, q *Revocation) ([]byte, error) {
	if q.Certificate == nil {
		return inventory.ParseSerial(q.Serial)
	}
	serial := artifact.SerialBytes(q.Certificate)
	q.Serial = fmt.Sprintf("%x", serial)
	if err := b.CheckIssued(ctx, q.Issuer, q.Certificate); err != nil {
		return nil, err
	}
	return serial, b.sameAsRecorded(ctx, q.Issuer, q.Certificate)
}
