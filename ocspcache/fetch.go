package ocspcache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"seihon/artifact"
	"seihon/internal/redirect"
)

var errNotModified = errors.New("not modified")

// A fetcher gets objects below a base URL.
type fetcher struct {
	base   string // ends with a slash
	client *http.Client
	grace  time.Duration // see pace
}

func newFetcher(base string, client *http.Client) *fetcher {
	if client == nil {
		client = &http.Client{
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, DisableCompression: true, ForceAttemptHTTP2: true,
				MaxIdleConnsPerHost: 8, IdleConnTimeout: 90 * time.Second, ResponseHeaderTimeout: 20 * time.Second,
				TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10,
			},
			// Public names are answered where they are; a redirect is a
			// misconfigured bucket, and following it would hide that.
			CheckRedirect: redirect.None,
		}
	}
	return &fetcher{base: base, client: client, grace: defaultGrace}
}

// An object may take half a minute, and as long as a line of 2 Mbit/s needs.
const (
	defaultGrace   = 30 * time.Second
	leastPerSecond = 256 << 10
)

// timeFor is the time that an object of that size may take.
func timeFor(size int64) time.Duration {
	return defaultGrace + time.Duration(size/leastPerSecond)*time.Second
}

// get asks for an object; the body of the result is not nil, and reading it fails
// when the origin trickles.
func (f *fetcher) get(ctx context.Context, name, etag string) (*http.Response, error) {
	p := newPace(ctx, f.grace)
	res, err := f.ask(p.ctx, name, etag)
	if err != nil {
		err = p.explain(err)
		p.end()
		return nil, err
	}
	p.body, res.Body = res.Body, p
	return res, nil
}

func (f *fetcher) ask(ctx context.Context, name, etag string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.base+name, nil)
	if err != nil {
		return nil, fmt.Errorf("fetching %q: %w", name, err)
	}
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	res, err := f.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetching %q: %w", name, err)
	}
	switch res.StatusCode {
	case http.StatusOK:
		return res, nil
	case http.StatusNotModified:
		err = errNotModified
	case http.StatusNotFound, http.StatusForbidden, http.StatusGone:
		// A bucket without the right to list answers 403 for what is not there.
		err = fmt.Errorf("fetching %q: answer is %s: %w", name, res.Status, fs.ErrNotExist)
	default:
		err = fmt.Errorf("fetching %q: answer is %s", name, res.Status)
	}
	return nil, errors.Join(err, res.Body.Close())
}

// small fetches an object of at most so many bytes into memory.
func (f *fetcher) small(ctx context.Context, name, etag string,
	most int64) (content []byte, newETag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeFor(0))
	defer cancel()
	res, err := f.get(ctx, name, etag)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	content, err = io.ReadAll(io.LimitReader(res.Body, most+1))
	if err != nil {
		return nil, "", fmt.Errorf("fetching %q: %w", name, err)
	}
	if int64(len(content)) > most {
		return nil, "", fmt.Errorf("fetching %q: more than %d bytes", name, most)
	}
	return content, res.Header.Get("ETag"), nil
}

// bundle fetches a bundle to path. The file appears only when it is complete and
// has the digest that the generation says.
func (f *fetcher) bundle(ctx context.Context, name, path string, want GenerationBundle) error {
	ctx, cancel := context.WithTimeout(ctx, timeFor(want.Size))
	defer cancel()
	res, err := f.get(ctx, name, "")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return writeFile(path, func(w io.Writer) error {
		sum := sha256.New()
		n, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(res.Body, want.Size+1))
		if err != nil {
			return fmt.Errorf("fetching %q: %w", name, err)
		}
		if got := artifact.Digest(sum.Sum(nil)); got != want.Digest {
			return fmt.Errorf("fetching %q: got %d bytes with SHA-256 %s, want %d", name, n, got, want.Size)
		}
		return nil
	})
}

// replaceFile gives the file at path a new content, whole or not at all.
func replaceFile(path string, content []byte) error {
	return writeFile(path, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(content))
		return err
	})
}

// writeFile writes a file beside path and renames it when that succeeded. The
// cache may be lost, but not be half-written: the file is synced before.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the error above is the one that counts
	}
	return err
}
