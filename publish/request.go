package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"seihon/artifact"
)

// Backoff between the tries of one request: full jitter under a doubling bound.
const (
	backoffFirst = 100 * time.Millisecond
	backoffMost  = 10 * time.Second
)

// A caller sends requests to one store: with a deadline for each, retries from
// one budget, and a count of all of them.
type caller struct {
	store  Store
	limits Limits
	gate   *gate
	now    func() time.Time
	random func() float64 // in [0, 1)
	logger *zap.Logger

	requests, retries atomic.Int64
	hits, misses      atomic.Int64 // of predicted tags
}

// A stored object is what a get brought.
type stored struct {
	digest artifact.Digest
	size   int64
	bytes  []byte // nil when only the digest was asked for
	etag   string
}

// unpredictable reports whether the store's tags turned out not to be those of
// the content, as with S3 and SSE-KMS. One miss may be a fault of the moment.
func (c *caller) unpredictable() bool { return c.misses.Load() >= 3 && c.hits.Load() == 0 }

// errBudget ends a sync whose target fails more often than it answers.
var errBudget = errors.New("the retry budget of this sync is spent: the target is not well; run again later")

// errTruncated reports a body that ended early without an error of its own.
var errTruncated = errors.New("body is shorter than the store said")

// put writes an object. The error tells by ErrConflict or ErrNotFound that the
// condition did not hold.
func (c *caller) put(ctx context.Context, o Object, cond Condition) (Receipt, error) {
	var r Receipt
	err := c.try(ctx, o.Size, func(ctx context.Context) error {
		var err error
		r, err = c.store.Put(ctx, o, cond)
		c.requests.Add(int64(max(0, r.Requests-1)))
		return err
	})
	return r, err
}

// get reads an object whole, keeping the bytes if keep is set.
func (c *caller) get(ctx context.Context, name string, size int64, keep bool) (*stored, error) {
	var s *stored
	err := c.try(ctx, size, func(ctx context.Context) error {
		r, err := c.store.Get(ctx, name)
		if err != nil {
			return err
		}
		defer r.Close()
		if r.ETag == "" {
			return fmt.Errorf("%w: it gives no tag of %q to make a write conditional on", ErrInvalid, name)
		}
		s, err = drain(r, keep)
		if err != nil {
			return fmt.Errorf("reading %q: %w", name, err)
		}
		return nil
	})
	return s, err
}

func drain(r *Reader, keep bool) (*stored, error) {
	h := sha256.New()
	var kept bytes.Buffer
	w := io.Writer(h)
	if keep {
		if r.Size > 0 {
			kept.Grow(int(min(r.Size, maxKept)))
		}
		w = io.MultiWriter(h, &kept)
	}
	n, err := io.Copy(w, io.LimitReader(r, maxObject+1))
	switch {
	case err != nil:
		return nil, err
	case n > maxObject || keep && n > maxKept:
		return nil, fmt.Errorf("object is larger than any artifact: more than %d bytes", n-1)
	case r.Size >= 0 && n != r.Size:
		return nil, errTruncated
	}
	return &stored{digest: artifact.Digest(h.Sum(nil)), size: n, bytes: kept.Bytes(), etag: r.ETag}, nil
}

// Bounds on what somebody may have put in our place.
const (
	maxKept   = 256 << 20
	maxObject = 64 << 30
)

// remove deletes the object with that tag.
func (c *caller) remove(ctx context.Context, name, etag string) error {
	return c.try(ctx, 0, func(ctx context.Context) error {
		return c.store.Delete(ctx, name, Condition{IfMatch: etag})
	})
}

// try sends one request until it succeeds, fails for good, or the tries are
// used up.
func (c *caller) try(ctx context.Context, size int64, request func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		err := c.once(ctx, size, request)
		if err == nil || final(err) || ctx.Err() != nil {
			return err
		}
		if attempt >= c.limits.Attempts {
			return fmt.Errorf("giving up after %d tries: %w", attempt, err)
		}
		if !c.mayRetry() {
			return fmt.Errorf("%w: %w", errBudget, err)
		}
		c.logger.Debug("request failed, trying again", zap.Int("attempt", attempt), zap.Error(err))
		if !sleep(ctx, c.backoff(attempt)) {
			return err
		}
	}
}

func (c *caller) once(ctx context.Context, size int64, request func(context.Context) error) error {
	limit := c.limits.RequestTimeout + time.Duration(size>>20)*time.Second
	one, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
	defer cancel()
	c.requests.Add(1)
	start := c.now()
	err := request(one)
	c.gate.observe(c.now().Sub(start), errors.Is(err, ErrBusy))
	if err != nil && ctx.Err() == nil && one.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(one), err)
	}
	return err
}

// final reports whether another try could not change the answer.
func final(err error) bool {
	return errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrDenied) ||
		errors.Is(err, ErrNoCredentials) ||
		errors.Is(err, ErrInvalid)
}

// mayRetry takes one retry from the budget, which grows with the work done.
func (c *caller) mayRetry() bool {
	used := c.retries.Add(1)
	return used <= int64(c.limits.RetryBudget)+c.requests.Load()/10
}

func (c *caller) backoff(attempt int) time.Duration {
	bound := min(backoffMost, backoffFirst<<min(attempt-1, 10))
	return time.Duration(c.random() * float64(bound))
}

// sleep waits and reports whether it was not disturbed.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
