package evidence

import (
	"bytes"
	"slices"
	"time"

	"seihon/artifact"
)

// A Status is what a list or a response says of a certificate.
type Status string

// The statuses.
const (
	Good        Status = "good"         // not revoked
	Revoked     Status = "revoked"      // for good
	OnHold      Status = "on-hold"      // certificateHold: may be released
	Released    Status = "released"     // removeFromCRL in a delta list: on hold no more
	NotListed   Status = "not-listed"   // the list does not name it; whether it was ever issued a list does not say
	NeverIssued Status = "never-issued" // the responder says so (RFC 6960 section 2.2)
	Unknown     Status = "unknown"      // the responder does not know it
)

// A Claim is a status with what belongs to it.
type Claim struct {
	Status       Status     `json:"status"`
	Since        *time.Time `json:"since,omitempty"`  // date of revocation, or of the hold
	Reason       string     `json:"reason,omitempty"` // as RFC 5280 section 5.3.1 names it
	InvalidSince *time.Time `json:"invalid_since,omitempty"`
}

// reasons are the names of RFC 5280 section 5.3.1; 7 is not used.
var reasons = map[int]string{
	-1: "", 0: "unspecified", 1: "keyCompromise", 2: "cACompromise", 3: "affiliationChanged", 4: "superseded",
	5: "cessationOfOperation", 6: "certificateHold", 8: "removeFromCRL", 9: "privilegeWithdrawn", 10: "aACompromise",
}

const (
	hold          = 6
	removeFromCRL = 8
)

// by says whether the claim is one of a revocation that had begun at t.
func (c Claim) by(s Status, t time.Time) bool {
	return c.Status == s && c.Since != nil && !c.Since.After(t)
}

func revocation(at time.Time, reason int, invalid time.Time) Claim {
	c := Claim{Status: Revoked, Reason: reasons[reason]}
	switch reason {
	case hold:
		c.Status = OnHold
	case removeFromCRL:
		return Claim{Status: Released}
	}
	at = at.UTC()
	c.Since = &at
	if !invalid.IsZero() {
		invalid = invalid.UTC()
		c.InvalidSince = &invalid
	}
	return c
}

// ofList is what a list says of a serial.
func ofList(l *artifact.RevocationList, serial []byte) (Claim, error) {
	// A list of a million entries is walked only if the serial is somewhere in it.
	der := append([]byte{2, byte(len(serial))}, serial...)
	if !bytes.Contains(l.RawTBS, der) {
		return Claim{Status: NotListed}, nil
	}
	for e, err := range l.Entries() {
		if err != nil {
			return Claim{}, err
		}
		if bytes.Equal(e.Serial, serial) {
			return revocation(e.Time, e.Reason, e.InvalidityDate), nil
		}
	}
	return Claim{Status: NotListed}, nil
}

// ofResponse is what a response says of a serial.
func ofResponse(r *artifact.Response, serial []byte) (Claim, artifact.Single, bool) {
	i := slices.IndexFunc(r.Singles, func(s artifact.Single) bool { return bytes.Equal(s.CertID.Serial, serial) })
	if i < 0 {
		return Claim{}, artifact.Single{}, false
	}
	s := r.Singles[i]
	switch {
	case r.NeverIssued(&s):
		return Claim{Status: NeverIssued}, s, true
	case s.Status == artifact.StatusGood:
		return Claim{Status: Good}, s, true
	case s.Status == artifact.StatusRevoked:
		return revocation(s.RevokedAt, s.Reason, time.Time{}), s, true
	}
	return Claim{Status: Unknown}, s, true
}

// then judges what could be known at the time asked about, from what was in
// force. A final revocation outweighs everything, since nothing takes it back;
// a hold can be released, so that there the newest word counts.
func then(in []*Source, haveCertificate bool) Claim {
	newest := slices.Clone(in)
	slices.SortStableFunc(newest, func(a, b *Source) int { return b.ThisUpdate.Compare(a.ThisUpdate) })
	for _, s := range newest {
		if s.Says.Status == Revoked {
			return s.Says
		}
	}
	for _, s := range newest {
		switch s.Says.Status {
		case OnHold:
			return s.Says
		case NeverIssued, Good, Released:
			return Claim{Status: plain(s.Says.Status)}
		case NotListed:
			if s.Covers {
				// A response that says more in the same words comes later in the order.
				return Claim{Status: listless(newest, haveCertificate)}
			}
		}
	}
	return Claim{Status: Unknown}
}

func plain(s Status) Status {
	if s == Released {
		return Good
	}
	return s
}

// listless is the status of a certificate that the covering list does not name.
func listless(in []*Source, haveCertificate bool) Status {
	for _, s := range in {
		if s.Says.Status == Good || s.Says.Status == NeverIssued {
			return s.Says.Status
		}
	}
	if haveCertificate {
		return Good // it exists, its issuer signed it, and the list that would name it does not
	}
	return NotListed
}

// A Verdict is what is known today about the time asked about.
type Verdict struct {
	Claim
	// Later is a revocation that was dated after the time asked about.
	Later *Claim `json:"later,omitempty"`
}

// today judges the same time by all that the log has now.
func today(at time.Time, atThen Claim, all []*Source) Verdict {
	v := Verdict{Claim: atThen}
	for _, s := range all {
		if s.Says.by(Revoked, at) {
			return Verdict{Claim: s.Says}
		}
	}
	if atThen.Status != OnHold {
		for _, s := range all {
			// Put on hold before that time, and on a list only after it.
			if s.Role == RoleNext && s.Says.by(OnHold, at) {
				v.Claim = s.Says
			}
		}
	}
	for _, s := range all {
		c := s.Says
		if c.Status == Revoked && (v.Later == nil || c.Since.Before(*v.Later.Since)) {
			v.Later = &c
		}
	}
	return v
}
