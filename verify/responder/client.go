package responder

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"seihon/artifact"
	"seihon/public"
	"seihon/verify/exchange"
)

// A Client asks one responder.
type Client struct {
	Address string // of the responder, without a slash at its end
	Trust   *artifact.Trust
	HTTP    *http.Client  // nil: one that follows no redirect, as many OCSP clients do not
	Timeout time.Duration // of one request; default 10 s
	Tries   int           // default 1
	Pause   time.Duration // between two tries; default 200 ms
	Static  bool          // objects behind a cache: no POST is answered, and what is not there is not found
	Now     func() time.Time

	// Sent tells when the place was first sent what, by its receipts; nil: nobody knows, and the master's times count.
	Sent map[artifact.Digest]time.Time
}

// Methods are those that a responder must answer.
func (c *Client) Methods() []string {
	if c.Static {
		return []string{http.MethodGet}
	}
	return []string{http.MethodGet, http.MethodPost}
}

// Ask asks once, or until it was answered Tries times with nothing, and judges the answer.
func (c *Client) Ask(ctx context.Context, q Question, method string) Answer {
	a := Answer{Question: q, Method: method, Time: c.Now()}
	sender := exchange.Sender{HTTP: c.HTTP, Timeout: c.Timeout, Now: c.Now}
	request := exchange.Request(q.ID, nil)
	var reply exchange.Reply
	var err error
	for try := 1; ; try++ {
		reply, err = sender.Send(ctx, c.Address+"/", method, request)
		a.Status = reply.Status
		transient := err != nil || a.Status >= 500 || a.Status == http.StatusTooManyRequests
		if !transient || try >= max(c.Tries, 1) || !pause(ctx, c.Pause) {
			break
		}
	}
	a.Latency = max(c.Now().Sub(a.Time), 0)
	switch {
	case err != nil:
		a.Code, a.Detail = Fails, err.Error()
	case c.Static && q.Want == nil && (a.Status == http.StatusNotFound || a.Status == http.StatusForbidden):
		a.Says = NotFound
	case a.Status != http.StatusOK:
		a.Code, a.Detail = Fails, fmt.Sprintf("HTTP status %d %s", a.Status, http.StatusText(a.Status))
	default:
		c.judge(&a, reply.Body)
	}
	return a
}

func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		d = 200 * time.Millisecond
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// Polled is how long a responder may take to notice that there is something newer.
const Polled = 2 * time.Minute

// SentAt returns when the first of the artifacts that hold the master's answer was sent, and whether one was.
func (q *Question) SentAt(sent map[artifact.Digest]time.Time) (first time.Time, ok bool) {
	for _, d := range q.In {
		if at, has := sent[d]; has && (!ok || at.Before(first)) {
			first, ok = at, true
		}
	}
	return first, ok
}

// unsent reports whether the place cannot have the master's newest answer yet.
func (c *Client) unsent(q Question) bool {
	if c.Sent == nil {
		return !c.Now().After(q.Want.ThisUpdate.Add(Polled))
	}
	at, ok := q.SentAt(c.Sent)
	return !ok || !c.Now().After(at.Add(Polled))
}

// Before reports whether the answer is one that the place can have given before it had the master's newest.
func (a *Answer) Before() bool {
	if a.Question.Want == nil {
		return false
	}
	return a.Code == Differs && notAfter(a.This, a.Question.Want) || a.Code == Fails && a.Says == exchange.Unauthorized
}

// notAfter reports whether an answer of that time can be one from before the master's: times count whole seconds
// (RFC 6960, 4.2.2.1 and GeneralizedTime), so that two answers of the same second can follow each other.
func notAfter(this time.Time, want *artifact.Single) bool { return !this.After(want.ThisUpdate) }

// late reports whether not even a cache can have what was before the master's newest answer.
func (c *Client) late(q Question) bool {
	at, ok := q.SentAt(c.Sent)
	return ok && c.Now().After(at.Add(public.MaxAge(artifact.OCSPResponse)+Polled))
}
