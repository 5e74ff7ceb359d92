package verify

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/public"
)

// A ProbeConfig says what Probe asks for.
type ProbeConfig struct {
	Target   string // name of the target in the publication log
	BaseURL  string // its public address
	Master   *ledger.Log
	Trust    *artifact.Trust // for the signatures of OCSP responses; nil: they are only parsed
	OCSPPath string          // of the responder; empty: no OCSP request is made
	// Sent tells when the target was first sent what, by its receipts; nil: nobody knows, and an older copy passes as long as it is valid.
	Sent map[artifact.Digest]time.Time

	Client  *http.Client
	Timeout time.Duration // of one request; default 10 s
	Workers int           // default 4
	Now     func() time.Time
}

// A probeRequest is one request a relying party could make, and what must be true of the answer.
type probeRequest struct {
	url  string
	good func(body []byte) error
}

// Probe asks a public copy for what relying parties ask for, once each: the current lists, CA certificates, documents and index,
// the checkpoint, and one OCSP response of each issuer. A sample is good when the answer arrived in time with status 200, holds
// what the master has or had under that name, is not stale, and is not older than what caches may still have of what the target was
// sent; that last one has the code older-copy. The samples are for the publication log, the record of operation.
func Probe(ctx context.Context, c ProbeConfig) (*ledger.Probe, error) {
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Workers <= 0 {
		c.Workers = 4
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Client == nil {
		c.Client = &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}}
	}
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	requests, err := c.requests(ctx)
	if err != nil {
		return nil, fmt.Errorf("probing %s: %w", c.BaseURL, err)
	}
	samples := make([]ledger.Sample, len(requests))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(c.Workers)
	for i, r := range requests {
		g.Go(func() error {
			samples[i] = c.sample(gctx, r)
			return gctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("probing %s: %w", c.BaseURL, err)
	}
	return &ledger.Probe{Target: c.Target, Samples: samples}, nil
}

// requests derives what to ask for from the master.
func (c *ProbeConfig) requests(ctx context.Context) ([]probeRequest, error) {
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
	out := []probeRequest{{c.BaseURL + "/" + checkpointName, func(b []byte) error { return c.Master.Consistent(ctx, b) }}}
	for line := range state.All() {
		switch k := line.Kind; {
		case k.IsRevocationList(), k == artifact.CACertificate, k == artifact.Document, k == artifact.IndexPage:
			out = append(out, probeRequest{c.BaseURL + "/" + escapeName(line.Name), func(b []byte) error { return c.isOurs(k, had[line.Name], b) }})
		case k == artifact.OCSPGeneration && c.OCSPPath != "":
			if r, ok := c.ocspRequest(ctx, line); ok {
				out = append(out, r)
			}
		}
	}
	slices.SortFunc(out, func(a, b probeRequest) int { return strings.Compare(a.url, b.url) })
	return out, nil
}

// olderCopy begins the error of a sample that is genuine and valid, and which something newer has replaced too long ago.
const olderCopy = "older-copy: "

// isOurs accepts what the master has or had under the name, as long as it is not stale: copies follow the master with a delay. What
// the target was sent since must be there as soon as caches cannot have what was before. Digests are in the order of the log.
func (c *ProbeConfig) isOurs(k artifact.Kind, digests []artifact.Digest, b []byte) error {
	served := len(digests) - 1
	for sum := artifact.Sum(b); served >= 0 && digests[served] != sum; {
		served--
	}
	if served < 0 {
		return errors.New("the content is not the master's")
	}
	for _, d := range digests[served+1:] {
		if at, sent := c.Sent[d]; sent && c.Now().After(at.Add(public.MaxAge(k))) {
			return fmt.Errorf("%s%s was sent at %s and is not what is served", olderCopy, d, stamp(at))
		}
	}
	if l, err := artifact.ParseRevocationList(b); err == nil && artifact.Stale(l.NextUpdate, c.Now()) {
		return errors.New("the list is stale")
	}
	return nil
}

// ocspRequest asks for the first response of the first bundle of a generation that has one.
func (c *ProbeConfig) ocspRequest(ctx context.Context, line ledger.Line) (probeRequest, bool) {
	body, err := c.Master.ReadBlob(ctx, line)
	if err != nil {
		return probeRequest{}, false
	}
	g, _, err := ocspcache.ParseGeneration(body)
	if err != nil {
		return probeRequest{}, false
	}
	for _, gb := range g.Bundles {
		bundle, err := ocspcache.OpenBundle(c.Master.BlobPath(ledger.Line{Kind: artifact.OCSPBundle, Digest: gb.Digest}))
		if err != nil {
			continue
		}
		for _, der := range bundle.All() {
			r, err := artifact.ParseResponse(bytes.Clone(der)) // der ends with the bundle
			if err != nil {
				break
			}
			id := r.Singles[0].CertID
			req := base64.StdEncoding.EncodeToString(encodeRequest(id))
			bundle.Close()
			return probeRequest{c.BaseURL + c.OCSPPath + "/" + url.QueryEscape(req), func(b []byte) error { return c.isAnswer(id, b, line.Digest, r.Singles[0].ThisUpdate) }}, true
		}
		bundle.Close()
	}
	return probeRequest{}, false
}

// isAnswer accepts a response for the certificate that was asked about, which is not older than that of the generation.
func (c *ProbeConfig) isAnswer(id artifact.CertID, b []byte, generation artifact.Digest, newest time.Time) error {
	r, err := artifact.ParseResponse(b)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(r.Singles, func(s artifact.Single) bool {
		return s.CertID.Hash == id.Hash && string(s.CertID.Serial) == string(id.Serial) && string(s.CertID.IssuerKeyHash) == string(id.IssuerKeyHash)
	})
	if i < 0 {
		return errors.New("the response is about another certificate")
	}
	if artifact.Stale(r.Singles[i].NextUpdate, c.Now()) {
		return errors.New("the response is stale")
	}
	at, sent := c.Sent[generation]
	if this := r.Singles[i].ThisUpdate; sent && this.Before(newest) && c.Now().After(at.Add(public.MaxAge(artifact.OCSPResponse))) {
		return fmt.Errorf("%sthe response is of %s, one of %s was sent at %s", olderCopy, stamp(this), stamp(newest), stamp(at))
	}
	if c.Trust != nil {
		_, _, err = c.Trust.CheckResponse(r)
	}
	return err
}

// encodeRequest writes the canonical OCSPRequest for one certificate (RFC 6960 section 4.1.1).
func encodeRequest(id artifact.CertID) []byte {
	oids := map[crypto.Hash][]byte{
		crypto.SHA1: {0x2b, 0x0e, 0x03, 0x02, 0x1a}, crypto.SHA256: {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01},
		crypto.SHA384: {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02}, crypto.SHA512: {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03},
	}
	bytesOf := func(tag cbasn1.Tag, v []byte) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) { b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(v) }) }
	}
	var b cryptobyte.Builder
	seq := func(b *cryptobyte.Builder, f func(*cryptobyte.Builder)) { b.AddASN1(cbasn1.SEQUENCE, f) }
	seq(&b, func(b *cryptobyte.Builder) { // OCSPRequest
		seq(b, func(b *cryptobyte.Builder) { // TBSRequest
			seq(b, func(b *cryptobyte.Builder) { // requestList
				seq(b, func(b *cryptobyte.Builder) { // Request
					seq(b, func(b *cryptobyte.Builder) { // CertID
						seq(b, func(b *cryptobyte.Builder) {
							bytesOf(cbasn1.OBJECT_IDENTIFIER, oids[id.Hash])(b)
							b.AddASN1NULL()
						})
						bytesOf(cbasn1.OCTET_STRING, id.IssuerNameHash)(b)
						bytesOf(cbasn1.OCTET_STRING, id.IssuerKeyHash)(b)
						bytesOf(cbasn1.INTEGER, id.Serial)(b)
					})
				})
			})
		})
	})
	der, err := b.Bytes()
	if err != nil {
		return nil // only lengths beyond what a CertID can have make it fail
	}
	return der
}

// sample makes one request and judges the answer.
func (c *ProbeConfig) sample(ctx context.Context, r probeRequest) ledger.Sample {
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
		err = r.good(body)
	}
	if err != nil {
		s.Error = shorten(err.Error())
	}
	s.OK = err == nil
	return s
}

func (c *ProbeConfig) ask(ctx context.Context, address string) (body []byte, status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := c.Client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxRead))
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
