// Package exchange is one question to an OCSP responder and its answer: the request as a relying party sends it, the
// answer bounded in time and size, and a second reading of it by a reader that shares no code with package artifact.
package exchange

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"seihon/internal/redirect"
)

// maxResponse bounds what is read of an answer.
const maxResponse = 64 << 10

// A Sender sends requests.
type Sender struct {
	HTTP    *http.Client  // nil: one that follows no redirect, as many OCSP clients do not
	Timeout time.Duration // of one request; default 10 s
	Now     func() time.Time
}

// A Reply is what came back, whatever it is.
type Reply struct {
	Status int // of HTTP; 0: there was no answer
	Header http.Header
	Body   []byte
	Took   time.Duration
}

// NewClient makes a client that follows no redirect: what a client that does not would get is the answer. A nil proxy
// is none.
func NewClient(proxy *url.URL) *http.Client {
	return &http.Client{
		Transport: &http.Transport{DisableCompression: true, Proxy: http.ProxyURL(proxy), MaxIdleConnsPerHost: 8,
			IdleConnTimeout: 10 * time.Second},
		CheckRedirect: redirect.None,
	}
}

var client = NewClient(nil)

// Send sends an OCSPRequest to the responder at an address: below it by GET, to the very address by POST (RFC 6960
// appendix A). The error says why there is no answer.
func (s *Sender) Send(ctx context.Context, address, method string, request []byte) (r Reply, err error) {
	timeout := s.Timeout
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	content := io.Reader(nil)
	if method == http.MethodGet {
		address = strings.TrimSuffix(address, "/") + "/" + url.QueryEscape(base64.StdEncoding.EncodeToString(request))
	} else {
		content = bytes.NewReader(request)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return r, fmt.Errorf("asking the responder: %w", err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/ocsp-request")
	}
	h := s.HTTP
	if h == nil {
		h = client
	}
	start := s.Now()
	defer func() { r.Took = max(s.Now().Sub(start), 0) }()
	resp, err := h.Do(req)
	if err != nil {
		if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
			return r, fmt.Errorf("no answer within %v", timeout)
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // its address is long and says nothing
		}
		return r, fmt.Errorf("asking the responder: %w", err)
	}
	defer resp.Body.Close()
	r.Status, r.Header = resp.StatusCode, resp.Header
	r.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err == nil && len(r.Body) > maxResponse {
		err = fmt.Errorf("the answer is longer than %d bytes", maxResponse)
	}
	return r, err
}
