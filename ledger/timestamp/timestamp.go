// Package timestamp gets RFC 3161 time-stamps for a log's checkpoints and
// verifies them.
//
// A checkpoint says what was in the log, a token of an independent authority
// says when at the latest: together they bound the time of every entry before
// it, and a log that was put back to an older state, archive and all, can no
// longer hide that a newer one existed. One token on the newest checkpoint
// covers all earlier entries, since the tree is append-only. An authority's
// certificate ends some day; before it does the newest checkpoint is stamped
// again, and the anchor entries in the log, which carry the digests of earlier
// tokens, come under the new one.
//
// A response is accepted only if it answers this very request: the imprint,
// the nonce, a policy the caller allows, a chain to the authority's pinned
// anchors at the stated time, and that time close to our own clock. What is
// kept is the whole response, because that is what `openssl ts -verify -in`
// reads. Parsing and verification of tokens live in artifact/cms; nothing here
// can make one.
package timestamp

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"seihon/artifact/cms"
	"seihon/internal/redirect"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// An Authority is a time-stamping authority that is trusted.
type Authority struct {
	Name     string // part of a file name: lower case, digits, dots, dashes
	URL      string
	Anchors  []*x509.Certificate // at least one
	Policies []string            // allowed ones, dotted; the first is asked for; empty = any
}

// A Stamp is what a verified token says.
type Stamp struct {
	Authority string
	Time      time.Time
	Policy    string
	Serial    *big.Int
	Expires   time.Time // end of the authority's certificate
}

// Config says how to ask.
type Config struct {
	HTTP    *http.Client     // nil = one that follows no redirect
	Timeout time.Duration    // of one request; 0 = 30 s
	MaxSkew time.Duration    // between the token's time and ours; 0 = 5 min
	Now     func() time.Time // nil = time.Now
	Rand    io.Reader        // of nonces; nil = crypto/rand
}

func (c *Config) complete() {
	if c.HTTP == nil {
		c.HTTP = &http.Client{CheckRedirect: redirect.Never}
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.MaxSkew == 0 {
		c.MaxSkew = 5 * time.Minute
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
}

// maxResponse caps what an authority may send.
const maxResponse = 1 << 20

// Ask gets a token for message and returns the verified response.
func Ask(ctx context.Context, a Authority, message []byte, c Config) (response []byte, stamp *Stamp, err error) {
	c.complete()
	response, stamp, err = ask(ctx, a, message, c)
	if err != nil {
		return nil, nil, fmt.Errorf("asking time-stamping authority %s: %w", a.Name, err)
	}
	return response, stamp, nil
}

func ask(ctx context.Context, a Authority, message []byte, c Config) ([]byte, *Stamp, error) {
	random := make([]byte, 8)
	if _, err := io.ReadFull(c.Rand, random); err != nil {
		return nil, nil, fmt.Errorf("making a nonce: %w", err)
	}
	nonce := new(big.Int).SetBytes(random)
	request, err := Request(message, nonce, a.Policies)
	if err != nil {
		return nil, nil, err
	}
	response, err := post(ctx, a.URL, request, c)
	if err != nil {
		return nil, nil, err
	}
	t, stamp, err := verify(response, message, a)
	if err != nil {
		return nil, nil, err
	}
	if t.Nonce == nil || t.Nonce.Cmp(nonce) != 0 {
		return nil, nil, errors.New("the token has another nonce than the request: it is the answer to another one")
	}
	if skew := c.Now().Sub(t.Time).Abs(); skew > c.MaxSkew {
		return nil, nil, fmt.Errorf("the token says %s, which is %s from this machine's clock",
			t.Time.UTC().Format(time.RFC3339), skew.Round(time.Second))
	}
	return response, stamp, nil
}

// Request encodes a TimeStampReq, RFC 3161 section 2.4.1.
func Request(message []byte, nonce *big.Int, policies []string) ([]byte, error) {
	var policy asn1.ObjectIdentifier
	if len(policies) > 0 {
		for _, part := range strings.Split(policies[0], ".") {
			n, err := strconv.Atoi(part)
			if err != nil || n < 0 {
				return nil, fmt.Errorf("%q is not an object identifier", policies[0])
			}
			policy = append(policy, n)
		}
	}
	imprint := sha256.Sum256(message)
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}) // id-sha256
				b.AddASN1NULL()
			})
			b.AddASN1OctetString(imprint[:])
		})
		if policy != nil {
			b.AddASN1ObjectIdentifier(policy)
		}
		b.AddASN1BigInt(nonce)
		b.AddASN1Boolean(true) // certReq: a token that lacks the certificate is of no use in twenty years
	})
	return b.Bytes()
}

func post(ctx context.Context, url string, request []byte, c Config) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/timestamp-query")
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxResponse+1))
	switch {
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers %s: %.200q", url, res.Status, body)
	case err != nil:
		return nil, fmt.Errorf("reading the answer of %s: %w", url, err)
	case len(body) > maxResponse:
		return nil, fmt.Errorf("%s answers with more than %d bytes", url, maxResponse)
	}
	if t, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil ||
		t != "application/timestamp-reply" {
		return nil, fmt.Errorf("%s answers with the content type %q, not application/timestamp-reply", url,
			res.Header.Get("Content-Type"))
	}
	return body, nil
}

// Verify checks a stored response, or a bare token, over message. It must be
// of one of the authorities.
func Verify(response, message []byte, authorities []Authority) (*Stamp, error) {
	if len(authorities) == 0 {
		return nil, errors.New("verifying time-stamp: no authority is trusted")
	}
	var errs []error
	for _, a := range authorities {
		_, s, err := verify(response, message, a)
		if err == nil {
			return s, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", a.Name, err))
	}
	return nil, fmt.Errorf("verifying time-stamp: %w", errors.Join(errs...))
}

func verify(response, message []byte, a Authority) (*cms.Timestamp, *Stamp, error) {
	token, err := parseResponse(response)
	if err != nil {
		return nil, nil, err
	}
	if len(a.Anchors) == 0 {
		return nil, nil, errors.New("the authority has no anchor")
	}
	t, err := cms.VerifyTimestamp(token, message, a.Anchors)
	if err != nil {
		return nil, nil, err
	}
	if len(a.Policies) > 0 && !slices.Contains(a.Policies, t.Policy) {
		return nil, nil, fmt.Errorf("the token's policy %s is not one of %v", t.Policy, a.Policies)
	}
	return t, &Stamp{Authority: a.Name, Time: t.Time.UTC(), Policy: t.Policy, Serial: t.Serial,
		Expires: t.Certificate.NotAfter.UTC()}, nil
}

// failures are the bits of PKIFailureInfo, RFC 3161 section 2.4.2.
var failures = map[int]string{
	0: "unrecognised algorithm", 2: "bad request", 5: "bad data format", 14: "time not available",
	15: "policy not supported", 16: "extension not supported", 17: "additional information not available",
	25: "system failure",
}

// parseResponse gives the token of a TimeStampResp that grants one. Its status
// must be 0 or 1; anything else comes without a token.
func parseResponse(der []byte) ([]byte, error) {
	in := cryptobyte.String(der)
	var body, info cryptobyte.String
	var status int64
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() {
		return nil, errors.New("the answer is not DER")
	}
	if body.PeekASN1Tag(cbasn1.OBJECT_IDENTIFIER) {
		return der, nil // a bare token
	}
	if !body.ReadASN1(&info, cbasn1.SEQUENCE) || !info.ReadASN1Integer(&status) {
		return nil, errors.New("the answer is not a time-stamp response")
	}
	if status == 0 || status == 1 {
		var token cryptobyte.String
		if !body.ReadASN1Element(&token, cbasn1.SEQUENCE) || !body.Empty() {
			return nil, errors.New("the answer grants a token and has none")
		}
		return token, nil
	}
	why := fmt.Sprintf("status %d", status)
	var free, text cryptobyte.String
	if info.PeekASN1Tag(cbasn1.SEQUENCE) && info.ReadASN1(&free, cbasn1.SEQUENCE) {
		for free.ReadASN1(&text, cbasn1.UTF8String) {
			why += fmt.Sprintf(", %q", string(text))
		}
	}
	var bits asn1.BitString
	if info.ReadASN1BitString(&bits) {
		for i := range bits.BitLength {
			if bits.At(i) == 1 {
				why += ", " + failures[i]
			}
		}
	}
	return nil, fmt.Errorf("the authority refuses: %s", why)
}
