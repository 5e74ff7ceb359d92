package room

import (
	"fmt"

	"seihon/hsmsign/crl"
	"seihon/hsmsign/ocsp"
	"seihon/inventory"
)

// A row of the inventory can hold what no list and no response can say: the doors refuse it today, but an older release
// or a hand may have written it. It is left out and named, and the run fails at its end; what is right about all other
// certificates is signed.

// Unlistable reports why a revocation cannot be an entry of a list.
func Unlistable(e *crl.Entry) error {
	if err := e.Check(); err != nil {
		return fmt.Errorf("%w; correct it in the CA's books and import it with a signed override", err)
	}
	return inventory.CheckDate(e.Time)
}

// Unsignable reports why no response can be made.
func Unsignable(s ocsp.Status) error {
	if err := s.Check(); err != nil {
		return fmt.Errorf("%w; correct it in the CA's books and import it with a signed override", err)
	}
	if s.State != ocsp.Revoked {
		return nil
	}
	return inventory.CheckDate(s.RevokedAt)
}

// ResponseStatus is what a response says of a certificate (RFC 6960 section 4.2.1).
func ResponseStatus(s inventory.Status) ocsp.Status {
	out := ocsp.Status{Serial: s.Serial, State: ocsp.Good, Reason: ocsp.Absent}
	switch s.State {
	case inventory.Revoked:
		out.State, out.RevokedAt, out.Reason = ocsp.Revoked, s.Revocation.Time, s.Revocation.Reason
	case inventory.NeverIssued:
		out.State = ocsp.NeverIssued
	}
	return out
}
