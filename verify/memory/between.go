package memory

import (
	"bytes"

	"seihon/artifact"
)

// A Difference is what two lists say of one certificate, where the second may not say so without a reason. Was and Now
// are in the words of an override.
type Difference struct {
	Serial   []byte
	Was, Now string
	Gone     bool // it is not on the second list; right if the certificate had expired
}

// Between walks two lists of one issuer and one scope side by side and names every certificate whose revocation the
// later list leaves out or tells differently. A hold may end. It is for lists that no log speaks of, so that expiry and
// overrides are left to the caller. Neither list is copied.
func Between(old, now *artifact.RevocationList, visit func(Difference)) error {
	before, err := old.SortedReader()
	if err != nil {
		return err
	}
	after, err := now.SortedReader()
	if err != nil {
		return err
	}
	e, more, err := after.Next()
	if err != nil {
		return err
	}
	for {
		was, has, err := before.Next()
		if err != nil || !has {
			return err
		}
		for more && bytes.Compare(e.Serial, was.Serial) < 0 {
			if e, more, err = after.Next(); err != nil {
				return err
			}
		}
		a, b := standingOf(was), standing{}
		if more && bytes.Equal(e.Serial, was.Serial) {
			b = standingOf(e)
		}
		if c := compare(a, b); c != fine {
			visit(Difference{Serial: was.Serial, Was: a.String(), Now: b.String(), Gone: c == gone})
		}
	}
}

func standingOf(e artifact.RevokedEntry) standing {
	return standing{status: revoked, at: e.Time.Unix(), invalid: dateOf(e.InvalidityDate),
		reason: int8(max(e.Reason, 0))}
}

// Narrower reports whether the later list speaks of fewer certificates than the one before it, and the scopes of both
// in words.
func Narrower(old, now *artifact.RevocationList) (was, is string, narrower bool) {
	a, b := scopeOf(old.IDP), scopeOf(now.IDP)
	return a.String(), b.String(), !b.covers(a)
}
