package ocspcache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"
)

// An objectCache holds copies of the objects that clients asked for. A copy is
// used for a while, then asked for again with its ETag; when that fails, the last
// good one goes on.
type objectCache struct {
	dir      string
	fetch    *fetcher
	fresh    time.Duration
	now      func() time.Time
	logger   *zap.Logger
	describe *describer

	flight singleflight.Group
	slots  chan struct{} // bounds the requests to the origin
	mu     sync.Mutex
	known  map[string]cached
}

// cached is what is known about a name.
type cached struct {
	etag   string
	looked time.Time
	absent bool
}

const (
	maxKnownNames = 1 << 16
	maxFetches    = 16
)

func newObjectCache(dir string, f *fetcher, fresh time.Duration, now func() time.Time, logger *zap.Logger) *objectCache {
	return &objectCache{
		dir: dir, fetch: f, fresh: fresh, now: now, logger: logger, describe: newDescriber(),
		slots: make(chan struct{}, maxFetches), known: make(map[string]cached),
	}
}

// path is where the copy of an object lies. Names become hashes, so that no name
// can leave the directory or clash with a folder.
func (c *objectCache) path(name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(c.dir, hex.EncodeToString(sum[:]))
}

// open opens the object of that name.
func (c *objectCache) open(ctx context.Context, name string) (*Object, error) {
	entry := c.entry(name)
	if c.now().Sub(entry.looked) >= c.fresh {
		// All who ask for a name at once share one request, which outlives the
		// client that began it.
		shared := context.WithoutCancel(ctx)
		_, err, _ := c.flight.Do(name, func() (any, error) { return nil, c.refresh(shared, name) })
		if err != nil {
			c.logger.Warn("object cannot be refreshed, the last copy stays in use", zap.String("name", name), zap.Error(err))
		}
		entry = c.entry(name)
	}
	if entry.absent {
		return nil, fmt.Errorf("opening object %q: %w", name, fs.ErrNotExist)
	}
	f, err := os.Open(c.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening object %q: origin cannot be reached and there is no copy", name)
	}
	if err != nil {
		return nil, err
	}
	return openDescribed(c.describe, name, f)
}

func (c *objectCache) entry(name string) cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[name]
}

func (c *objectCache) set(name string, e cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxKnownNames {
		clear(c.known)
	}
	c.known[name] = e
}

// refresh asks the origin for a newer copy.
func (c *objectCache) refresh(ctx context.Context, name string) error {
	c.slots <- struct{}{}
	defer func() { <-c.slots }()
	ctx, cancel := context.WithTimeout(ctx, timeFor(maxObject))
	defer cancel()
	entry := c.entry(name)
	entry.looked = c.now()
	res, err := c.fetch.get(ctx, name, entry.etag)
	switch {
	case errors.Is(err, errNotModified):
		c.set(name, entry)
		return nil
	case errors.Is(err, fs.ErrNotExist):
		c.set(name, cached{looked: c.now(), absent: true})
		return nil
	case err != nil:
		// Do not ask again at once: the copy serves, or nothing does.
		c.set(name, entry)
		return err
	}
	defer res.Body.Close()
	if err := c.store(name, res); err != nil {
		c.set(name, entry)
		return err
	}
	c.set(name, cached{etag: res.Header.Get("ETag"), looked: c.now()})
	return nil
}

// store writes the answer of the origin to the copy, with the origin's time.
func (c *objectCache) store(name string, res *http.Response) error {
	path := c.path(name)
	err := writeFile(path, func(w io.Writer) error {
		n, err := io.Copy(w, io.LimitReader(res.Body, maxObject+1))
		if err == nil && n > maxObject {
			err = fmt.Errorf("more than %d bytes", int64(maxObject))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("fetching %q: %w", name, err)
	}
	if t, err := http.ParseTime(res.Header.Get("Last-Modified")); err == nil {
		return os.Chtimes(path, t, t)
	}
	return nil
}

// openDescribed describes the object in f and closes f when that fails.
func openDescribed(d *describer, name string, f *os.File) (*Object, error) {
	o, err := d.open(name, f)
	if err != nil {
		_ = f.Close() // only read
		return nil, err
	}
	return o, nil
}
