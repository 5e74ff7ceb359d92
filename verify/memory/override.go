package memory

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Override is an entry of the log that lets exact changes pass.
type Override struct {
	Index   int64
	Time    time.Time // of the entry
	Issuer  string    // its name in the ledger
	Text    string    // the signed file, whole
	Changes []Change
}

// A Change is one certificate's.
type Change struct {
	Serial   string // hexadecimal
	Was, Now string
}

// Judge reads an override as docs/inventory.md describes it and verifies its signature with the
// pinned keys.
func Judge(o Override, keys []ed25519.PublicKey) Signed {
	return ReadSigned(o.Text, "seihon/override/v1", "digest", o.Time, keys)
}

// A permit is one change that a person allowed.
type permit struct {
	index    int64
	was, now standing
	allow    []string
}

// lets reports whether the permit covers the step. Responses carry no invalidity date, so that is
// not compared with theirs.
func (p permit) lets(old, now standing, isAnswer bool) bool {
	same := func(a, b standing) bool {
		if isAnswer {
			a.invalid, b.invalid = noDate, noDate
		}
		return a.status == b.status &&
			(a.status != revoked || a.at == b.at && a.reason == b.reason && a.invalid == b.invalid)
	}
	if !same(p.was, old) {
		return false
	}
	if now.status == revoked {
		return same(p.now, now) && slices.Contains(p.allow, "changed")
	}
	return p.now.status != revoked && (slices.Contains(p.allow, "changed") || slices.Contains(p.allow, "vanished"))
}

// readStanding is the inverse of standing.String.
func readStanding(s string) (standing, error) {
	switch s {
	case "good":
		return standing{status: good}, nil
	case "absent":
		return standing{status: absent}, nil
	}
	bad := fmt.Errorf("%q is none of good, absent and revoked with its three fields", s)
	f := strings.Split(s, " ")
	if len(f) != 4 || f[0] != "revoked" {
		return standing{}, bad
	}
	at, err := time.Parse(timeForm, f[1])
	if err != nil {
		return standing{}, bad
	}
	out := standing{status: revoked, at: at.Unix(), invalid: noDate}
	if f[2] != "-" {
		n, err := strconv.ParseInt(f[2], 10, 8)
		if err != nil || n < 0 || n > 10 {
			return standing{}, bad
		}
		out.reason = int8(n)
	}
	if f[3] != "-" {
		t, err := time.Parse(timeForm, f[3])
		if err != nil {
			return standing{}, bad
		}
		out.invalid = t.Unix()
	}
	return out, nil
}
