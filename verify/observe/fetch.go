package observe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"seihon/artifact"
	"seihon/internal/redirect"
)

// newClient makes a client that uses no proxy of the environment, asks for no compression, and follows a redirect only
// to http or https, and never from https to http.
func newClient(proxy *url.URL, follow bool) *http.Client {
	t := &http.Transport{
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, DisableCompression: true,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10, MaxIdleConnsPerHost: 4,
		IdleConnTimeout: 10 * time.Second,
	}
	if proxy != nil {
		t.Proxy = http.ProxyURL(proxy)
	}
	c := &http.Client{Transport: t, CheckRedirect: redirect.Anywhere}
	if !follow {
		c.CheckRedirect = redirect.None
	}
	return c
}

// A fetched is an answer with status 200, or what there is of another.
type fetched struct {
	status    int
	header    http.Header
	body      []byte
	elsewhere string // where it came from, if that is not the address that was asked
	took      time.Duration
}

// get fetches a list. One dropped connection is no finding: it tries twice.
func (o *observer) get(ctx context.Context, address string) (f fetched, err error) {
	for try := 1; ; try++ {
		f, err = o.once(ctx, address)
		transient := f.status == 0 || f.status >= 500 || f.status == http.StatusTooManyRequests
		if err == nil || !transient || try == 2 {
			return f, err
		}
		select {
		case <-ctx.Done():
			return f, ctx.Err()
		case <-time.After(300 * time.Millisecond):
		}
	}
}

func (o *observer) once(ctx context.Context, address string) (f fetched, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	start := o.Now()
	defer func() {
		f.took = max(o.Now().Sub(start), 0)
		var u *url.Error
		switch {
		case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
			err = fmt.Errorf("it did not arrive whole within %v", o.Timeout)
		case errors.As(err, &u):
			err = u.Err // its address is said already
		}
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return f, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := o.follows.Do(req)
	if err != nil {
		return f, err
	}
	defer resp.Body.Close()
	f.status, f.header = resp.StatusCode, resp.Header
	if final := resp.Request.URL.String(); final != req.URL.String() {
		f.elsewhere = final
	}
	if resp.StatusCode != http.StatusOK {
		return f, fmt.Errorf("HTTP status %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	if resp.ContentLength > o.MaxList {
		return f, fmt.Errorf("it is longer than %d bytes", o.MaxList)
	}
	f.body, err = io.ReadAll(io.LimitReader(resp.Body, o.MaxList+1))
	if err == nil && int64(len(f.body)) > o.MaxList {
		f.body, err = nil, fmt.Errorf("it is longer than %d bytes", o.MaxList)
	}
	return f, err
}

// formOf says what a body is that no list or response could be read from.
func formOf(body []byte, parsing error) string {
	if n, ok := announced(body); ok && n > len(body) {
		return fmt.Sprintf("it is cut off: %d of %d bytes arrived", len(body), n)
	}
	const most = 4 << 20 // what is longer and no list is not looked into
	a := artifact.Parse(body[:min(len(body), most)])
	switch {
	case a.Kind == artifact.IndexPage:
		return "it is an HTML page"
	case a.Problem != "":
		return a.Problem
	case a.Kind != artifact.Unrecognised:
		return fmt.Sprintf("what arrived is a %s", a.Kind)
	}
	return parsing.Error()
}

// announced is the length that a DER SEQUENCE says it has.
func announced(b []byte) (n int, ok bool) {
	if len(b) < 2 || b[0] != 0x30 {
		return 0, false
	}
	if b[1] < 0x80 {
		return 2 + int(b[1]), true
	}
	octets := int(b[1] & 0x7f)
	if octets == 0 || octets > 4 || len(b) < 2+octets {
		return 0, false
	}
	for _, c := range b[2 : 2+octets] {
		n = n<<8 | int(c)
	}
	return 2 + octets + n, true
}
