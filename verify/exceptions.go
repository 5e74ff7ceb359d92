package verify

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"seihon/ledger"
	"seihon/sectiona"
	"seihon/verify/memory"
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
	s := memory.ReadSigned(e.Exception.Text, "seihon/exception/v1", "key", e.Time, keys)
	out.Key, out.Reason, out.Expires, out.Problem = s.About, s.Reason, s.Expires, s.Problem
	if s.Allow != nil {
		out.Allow = s.Allow
	}
	out.Counts = out.Problem == ""
	x.all = append(x.all, out)
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
