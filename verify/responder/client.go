package responder

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"seihon/artifact"
	"seihon/public"
)

// maxResponse bounds what is read of an answer.
const maxResponse = 64 << 10

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
	var body []byte
	var err error
	for try := 1; ; try++ {
		body, a.Status, err = c.once(ctx, q, method)
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
		a.Says = "not found"
	case a.Status != http.StatusOK:
		a.Code, a.Detail = Fails, fmt.Sprintf("HTTP status %d %s", a.Status, http.StatusText(a.Status))
	default:
		c.judge(&a, body)
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

// client does not follow redirects: what a client that does not would get is the answer.
var client = &http.Client{
	Transport:     &http.Transport{DisableCompression: true, Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 8, IdleConnTimeout: 10 * time.Second},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (c *Client) once(ctx context.Context, q Question, method string) ([]byte, int, error) {
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	der := Request(q.ID)
	address, content := c.Address, io.Reader(nil)
	if method == http.MethodGet {
		address += "/" + url.QueryEscape(base64.StdEncoding.EncodeToString(der))
	} else {
		address, content = address+"/", bytes.NewReader(der)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return nil, 0, fmt.Errorf("asking the responder: %w", err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/ocsp-request")
	}
	h := c.HTTP
	if h == nil {
		h = client
	}
	resp, err := h.Do(req)
	if err != nil {
		if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
			return nil, 0, fmt.Errorf("no answer within %v", timeout)
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // its address is long and says nothing
		}
		return nil, 0, fmt.Errorf("asking the responder: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err == nil && len(body) > maxResponse {
		err = fmt.Errorf("the answer is longer than %d bytes", maxResponse)
	}
	return body, resp.StatusCode, err
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

// late reports whether not even a cache can have what was before the master's newest answer.
func (c *Client) late(q Question) bool {
	at, ok := q.SentAt(c.Sent)
	return ok && c.Now().After(at.Add(public.MaxAge(artifact.OCSPResponse)+Polled))
}
