//go:build !nocloud

package purge

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"seihon/internal/redirect"
	"seihon/publish/credentials"
)

// cloudCDNPaths keeps one purge well below the 500 invalidations that Cloud CDN
// takes in a minute, as read on 2026-11-24: each path is one of them.
const cloudCDNPaths = 100

// CloudCDNConfig says which URL map.
type CloudCDNConfig struct {
	Project  string
	URLMap   string // of the global load balancer
	Endpoint string // of the Compute API; empty: Google
	Limits   Limits
}

// CloudCDN is Google Cloud CDN behind a global load balancer. The identity
// needs compute.urlMaps.invalidateCache, and compute.globalOperations.get to wait.
//
// It speaks REST itself: two calls do not need the client of all of Compute.
type CloudCDN struct {
	client *http.Client
	global string // address of the project's global resources
	c      CloudCDNConfig
}

// OpenCloudCDN makes a client of the URL map. It sends no request.
func OpenCloudCDN(ctx context.Context, c CloudCDNConfig) (*CloudCDN, error) {
	c.Limits = c.Limits.withDefaults()
	if c.Endpoint == "" {
		c.Endpoint = "https://compute.googleapis.com"
	}
	transport, err := credentials.Google(ctx, http.DefaultTransport, "https://www.googleapis.com/auth/compute")
	if err != nil {
		return nil, fmt.Errorf("opening URL map %q: %w", c.URLMap, err)
	}
	return &CloudCDN{
		client: &http.Client{Transport: transport, CheckRedirect: redirect.None},
		global: c.Endpoint + "/compute/v1/projects/" + url.PathEscape(c.Project) + "/global/", c: c,
	}, nil
}

// Fold implements CDN.
func (d *CloudCDN) Fold(paths []string) ([]string, error) { return fold(paths, cloudCDNPaths), nil }

// An operation is Compute's answer.
type operation struct {
	Name   string
	Status string
	Error  struct {
		Errors []struct{ Code, Message string }
	}
}

func (o operation) err() error {
	var errs []error
	for _, e := range o.Error.Errors {
		errs = append(errs, fmt.Errorf("%s: %s", e.Code, e.Message))
	}
	return errors.Join(errs...)
}

// Purge implements CDN. Each path is an invalidation of its own.
func (d *CloudCDN) Purge(ctx context.Context, paths []string) ([]Receipt, error) {
	var receipts []Receipt
	for _, p := range paths {
		body, err := json.Marshal(map[string]string{"path": p})
		if err != nil {
			return receipts, fmt.Errorf("invalidating %q: %w", p, err)
		}
		// With the same request id a second try is the same invalidation.
		address := d.global + "urlMaps/" + url.PathEscape(d.c.URLMap) + "/invalidateCache?requestId=" + newID()
		op, err := d.call(ctx, http.MethodPost, address, body)
		if err == nil {
			err = op.err()
		}
		if err != nil {
			return receipts, fmt.Errorf("invalidating %q in URL map %q: %w", p, d.c.URLMap, err)
		}
		receipts = append(receipts, Receipt{Path: p, ID: op.Name, Done: op.Status == "DONE"})
	}
	return receipts, nil
}

// Wait implements CDN.
func (d *CloudCDN) Wait(ctx context.Context, receipts []Receipt) error {
	for i := range receipts {
		for r := &receipts[i]; !r.Done; {
			var op operation
			err := sleep(ctx, d.c.Limits.Poll)
			if err == nil {
				op, err = d.call(ctx, http.MethodGet, d.global+"operations/"+url.PathEscape(r.ID), nil)
			}
			if err == nil {
				err = op.err()
			}
			if err != nil {
				return fmt.Errorf("waiting for the invalidation of %q (%s): %w", r.Path, r.ID, err)
			}
			r.Done = op.Status == "DONE"
		}
	}
	return nil
}

// call sends one request and reads the operation that it stands for.
func (d *CloudCDN) call(ctx context.Context, method, address string, body []byte) (op operation, err error) {
	err = d.c.Limits.try(ctx, func(ctx context.Context) error {
		q, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
		if err != nil {
			return err
		}
		if body != nil {
			q.Header.Set("Content-Type", "application/json")
		}
		resp, err := d.client.Do(q)
		if err != nil {
			return &later{err: err}
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			return &later{err: fmt.Errorf("reading the answer: %w", err)}
		}
		if resp.StatusCode != http.StatusOK {
			return googleError(resp, b)
		}
		op = operation{}
		if err := json.Unmarshal(b, &op); err != nil || op.Name == "" {
			return fmt.Errorf("the answer is no operation of Compute")
		}
		return nil
	})
	return op, err
}

func googleError(resp *http.Response, body []byte) error {
	var answer struct {
		Error struct{ Message string }
	}
	err := errors.New(resp.Status)
	if json.Unmarshal(body, &answer) == nil && answer.Error.Message != "" {
		err = fmt.Errorf("%s: %.300s", resp.Status, answer.Error.Message)
	}
	if retryable(resp.StatusCode) {
		return &later{err: err, after: retryAfter(resp.Header)}
	}
	return err
}

// newID returns a random UUID (RFC 9562 version 4).
func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
