package verify

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"seihon/ledger"
	"seihon/sectiona"
)

// An ExceptionEntry is a signed word in the log by which known deviations of a CA from the RFCs are let pass.
type ExceptionEntry struct {
	Entry   int64            `json:"entry"` // of the log
	Time    time.Time        `json:"time"`
	Issuer  string           `json:"issuer"`
	Key     string           `json:"key"` // SHA-256 of the CA's SubjectPublicKeyInfo
	Reason  string           `json:"reason"`
	Allow   []string         `json:"allow"`
	Expires time.Time        `json:"expires"` // what the CA dated later is not covered
	Counts  bool             `json:"counts"`  // a pinned key has signed it
	Problem string           `json:"problem,omitempty"`
	Passed  map[string]int64 `json:"passed"` // how often each kind was let pass in this check
	Text    string           `json:"text"`   // as it was signed
}

// exceptions are those of the log. Passed is counted by the workers of the check.
type exceptions struct {
	mu  sync.Mutex
	all []*ExceptionEntry
}

// enter reads an exception as docs/accept.md describes it and verifies its signature with the pinned keys.
func (x *exceptions) enter(index int64, e *ledger.Entry, keys []ed25519.PublicKey) {
	out := &ExceptionEntry{Entry: index, Time: e.Time, Issuer: e.Exception.Issuer, Text: e.Exception.Text, Allow: []string{}, Passed: map[string]int64{}}
	body, signature, err := out.read(e.Exception.Text)
	switch {
	case err != nil:
		out.Problem = err.Error()
	case len(keys) == 0:
		out.Problem = "no key for overrides is pinned"
	case !slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool {
		return len(k) == ed25519.PublicKeySize && ed25519.Verify(k, []byte(body), signature)
	}):
		out.Problem = "none of the pinned keys has signed it"
	case !e.Time.Before(out.Expires):
		out.Problem = fmt.Sprintf("it expired at %s, before it was entered", out.Expires.Format(time.RFC3339))
	}
	out.Counts = out.Problem == ""
	x.all = append(x.all, out)
}

// read takes the six lines of an exception apart.
func (o *ExceptionEntry) read(text string) (body string, signature []byte, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 7 || lines[0] != "seihon/exception/v1" || lines[6] != "" {
		return "", nil, errors.New("it does not have the six lines of an exception")
	}
	var values [6]string
	for i, label := range []string{"", "key ", "allow ", "reason ", "expires ", "signature "} {
		var ok bool
		if values[i], ok = strings.CutPrefix(lines[i], label); !ok {
			return "", nil, fmt.Errorf("its line %d does not begin with %q", i+1, label)
		}
	}
	o.Key, o.Allow, o.Reason = values[1], strings.Split(values[2], " "), values[3]
	if o.Expires, err = time.Parse("20060102T150405Z", values[4]); err != nil {
		return "", nil, fmt.Errorf("its expiry %q is no time", values[4])
	}
	if signature, err = base64.StdEncoding.Strict().DecodeString(values[5]); err != nil {
		return "", nil, errors.New("its signature is not base64")
	}
	return strings.Join(lines[:5], "\n") + "\n", signature, nil
}

// allow reports whether an exception lets a deviation pass in what a CA dated so, and counts it.
func (x *exceptions) allow(by *x509.Certificate, d sectiona.Deviation, dated time.Time) bool {
	if len(x.all) == 0 {
		return false
	}
	sum := sha256.Sum256(by.RawSubjectPublicKeyInfo)
	key := hex.EncodeToString(sum[:])
	for _, e := range x.all {
		if e.Counts && e.Key == key && dated.Before(e.Expires) && slices.Contains(e.Allow, d.Code) {
			x.mu.Lock()
			e.Passed[d.Code]++
			x.mu.Unlock()
			return true
		}
	}
	return false
}

// reportExceptions shows every exception of the log, and reports those that count for nothing.
func (c *checker) reportExceptions(r *Report) {
	for _, e := range c.exceptions.all {
		r.Exceptions = append(r.Exceptions, *e)
		if !e.Counts {
			c.add(Finding{Code: codeException, Source: sourceLog, Name: fmt.Sprintf("log entry %d", e.Entry), Detail: e.Problem})
		}
	}
}

// passed tells how often which kind was let pass.
func (o *ExceptionEntry) passed() string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(o.Passed)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, o.Passed[kind]))
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ")
}
