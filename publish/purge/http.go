package purge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/sync/errgroup"

	"seihon/internal/redirect"
)

// httpConcurrency is how many requests are under way at once.
const httpConcurrency = 8

// HTTPConfig says what to send, and where.
type HTTPConfig struct {
	Endpoint string // each path is appended to it
	All      string // the address that stands for everything; empty: Endpoint + "/*", if Wildcard
	Host     string // Host header; empty: the endpoint's
	Method   string // PURGE or POST
	Header   string // that carries the token; empty: none
	Token    Token  // the whole value of that header
	Wildcard bool   // a path may end with "*"
	Limits   Limits
}

// HTTP is any cache that forgets a path when it gets a request for it. An
// answer of 2xx means that it did, 404 that it had nothing to forget.
type HTTP struct {
	client *http.Client
	token  string
	c      HTTPConfig
}

// OpenHTTP reads the token. It sends no request.
func OpenHTTP(c HTTPConfig) (*HTTP, error) {
	c.Limits = c.Limits.withDefaults()
	c.Endpoint = strings.TrimSuffix(c.Endpoint, "/")
	h := &HTTP{client: &http.Client{CheckRedirect: redirect.None}, c: c}
	if c.Header == "" {
		return h, nil
	}
	var err error
	h.token, err = c.Token.read()
	return h, err
}

// Fold implements CDN.
func (h *HTTP) Fold(paths []string) ([]string, error) {
	paths = covered(paths)
	for _, p := range paths {
		if strings.HasSuffix(p, Everything) && !h.c.Wildcard && (p != "/*" || h.c.All == "") {
			return nil,
				fmt.Errorf("purging %q: this cache takes no wildcards; name what it should forget with --name, "+
					"or set cdn.wildcard or cdn.all if it can do more than that", p)
		}
	}
	return paths, nil
}

// Purge implements CDN.
func (h *HTTP) Purge(ctx context.Context, paths []string) ([]Receipt, error) {
	results := make([]Receipt, len(paths))
	errs := make([]error, len(paths))
	var group errgroup.Group
	group.SetLimit(httpConcurrency)
	for i, p := range paths {
		group.Go(func() error {
			if errs[i] = h.purge(ctx, p); errs[i] == nil {
				results[i] = Receipt{Path: p, Done: true}
			}
			return nil // one path must not hide the others
		})
	}
	err := errors.Join(group.Wait(), errors.Join(errs...))
	var receipts []Receipt
	for _, r := range results {
		if r.Done {
			receipts = append(receipts, r)
		}
	}
	return receipts, err
}

// Wait implements CDN: the answer came when it was done.
func (h *HTTP) Wait(context.Context, []Receipt) error { return nil }

func (h *HTTP) purge(ctx context.Context, p string) error {
	address := h.c.Endpoint + p
	if p == "/*" && h.c.All != "" {
		address = h.c.All
	}
	err := h.c.Limits.try(ctx, func(ctx context.Context) error { return h.send(ctx, address) })
	if err != nil {
		return fmt.Errorf("purging %q: %w", p, err)
	}
	return nil
}

func (h *HTTP) send(ctx context.Context, address string) error {
	q, err := http.NewRequestWithContext(ctx, h.c.Method, address, nil)
	if err != nil {
		return err
	}
	q.Host = h.c.Host
	if h.c.Header != "" {
		q.Header.Set(h.c.Header, h.token)
	}
	resp, err := h.client.Do(q)
	if err != nil {
		return &later{err: plain(err)}
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300, resp.StatusCode == http.StatusNotFound:
		return nil
	case retryable(resp.StatusCode):
		return &later{err: h.refusal(resp), after: retryAfter(resp.Header)}
	}
	return h.refusal(resp)
}

// refusal names the status only: a body may repeat what was sent.
func (h *HTTP) refusal(resp *http.Response) error {
	err := fmt.Errorf("the cache answered %d %s to %s", resp.StatusCode, http.StatusText(resp.StatusCode), h.c.Method)
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w; look at cdn.header and cdn.token, and at the addresses that it lets purge", err)
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return fmt.Errorf("%w; look at cdn.method and cdn.endpoint", err)
	}
	return err
}

// plain takes the address, which may be long, off a client's error: the caller names the path.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
