package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"seihon/internal/redirect"
	"seihon/public"
)

// redirectedHeader is set by the HTTP source on answers that came from another address than the one asked.
const redirectedHeader = "Seihon-Redirected-To"

// An HTTPConfig says how to read a copy over HTTP.
type HTTPConfig struct {
	BaseURL string
	Client  *http.Client  // nil: one that bypasses caches no more than a relying party does
	Proxy   *url.URL      // of that client; nil: none
	Timeout time.Duration // of one object; default 2 minutes
	Tries   int           // default 3
	Pause   time.Duration // before the second try, doubling; default 200 ms
}

// HTTP returns the source that reads public copies below a base URL, as relying parties do: plain GET requests, without
// credentials, accepting no encoding. What another host would say is not the copy: a redirect there is a
// [redirect.Refused].
func HTTP(c HTTPConfig) (Source, error) {
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("opening the copy %q: it is no http or https URL", c.BaseURL)
	}
	if c.Client == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.Proxy, t.MaxIdleConnsPerHost, t.DisableCompression, t.ResponseHeaderTimeout = http.ProxyURL(c.Proxy), 64,
			true, maxSilence
		c.Client = &http.Client{Transport: t, CheckRedirect: redirect.SameHost}
	}
	if c.Timeout <= 0 {
		c.Timeout = 2 * time.Minute
	}
	if c.Tries <= 0 {
		c.Tries = 3
	}
	if c.Pause <= 0 {
		c.Pause = 200 * time.Millisecond
	}
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	return &web{c}, nil
}

// maxSilence is how long a host may take to begin an answer.
const maxSilence = 30 * time.Second

type web struct{ HTTPConfig }

func (w *web) Name() string { return w.BaseURL }

func (w *web) Open(ctx context.Context, name string) (*Object, error) {
	return w.ask(ctx, http.MethodGet, name)
}

func (w *web) Head(ctx context.Context, name string) (Listed, error) {
	o, err := w.ask(ctx, http.MethodHead, name)
	if err != nil {
		return Listed{}, err
	}
	return Listed{Name: name, Size: o.Size}, o.Close()
}

// ask tries a few times: one dropped connection among fifty thousand requests is no finding.
func (w *web) ask(ctx context.Context, method, name string) (*Object, error) {
	pause := w.Pause
	for try := 1; ; try++ {
		o, retry, err := w.once(ctx, method, name)
		if err == nil || !retry || try >= w.Tries {
			return o, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
		pause *= 2
	}
}

func (w *web) once(ctx context.Context, method, name string) (o *Object, retry bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.Timeout)
	address := w.BaseURL + "/" + public.Escape(name)
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		cancel()
		return nil, false, fmt.Errorf("asking for %s: %w", name, err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := w.Client.Do(req)
	var refused *redirect.Refused
	switch {
	case errors.As(err, &refused):
		cancel()
		return nil, false, fmt.Errorf("asking for %s: %w", name, refused)
	case err != nil:
		cancel()
		return nil, true, fmt.Errorf("asking for %s: %w: %w", name, ErrUnreachable, err)
	}
	switch {
	case resp.StatusCode == http.StatusOK:
		if final := resp.Request.URL.String(); final != address {
			resp.Header.Set(redirectedHeader, final)
		}
		return &Object{ReadCloser: body{resp, cancel}, Size: resp.ContentLength, Header: resp.Header}, false, nil
	case resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusGone:
		err = ErrNotFound
	case resp.StatusCode == http.StatusForbidden:
		// A bucket that may not be listed answers 403 for what is not there (S3), as well as for what it does not give.
		err = fmt.Errorf("%s: %w: %w", resp.Status, ErrForbidden, ErrNotFound)
	case resp.StatusCode == http.StatusUnauthorized:
		err = fmt.Errorf("%s: %w", resp.Status, ErrForbidden)
	default:
		err = errors.New(resp.Status)
		retry = resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests
	}
	resp.Body.Close()
	cancel()
	return nil, retry, fmt.Errorf("asking for %s: %w", name, err)
}

// A body ends its request's deadline when it is closed.
type body struct {
	*http.Response
	cancel context.CancelFunc
}

func (b body) Read(p []byte) (int, error) { return b.Response.Body.Read(p) }

func (b body) Close() error {
	defer b.cancel()
	return b.Response.Body.Close()
}
