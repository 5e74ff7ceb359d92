package verify

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"seihon/ledger"
	"seihon/sectiona"
	"seihon/verify/memory"
	"seihon/verify/report"
)

// exceptions are those of the log. Passed is counted by the workers of the check.
type exceptions struct {
	mu  sync.Mutex
	all []*report.ExceptionEntry
}

// enter reads an exception as docs/accept.md describes it and verifies its signature with the pinned keys.
func (x *exceptions) enter(index int64, e *ledger.Entry, keys []ed25519.PublicKey) {
	out := &report.ExceptionEntry{Entry: index, Time: e.Time, Issuer: e.Exception.Issuer, Text: e.Exception.Text,
		Allow: []string{}, Passed: map[string]int64{}}
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
func (c *checker) reportExceptions(r *report.Report) {
	for _, e := range c.exceptions.all {
		r.Exceptions = append(r.Exceptions, *e)
		if !e.Counts {
			c.Found(report.Finding{Code: report.CodeException, Source: report.SourceLog,
				Name: fmt.Sprintf("log entry %d", e.Entry), Detail: e.Problem})
		}
	}
}
