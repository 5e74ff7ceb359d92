package purge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// Limits bound what is asked of a CDN. The zero value means the defaults.
type Limits struct {
	RequestTimeout time.Duration // one request; default 30 s
	Attempts       int           // tries of one request; default 6
	Backoff        time.Duration // bound of the first pause, doubled each time; default 1 s
	Poll           time.Duration // between two looks while waiting; default 5 s
	Logger         *zap.Logger   // nil: none
}

func (l Limits) withDefaults() Limits {
	if l.RequestTimeout <= 0 {
		l.RequestTimeout = 30 * time.Second
	}
	if l.Attempts <= 0 {
		l.Attempts = 6
	}
	if l.Backoff <= 0 {
		l.Backoff = time.Second
	}
	if l.Poll <= 0 {
		l.Poll = 5 * time.Second
	}
	if l.Logger == nil {
		l.Logger = zap.NewNop()
	}
	return l
}

// later is an error after which the same request may succeed.
type later struct {
	err   error
	after time.Duration // what the CDN asked for; zero: nothing
}

func (l *later) Error() string { return l.err.Error() }
func (l *later) Unwrap() error { return l.err }

// try sends one request until it succeeds, fails for good, or the tries are
// used up.
func (l Limits) try(ctx context.Context, request func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		err := l.once(ctx, request)
		var again *later
		if err == nil || !errors.As(err, &again) || ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		if attempt >= l.Attempts {
			return fmt.Errorf("giving up after %d tries: %w", attempt, err)
		}
		pause := max(again.after, time.Duration(rand.Float64()*float64(l.Backoff<<(attempt-1))))
		l.Logger.Debug("CDN did not take a request, trying again", zap.Int("attempt", attempt),
			zap.Duration("pause", pause), zap.Error(err))
		if pauseErr := sleep(ctx, pause); pauseErr != nil {
			return errors.Join(err, pauseErr)
		}
	}
}

func (l Limits) once(ctx context.Context, request func(context.Context) error) error {
	one, cancel := context.WithTimeoutCause(ctx, l.RequestTimeout, fmt.Errorf("no answer within %v", l.RequestTimeout))
	defer cancel()
	err := request(one)
	if err != nil && ctx.Err() == nil && one.Err() != nil {
		return &later{err: fmt.Errorf("%w: %w", context.Cause(one), err)}
	}
	return err
}

// sleep waits, or returns why it was disturbed.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// retryable reports whether a status says that the CDN is busy or not well.
func retryable(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusRequestTimeout ||
		status >= 500 && status != http.StatusNotImplemented
}

// retryAfter reads the header of that name, in seconds; a pause of more than a
// minute is no use in an emergency.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n)*time.Second, time.Minute)
}
