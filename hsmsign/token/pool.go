package token

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/pkcs11"
	"go.uber.org/zap"
)

// session is one place in the pool. Its session in the token is opened when it is first needed.
type session struct {
	handle pkcs11.SessionHandle
	line   *connection // nil: not open
}

// signFunc makes one signature on one session.
type signFunc func(c *pkcs11.Ctx, s pkcs11.SessionHandle, m []*pkcs11.Mechanism, key pkcs11.ObjectHandle,
	input []byte) ([]byte, error)

func signOnce(c *pkcs11.Ctx, s pkcs11.SessionHandle, m []*pkcs11.Mechanism, key pkcs11.ObjectHandle,
	input []byte) ([]byte, error) {
	err := c.SignInit(s, m, key)
	if err != nil {
		return nil, err
	}
	return c.Sign(s, input)
}

const (
	maxThrottled = 5 // tries of one signature while the token says it is busy: pauses add up to 3.1 s
	maxStale     = 5 // how often the module may be initialised anew before one signature is so much as tried
)

// sign makes one signature with k and survives what can be survived.
func (t *Token) sign(ctx context.Context, k *Key, m []*pkcs11.Mechanism, input []byte) ([]byte, error) {
	retried, throttled, stale, pause := false, 0, 0, firstPause
	for {
		s, err := t.borrow(ctx)
		if err != nil {
			return nil, err
		}
		line := t.line.Load()
		signature, err := t.signWith(ctx, s, line, k, m, input)
		if err == nil {
			return signature, nil
		}
		remedy := remedyFor(err)
		switch {
		case errors.Is(err, errFewerSessions):
			continue
		case remedy == waitAndRetry && throttled < maxThrottled:
			throttled++
			err = sleep(ctx, pause)
			pause *= 2
		case errors.Is(err, errStale) && stale < maxStale: // nothing was tried yet
			stale++
			k.forget()
			err = t.reconnect(ctx, line, err)
		case (remedy == newSession || remedy == newModule) && !retried:
			retried = true
			k.forget()
			if remedy == newModule || !t.alive(ctx, line) {
				err = t.reconnect(ctx, line, err)
			} else {
				err = nil
			}
		}
		if err != nil {
			return nil, err
		}
	}
}

// borrow takes a session from the pool. It waits as long as it takes while others sign, but not for sessions that hang.
func (t *Token) borrow(ctx context.Context) (*session, error) {
	err := t.usable()
	if err != nil {
		return nil, err
	}
	select {
	case s := <-t.pool:
		return s, nil
	default:
	}
	tick := time.NewTicker(t.cfg.Timeout)
	defer tick.Stop()
	for {
		select {
		case s := <-t.pool:
			return s, t.usable()
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
			if n := t.hung.Load(); n > 0 && n >= t.size.Load() {
				return nil,
					fmt.Errorf("waiting for a session with token %s: %w: all %d hang; look at the HSM and the "+
						"way to it", t.want, ErrTimeout, n)
			}
		}
	}
}

// errFewerSessions says that the token has no more sessions to give and the pool has been made smaller.
var errFewerSessions = errors.New("the token has fewer sessions than configured")

// signWith signs on s and sees to it that s, or a fresh place for it, goes back to the pool.
func (t *Token) signWith(ctx context.Context, s *session, line *connection, k *Key, m []*pkcs11.Mechanism,
	input []byte) ([]byte, error) {
	err := t.ready(ctx, s, line)
	if isRV(err, pkcs11.CKR_SESSION_COUNT) && t.shrink() {
		return nil, errFewerSessions
	}
	var key pkcs11.ObjectHandle
	if err == nil {
		key, err = k.handle(ctx, line)
	}
	if err != nil {
		t.drop(ctx, s)
		t.pool <- s
		return nil, err
	}
	var signature []byte
	handle := s.handle
	err = t.module.call(ctx, line.gen, t.cfg.Timeout, func(c *pkcs11.Ctx) error {
		var err error
		signature, err = t.cfg.sign(c, handle, m, key, input)
		return err
	}, func() { // it came back after all
		t.closeSession(context.Background(), line.gen, handle)
		t.hung.Add(-1)
		t.pool <- &session{}
	})
	if wasLeftBehind(err) {
		t.hung.Add(1)
		return nil, err
	}
	if err != nil {
		t.drop(ctx, s) // whatever state the session is in, it is not worth finding out
	}
	t.pool <- s
	if err != nil {
		return nil, err
	}
	return signature, nil
}

// ready makes sure that s is open on line.
func (t *Token) ready(ctx context.Context, s *session, line *connection) error {
	if s.line == line {
		return nil
	}
	t.drop(ctx, s)
	var handle pkcs11.SessionHandle
	err := t.module.call(ctx, line.gen, t.cfg.Timeout, func(c *pkcs11.Ctx) error {
		var err error
		handle, err = c.OpenSession(line.slot, pkcs11.CKF_SERIAL_SESSION)
		return err
	}, nil)
	if err != nil {
		return fmt.Errorf("opening a session with token %s: %w", t.want, err)
	}
	s.handle, s.line = handle, line
	return nil
}

// drop closes the session of s, if it has one.
func (t *Token) drop(ctx context.Context, s *session) {
	if s.line == nil {
		return
	}
	t.closeSession(ctx, s.line.gen, s.handle)
	s.line = nil
}

// shrink takes one place out of the pool for good, unless it is the last.
func (t *Token) shrink() bool {
	for {
		n := t.size.Load()
		if n <= 1 {
			return false
		}
		if t.size.CompareAndSwap(n, n-1) {
			t.log.Warn("token has no more sessions, going on with fewer", zap.String("token", t.want.String()),
				zap.Int32("sessions", n-1))
			return true
		}
	}
}
