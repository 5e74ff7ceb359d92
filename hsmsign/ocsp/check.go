package ocsp

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"seihon/hsmsign/internal/der"
)

// checkDelegate reports why clients would not take responder's signature for an answer about issuer's certificates (RFC
// 6960 section 4.2.2.2).
func checkDelegate(issuer, responder *x509.Certificate) error {
	if !bytes.Equal(responder.RawIssuer, issuer.RawSubject) {
		return fmt.Errorf("it was not issued by %q but by %q", issuer.Subject, responder.Issuer)
	}
	if err := responder.CheckSignatureFrom(issuer); err != nil {
		return fmt.Errorf("it was not signed by %q: %w", issuer.Subject, err)
	}
	if !slices.Contains(responder.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
		return errors.New("its extended key usage lacks OCSPSigning")
	}
	if responder.KeyUsage != 0 && responder.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return errors.New("its key usage lacks digitalSignature")
	}
	return nil
}

// check reports why j cannot be answered.
func (e *Encoder) check(j *Job) error {
	if err := j.Status.Check(); err != nil {
		return err
	}
	return e.checkPeriod(j.ThisUpdate, j.NextUpdate)
}

// Check reports why no response can say s.
func (s *Status) Check() error {
	check := der.CheckSerial
	if s.Misissued {
		check = der.CheckMisissued
	}
	if err := check(s.Serial); err != nil {
		return err
	}
	switch s.State {
	case Good, Unknown, NeverIssued:
		if !s.RevokedAt.IsZero() {
			return errors.New("it has a revocation time but is not revoked")
		}
	case Revoked:
		if err := der.CheckTime(s.RevokedAt); err != nil {
			return fmt.Errorf("the revocation time: %w", err)
		}
		// 7 is unused; removeFromCRL (8) means something only in a delta CRL.
		if s.Reason < Absent || s.Reason == 7 || s.Reason == 8 || s.Reason > 10 {
			return fmt.Errorf("%d is no revocation reason (RFC 5280 section 5.3.1)", s.Reason)
		}
	default:
		return fmt.Errorf("there is no state %d", s.State)
	}
	return nil
}

// checkPeriod reports why no response can be valid from thisUpdate to nextUpdate.
func (e *Encoder) checkPeriod(thisUpdate, nextUpdate time.Time) error {
	if err := der.CheckTime(thisUpdate); err != nil {
		return fmt.Errorf("thisUpdate: %w", err)
	}
	if err := der.CheckTime(nextUpdate); err != nil {
		return fmt.Errorf("nextUpdate: %w", err)
	}
	if nextUpdate.Unix() <= thisUpdate.Unix() { // as they are written: without fractions
		return fmt.Errorf("nextUpdate %s is not after thisUpdate %s", stamp(nextUpdate), stamp(thisUpdate))
	}
	if cutoff := e.cutoff(thisUpdate); !cutoff.IsZero() && (cutoff.Year() < 1950 || cutoff.After(thisUpdate)) {
		return fmt.Errorf("the archive cutoff %s is not between 1950 and thisUpdate %s", stamp(cutoff),
			stamp(thisUpdate))
	}
	if thisUpdate.Before(e.responder.NotBefore) {
		return fmt.Errorf("the responder %q is not valid before %s, thisUpdate is %s", e.responder.Subject,
			stamp(e.responder.NotBefore), stamp(thisUpdate))
	}
	// Clients verify the responder's certificate when they use the response, not when it was made.
	if nextUpdate.After(e.responder.NotAfter) {
		return fmt.Errorf("the responder %q expires at %s, nextUpdate is %s", e.responder.Subject,
			stamp(e.responder.NotAfter), stamp(nextUpdate))
	}
	return nil
}

// stamp writes t as it appears in messages.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
