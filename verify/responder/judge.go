package responder

import (
	"fmt"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/artifact"
	"seihon/verify/exchange"
)

// judge compares an answer with the master's.
func (c *Client) judge(a *Answer, body []byte) {
	wrong := func(code, format string, args ...any) { a.Code, a.Detail = code, fmt.Sprintf(format, args...) }
	if name, ok := exchange.ErrorOf(body); ok {
		a.Says = name
		switch {
		case name == "":
			wrong(Fails, "the answer is an error that RFC 6960 does not know")
		case name != exchange.Unauthorized:
			wrong(Fails, "the answer is the error %s", a.Says)
		case a.Question.Want != nil:
			code := Fails
			if c.unsent(a.Question) {
				code = Older // of a new certificate it has none yet
			}
			wrong(code, "the answer is that it has none (unauthorized), the master says %s",
				exchange.StatusName(a.Question.Want.Status))
		}
		return
	}
	r, err := artifact.ParseResponse(body)
	if err != nil {
		wrong(Invalid, "%v", err)
		if second, err := ocsp.ParseResponse(body, nil); err == nil {
			wrong(TwoReadings, "one reader says %q, the other reads that serial %x is %s", a.Detail,
				second.SerialNumber, exchange.StatusName(second.Status))
		}
		return
	}
	i := find(r, a.Question.ID)
	if i < 0 {
		wrong(Invalid, "the response is about another certificate")
		return
	}
	s := &r.Singles[i]
	a.Says, a.This = exchange.StatusName(s.Status), s.ThisUpdate
	if r.NeverIssued(s) {
		a.Says = NeverIssued
	}
	issuer, _, err := c.Trust.CheckResponse(r)
	now := c.Now()
	switch {
	case err != nil:
		wrong(Invalid, "%v", err)
	case artifact.Stale(s.NextUpdate, now):
		wrong(Invalid, "the response is stale: its nextUpdate was %s", stamp(s.NextUpdate))
	case s.ThisUpdate.After(now.Add(5 * time.Minute)):
		wrong(Invalid, "the response is of the future: its thisUpdate is %s", stamp(s.ThisUpdate))
	default:
		if a.OneRead, err = exchange.SecondReading(body, r, s, issuer); err != nil {
			wrong(TwoReadings, "%v", err)
			return
		}
		c.compare(a, s)
	}
}

// compare holds an answer that is genuine against the master's.
func (c *Client) compare(a *Answer, s *artifact.Single) {
	wrong := func(code, format string, args ...any) { a.Code, a.Detail = code, fmt.Sprintf(format, args...) }
	w := a.Question.Want
	switch {
	case w == nil && (a.Says == NeverIssued || s.Status == artifact.StatusUnknown):
	case w == nil:
		wrong(Claims, "the answer is %s", a.Says)
	case s.Status != w.Status, !s.RevokedAt.Equal(w.RevokedAt), max(s.Reason, 0) != max(w.Reason, 0):
		code := Differs
		if notAfter(s.ThisUpdate, w) && c.unsent(a.Question) {
			code = Older
		}
		wrong(code, "the answer of %s is %s, the master says since %s: %s", stamp(s.ThisUpdate), statusOf(s),
			stamp(w.ThisUpdate), statusOf(w))
	case s.ThisUpdate.Before(w.ThisUpdate):
		a.Late = c.late(a.Question)
		wrong(Older, "the answer is of %s, the master has one of %s that says the same", stamp(s.ThisUpdate),
			stamp(w.ThisUpdate))
	}
}

func statusOf(s *artifact.Single) string {
	if s.Status != artifact.StatusRevoked {
		return exchange.StatusName(s.Status)
	}
	return fmt.Sprintf("revoked at %s, reason %d", stamp(s.RevokedAt), max(s.Reason, 0))
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}
