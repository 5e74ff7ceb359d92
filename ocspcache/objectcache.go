package ocspcache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"
)

// An objectCache holds copies of the objects that clients asked for. A copy is
// fresh for a while. A copy that is a little older still answers at once, and the
// origin is asked in the background; a much older one waits for the origin, but not
// for long. Whatever the origin does, the last good copy goes on.
type objectCache struct {
	fetch    *fetcher
	fresh    time.Duration
	patience time.Duration // how long a client waits for the origin when there is a copy
	longest  time.Duration // how long one waits when there is none
	now      func() time.Time
	logger   *zap.Logger
	describe *describer
	copies   *copies

	slots chan struct{}       // bounds the requests to the origin
	bytes *semaphore.Weighted // bounds what they have written and not yet counted

	mu      sync.Mutex
	flights map[string]*flight
	ctx     context.Context // of the work in the background, until close
	stop    context.CancelFunc
	work    sync.WaitGroup
}

// A flight is one refresh, however many wait for it.
type flight struct {
	done chan struct{}
	err  error
}

const (
	maxFetches      = 16
	maxQueue        = 64
	defaultPatience = 2 * time.Second
	defaultLongest  = 10 * time.Second
)

var errSlow = errors.New("the origin takes too long")

func newObjectCache(dir string, limits Limits, f *fetcher, fresh time.Duration, now func() time.Time,
	logger *zap.Logger) *objectCache {
	limits.complete()
	c := &objectCache{
		fetch: f, fresh: fresh, patience: defaultPatience, longest: defaultLongest, now: now, logger: logger,
		describe: newDescriber(),
		copies:   newCopies(dir, limits), slots: make(chan struct{}, maxFetches),
		bytes: semaphore.NewWeighted(limits.Bytes), flights: make(map[string]*flight),
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// close ends the work in the background.
func (c *objectCache) close() {
	c.stop()
	c.work.Wait()
}

// open opens the object of that name.
func (c *objectCache) open(ctx context.Context, name string) (*Object, error) {
	e := c.copies.get(name)
	if age := c.now().Sub(e.looked); age >= c.fresh {
		if err := c.renew(ctx, name, e, age); err != nil {
			return nil, err
		}
		e = c.copies.get(name)
	}
	if e.absent {
		return nil, fmt.Errorf("opening object %q: %w", name, fs.ErrNotExist)
	}
	f, err := c.copies.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening object %q: origin cannot be reached and there is no copy", name)
	}
	if err != nil {
		return nil, err
	}
	return openDescribed(c.describe, name, f)
}

// renew asks the origin about a copy that is not fresh, or about a name that has
// none, and waits for it as long as that is worth it.
func (c *objectCache) renew(ctx context.Context, name string, e cached, age time.Duration) error {
	switch {
	case !e.present:
		if err := c.wait(ctx, name, c.longest); err != nil && !e.absent {
			return fmt.Errorf("opening object %q: there is no copy, and the origin gives none: %w", name, err)
		}
	case age < 2*c.fresh:
		_ = c.start(name) // nil when too many wait: a later request begins it
	default:
		if err := c.wait(ctx, name, c.patience); err != nil {
			c.logger.Warn("object cannot be refreshed, the last copy stays in use", zap.String("name", name),
				zap.Error(err))
		}
	}
	return nil
}

// start begins the refresh of a name, or joins the one that is under way; nil
// when too many names wait for the origin already.
func (c *objectCache) start(name string) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[name]; f != nil {
		return f
	}
	if len(c.flights) >= maxFetches+maxQueue || c.ctx.Err() != nil {
		return nil
	}
	f := &flight{done: make(chan struct{})}
	c.flights[name] = f
	c.work.Go(func() {
		f.err = c.queued(name)
		c.mu.Lock()
		delete(c.flights, name)
		c.mu.Unlock()
		close(f.done)
	})
	return f
}

// queued waits for a slot, not longer than anybody waits for the answer, and refreshes.
func (c *objectCache) queued(name string) error {
	timer := time.NewTimer(c.longest)
	defer timer.Stop()
	select {
	case c.slots <- struct{}{}:
	case <-timer.C:
		return fmt.Errorf("%w with %d other objects", errSlow, maxFetches)
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
	defer func() { <-c.slots }()
	return c.refresh(c.ctx, name)
}

// wait refreshes a copy and waits for that, but not longer than patience: the
// refresh goes on without the client.
func (c *objectCache) wait(ctx context.Context, name string, patience time.Duration) error {
	f := c.start(name)
	if f == nil {
		return fmt.Errorf("%w with %d other objects", errSlow, maxFetches+maxQueue)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-f.done:
		return f.err
	case <-timer.C:
		return errSlow
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refresh asks the origin for a newer copy.
func (c *objectCache) refresh(ctx context.Context, name string) error {
	e := c.copies.get(name)
	res, err := c.fetch.get(ctx, name, e.etag)
	switch {
	case errors.Is(err, errNotModified):
		c.copies.looked(name, c.now())
		return nil
	case errors.Is(err, fs.ErrNotExist):
		c.copies.absent(name, c.now())
		return nil
	case err != nil:
		// Do not ask again at once: the copy serves, or nothing does.
		c.copies.looked(name, c.now())
		return err
	}
	defer res.Body.Close()
	if err := c.store(ctx, name, res); err != nil {
		c.copies.looked(name, c.now())
		return err
	}
	return nil
}

// store writes the answer of the origin to the copy, with the origin's time.
func (c *objectCache) store(ctx context.Context, name string, res *http.Response) error {
	most := min(int64(maxObject), c.copies.limits.Bytes)
	if res.ContentLength >= 0 {
		most = min(most, res.ContentLength)
	}
	// What is being written is not counted yet: together it must fit, too.
	if err := c.bytes.Acquire(ctx, most); err != nil {
		return fmt.Errorf("fetching %q: %w", name, err)
	}
	defer c.bytes.Release(most)
	modified, _ := http.ParseTime(res.Header.Get("Last-Modified")) // without one, that of the copy
	return c.copies.put(name, res.Header.Get("ETag"), c.now(), modified, func(w io.Writer) error {
		n, err := io.Copy(w, io.LimitReader(res.Body, most+1))
		if err == nil && n > most {
			err = fmt.Errorf("more than %d bytes", most)
		}
		if err != nil {
			return fmt.Errorf("fetching %q: %w", name, err)
		}
		return nil
	})
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
