package memory

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
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

// A Permission is what an override says once it has been read and verified.
type Permission struct {
	Reason  string
	Allow   []string
	Expires time.Time
	Problem string // why it counts for nothing; empty: it counts
}

// Judge reads an override as docs/inventory.md describes it and verifies its signature with the
// pinned keys.
func Judge(o Override, keys []ed25519.PublicKey) Permission {
	p, body, signature, err := readOverride(o.Text)
	switch {
	case err != nil:
		p.Problem = err.Error()
	case len(keys) == 0:
		p.Problem = "no key for overrides is pinned"
	case !slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool {
		return len(k) == ed25519.PublicKeySize && ed25519.Verify(k, []byte(body), signature)
	}):
		p.Problem = "none of the pinned keys has signed it"
	case o.Time.After(p.Expires):
		p.Problem = fmt.Sprintf("it expired at %s, before it was entered", p.Expires.Format(time.RFC3339))
	}
	return p
}

// readOverride takes the six lines of an override apart.
func readOverride(text string) (p Permission, body string, signature []byte, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 7 || lines[0] != "seihon/override/v1" || lines[6] != "" {
		return p, "", nil, errors.New("it does not have the six lines of an override")
	}
	var values [6]string
	for i, label := range []string{"", "digest ", "allow ", "reason ", "expires ", "signature "} {
		var ok bool
		if values[i], ok = strings.CutPrefix(lines[i], label); !ok {
			return p, "", nil, fmt.Errorf("its line %d does not begin with %q", i+1, label)
		}
	}
	p.Allow, p.Reason = strings.Split(values[2], " "), values[3]
	if p.Expires, err = time.Parse(timeForm, values[4]); err != nil {
		return p, "", nil, fmt.Errorf("its expiry %q is no time", values[4])
	}
	signature, err = base64.StdEncoding.Strict().DecodeString(values[5])
	if err != nil || base64.StdEncoding.EncodeToString(signature) != values[5] { // the decoder passes over a CR
		return p, "", nil, errors.New("its signature is not base64")
	}
	return p, strings.Join(lines[:5], "\n") + "\n", signature, nil
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
