// Package probe takes a round of samples: it asks a public place for what relying parties ask for, and judges the
// answers by the master. The samples go into the publication log, or are signed by an outside vantage; package uptime
// counts them.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/internal/redirect"
	"seihon/ledger"
	"seihon/public"
	"seihon/verify/exchange"
	"seihon/verify/report"
)

// A Config says what Round asks for.
type Config struct {
	Target   string // name of the target in the publication log
	BaseURL  string // its public address
	Master   *ledger.Log
	Trust    *artifact.Trust // for the signatures of OCSP responses; nil: no OCSP request is made
	OCSPPath string          // of the responder; empty: no OCSP request is made
	Static   bool            // the responses are objects behind a cache, which answers no POST
	Vantage  string          // the name of the place that asks; may be empty
	Outside  bool            // the place has a copy of the master, which may be older than what is public
	// Sent tells when the target was first sent what, by its receipts; nil: nobody knows, and an older copy passes as
	// long as it is valid.
	Sent map[artifact.Digest]time.Time
	// Promised tells when the target was first sent a checkpoint of which size.
	Promised map[int64]time.Time
	// Aliases are further names of artifacts, which are asked for as well.
	Aliases public.Aliases

	// Proxy is gone through; nil: none, whatever the environment says, since a proxy's cache is not what relying
	// parties see.
	Proxy *url.URL

	Client  *http.Client  // nil: one with Proxy
	Timeout time.Duration // of one request; default 10 s
	Workers int           // default 4
	Now     func() time.Time

	behind     *atomic.Bool // the pinned keys signed a larger tree than the master's
	ocspClient *http.Client // follows no redirects, unless Client says how to ask
}

// maxBody bounds what is read of one answer; no artifact that is asked for is longer.
const maxBody = 64 << 20

// A request is one request a relying party could make, and what must be true of the answer.
type request struct {
	url  string
	kind artifact.Kind
	good func(body []byte) error
}

// Round asks a public copy for what relying parties ask for, once each: the current lists, CA certificates, documents
// and index, the checkpoint, and the OCSP responses that package responder chooses of each issuer. A sample is good
// when the answer arrived in time with status 200, holds what the master has or had under that name, is not stale, and
// is not older than what caches may still have of what the target was sent; that last one has the code older-copy. The
// samples are for the publication log, the record of operation, or are signed by an outside vantage.
func Round(ctx context.Context, c Config) (*ledger.Probe, error) {
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Workers <= 0 {
		c.Workers = 4
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.ocspClient = c.Client
	if c.Client == nil {
		proxy := http.ProxyURL(c.Proxy)
		c.Client = &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true,
			Proxy: proxy}, CheckRedirect: redirect.SameHost}
		c.ocspClient = exchange.NewClient(c.Proxy)
	}
	c.behind = new(atomic.Bool)
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	requests, err := c.requests(ctx)
	if err != nil {
		return nil, fmt.Errorf("probing %s: %w", c.BaseURL, err)
	}
	asked, err := c.questions(ctx)
	if err != nil {
		return nil, fmt.Errorf("probing %s: %w", c.BaseURL, err)
	}
	samples := make([]ledger.Sample, len(requests), len(requests)+len(asked))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(c.Workers)
	for i, r := range requests {
		g.Go(func() error {
			samples[i] = c.sample(gctx, r)
			return gctx.Err()
		})
	}
	answers := make([]ledger.Sample, len(asked))
	for i, q := range asked {
		g.Go(func() error {
			answers[i] = c.askGroup(gctx, q)
			return gctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("probing %s: %w", c.BaseURL, err)
	}
	if c.Outside && c.behind.Load() {
		return nil, fmt.Errorf("probing %s: %w", c.BaseURL, ErrBehind)
	}
	return &ledger.Probe{Target: c.Target, Vantage: c.Vantage, Samples: append(samples, answers...)}, nil
}

// requests derives what to ask for from the master.
func (c *Config) requests(ctx context.Context) ([]request, error) {
	state, err := c.Master.State(ctx, c.Master.Size())
	if err != nil {
		return nil, err
	}
	had := map[string][]artifact.Digest{}
	for ch, err := range c.Master.Changes(ctx, 0, c.Master.Size()) {
		if err != nil {
			return nil, err
		}
		if ch.Line != nil && ch.Line.Kind != artifact.OCSPBundle {
			had[ch.Line.Name] = append(had[ch.Line.Name], ch.Line.Digest)
		}
	}
	out := []request{{c.BaseURL + "/" + public.Checkpoint, artifact.Checkpoint,
		func(b []byte) error { return c.isNewest(ctx, b) }}}
	for line := range state.All() {
		switch k := line.Kind; {
		case k.IsRevocationList(), k == artifact.CACertificate, k == artifact.Document, k == artifact.IndexPage:
			for _, name := range append(c.Aliases.For(line.Name), line.Name) {
				out = append(out,
					request{c.BaseURL + "/" + public.Escape(name), k,
						func(b []byte) error { return c.isOurs(k, had[line.Name], b) }})
			}
		}
	}
	slices.SortFunc(out, func(a, b request) int { return strings.Compare(a.url, b.url) })
	return out, nil
}

// ErrBehind says that an outside vantage cannot tell good from bad, since the public copy has more than its copy of the
// master.
var ErrBehind = errors.New("what is public is newer than the master that is here, so that nothing can be compared; " +
	"import a new export of the master")

// versionOf is what tells a newer answer from an older one: the number of a list, the size of a checkpoint.
func versionOf(k artifact.Kind, body []byte) string {
	if k.IsRevocationList() {
		if l, err := artifact.ParseRevocationList(body); err == nil && l.Number != nil {
			return l.Number.String()
		}
	}
	if k == artifact.Checkpoint {
		if cp, err := ledger.ParseCheckpoint(body); err == nil {
			return strconv.FormatInt(cp.Size, 10)
		}
	}
	return ""
}

// olderCopy begins the error of a sample that is genuine and valid, and which something newer has replaced too long
// ago.
const olderCopy = "older-copy: "

// isOurs accepts what the master has or had under the name, as long as it is not stale: copies follow the master with a
// delay. What the target was sent since must be there as soon as caches cannot have what was before. Digests are in the
// order of the log.
func (c *Config) isOurs(k artifact.Kind, digests []artifact.Digest, b []byte) error {
	served := len(digests) - 1
	for sum := artifact.Sum(b); served >= 0 && digests[served] != sum; {
		served--
	}
	if served < 0 {
		return errors.New("the content is not the master's")
	}
	for _, d := range digests[served+1:] {
		if at, sent := c.Sent[d]; sent && c.Now().After(at.Add(public.MaxAge(k))) {
			return fmt.Errorf("%s%s was sent at %s and is not what is served", olderCopy, d, report.Stamp(at))
		}
	}
	if l, err := artifact.ParseRevocationList(b); err == nil && artifact.Stale(l.NextUpdate, c.Now()) {
		return errors.New("the list is stale")
	}
	return nil
}

// isNewest accepts a checkpoint of the master, as long as the target was not sent one of a larger tree since that every
// cache has asked for by now.
func (c *Config) isNewest(ctx context.Context, b []byte) error {
	if err := c.Master.Consistent(ctx, b); err != nil {
		return err
	}
	cp, err := ledger.ParseCheckpoint(b)
	if err != nil {
		return err
	}
	for _, size := range slices.Sorted(maps.Keys(c.Promised)) {
		if at := c.Promised[size]; size > cp.Size && c.Now().After(at.Add(public.MaxAge(artifact.Checkpoint))) {
			return fmt.Errorf("%sthe checkpoint of size %d was sent at %s, and one of size %d is served", olderCopy,
				size, report.Stamp(at), cp.Size)
		}
	}
	return nil
}

// sample makes one request and judges the answer.
func (c *Config) sample(ctx context.Context, r request) ledger.Sample {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	start := c.Now()
	s := ledger.Sample{URL: r.url, Time: start.UTC().Truncate(time.Second)}
	body, status, err := c.ask(ctx, r.url)
	s.Latency = max(c.Now().Sub(start), 0).Truncate(time.Millisecond)
	s.Status = int64(status)
	switch {
	case err == nil && status != http.StatusOK:
		err = errors.New(http.StatusText(status))
	case err == nil:
		s.Digest, s.Version = artifact.Sum(body), versionOf(r.kind, body)
		err = r.good(body)
	}
	if r.kind == artifact.Checkpoint && errors.Is(err, ledger.ErrRollback) {
		c.behind.Store(true)
	}
	if err != nil {
		s.Error = shorten(err.Error())
	}
	s.OK = err == nil
	return s
}

func (c *Config) ask(ctx context.Context, address string) (body []byte, status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := c.Client.Do(req)
	var refused *redirect.Refused
	switch {
	case errors.As(err, &refused) && resp != nil:
		return nil, resp.StatusCode, refused // its body is closed
	case err != nil:
		return nil, 0, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody))
	return body, resp.StatusCode, err
}

// shorten bounds what an outside error can put into the log.
func shorten(s string) string {
	s = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s), "?")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "")
	}
	return s
}
