package document

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"seihon/artifact/cms"
	"seihon/internal/redirect"
)

// Timestamper takes a DER TimeStampReq to an authority and brings back its DER TimeStampResp (RFC 3161). The signing
// room has no network way out, so this may as well be a file that travels.
type Timestamper func(ctx context.Context, request []byte) (response []byte, err error)

// HTTPTimestamper asks an authority over HTTP, RFC 3161 section 3.4. The deadline is the context's; a nil client is
// one that follows no redirect.
func HTTPTimestamper(client *http.Client, url string) Timestamper {
	if client == nil {
		client = &http.Client{CheckRedirect: redirect.Never}
	}
	return func(ctx context.Context, request []byte) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(request))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/timestamp-query")
		resp, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/timestamp-reply" {
			return nil, fmt.Errorf("the authority answered %s with %q", resp.Status, resp.Header.Get("Content-Type"))
		}
		return body, nil
	}
}

// timestamp returns a token over the message, checked in everything but the authority's chain, which is for verifiers
// to judge.
func timestamp(ctx context.Context, ask Timestamper, message []byte) ([]byte, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, fmt.Errorf("time-stamping: drawing a nonce: %w", err)
	}
	request, err := timestampRequest(message, nonce)
	if err != nil {
		return nil, fmt.Errorf("time-stamping: encoding the request: %w", err)
	}
	response, err := ask(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("time-stamping: %w", err)
	}
	token, err := tokenOf(response)
	if err != nil {
		return nil, fmt.Errorf("time-stamping: %w", err)
	}
	t, err := cms.VerifyTimestamp(token, message, nil)
	if err != nil {
		return nil, fmt.Errorf("time-stamping: %w", err)
	}
	if t.Nonce == nil || t.Nonce.Cmp(nonce) != 0 {
		return nil, errors.New("time-stamping: the nonce is not that of the request: a replayed answer")
	}
	return token, nil
}

func timestampRequest(message []byte, nonce *big.Int) ([]byte, error) {
	sum := sha256.Sum256(message)
	var b cryptobyte.Builder
	sequence(&b, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		sequence(b, func(b *cryptobyte.Builder) { // MessageImprint
			sequence(b, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(digestOIDs[crypto.SHA256])
				b.AddASN1NULL() // as every authority expects it, RFC 5754 section 2 allows both
			})
			b.AddASN1OctetString(sum[:])
		})
		b.AddASN1BigInt(nonce)
		b.AddASN1Boolean(true) // certReq: the token must stand alone
	})
	return b.Bytes()
}

// tokenOf takes the token out of a granted response, RFC 3161 section 2.4.2.
func tokenOf(response []byte) ([]byte, error) {
	in := cryptobyte.String(response)
	var body, status, token cryptobyte.String
	var code int
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadASN1(&status, cbasn1.SEQUENCE) ||
		!status.ReadASN1Integer(&code) {
		return nil, errors.New("parsing the response: it is not a TimeStampResp")
	}
	if code != 0 && code != 1 { // granted, grantedWithMods
		return nil, fmt.Errorf("the authority refused with status %d: %s", code, statusText(status))
	}
	if !body.ReadASN1Element(&token, cbasn1.SEQUENCE) || !body.Empty() {
		return nil, errors.New("parsing the response: the token is missing")
	}
	return token, nil
}

// statusText returns the authority's words, printable, or nothing.
func statusText(status cryptobyte.String) string {
	var list, text cryptobyte.String
	if !status.ReadASN1(&list, cbasn1.SEQUENCE) || !list.ReadASN1(&text, cbasn1.UTF8String) {
		return "no reason given"
	}
	return fmt.Sprintf("%.200q", string(text))
}
