//go:build integration

package token_test

import (
	"context"
	"crypto"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/pkcs11"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"seihon/hsmsign/token"
	"seihon/hsmsign/token/tokentest"
)

// makeKey makes a key in the token of cfg and closes it again.
func makeKey(t *testing.T, cfg token.Config, label, alg string) {
	t.Helper()
	tok, err := token.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tok.GenerateKey(t.Context(), label, alg)
	if err != nil {
		t.Fatal(err)
	}
	err = tok.Close()
	if err != nil {
		t.Fatal(err)
	}
}

// signer opens the token of cfg and finds the key.
func signer(t *testing.T, cfg token.Config, label string) *token.Key {
	t.Helper()
	key, err := tokentest.Open(t, cfg).Signer(t.Context(), token.KeySpec{Label: label})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// batch makes n signatures from many goroutines and returns the errors; each is called with the number done so far.
func batch(key *token.Key, n int, each func(done int)) []error {
	var done atomic.Int32
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	work := make(chan struct{})
	for range 12 {
		wg.Go(func() {
			for range work {
				_, err := key.Sign(nil, digest(crypto.SHA256), crypto.SHA256)
				if err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
				each(int(done.Add(1)))
			}
		})
	}
	for range n {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
	return errs
}

// TestFaults injects what a token can do wrong between the pool and a real SoftHSM, and counts the calls it costs.
func TestFaults(t *testing.T) {
	cfg := tokentest.Config(t)
	makeKey(t, cfg, "k", "p256")
	fail := func(rv uint, times int32) func(n int32) error {
		return func(n int32) error {
			if n <= times {
				return pkcs11.Error(rv)
			}
			return nil
		}
	}
	for _, test := range []struct {
		name  string
		fault func(n int32) error // for call number n
		calls int32
		is    error
		says  string
	}{
		{"none", fail(0, 0), 1, nil, ""},
		{"throttled twice", fail(pkcs11.CKR_FUNCTION_FAILED, 2), 3, nil, ""},
		{"session gone", fail(pkcs11.CKR_SESSION_HANDLE_INVALID, 1), 2, nil, ""},
		{"logged out", fail(pkcs11.CKR_USER_NOT_LOGGED_IN, 1), 2, nil, ""},
		{"key handle gone", fail(pkcs11.CKR_KEY_HANDLE_INVALID, 1), 2, nil, ""},
		{"device error once", fail(pkcs11.CKR_DEVICE_ERROR, 1), 2, nil, ""},
		{"device error for good", fail(pkcs11.CKR_DEVICE_ERROR, 100), 2, pkcs11.Error(pkcs11.CKR_DEVICE_ERROR),
			"signing with key"},
		{"session gone for good", fail(pkcs11.CKR_SESSION_HANDLE_INVALID, 100), 2,
			pkcs11.Error(pkcs11.CKR_SESSION_HANDLE_INVALID), "signing with key"},
		{"not permitted", fail(pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED, 100), 1,
			pkcs11.Error(pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED), "signing with key"},
		{"throttled for good", fail(pkcs11.CKR_FUNCTION_FAILED, 100), 6, pkcs11.Error(pkcs11.CKR_FUNCTION_FAILED),
			"signing with key"},
	} {
		// One after the other: a device error initialises the module anew, which the whole process shares.
		t.Run(test.name, func(t *testing.T) {
			var calls atomic.Int32
			key := signer(t, token.WithFault(cfg, func(next token.SignFunc) token.SignFunc {
				return func(c *pkcs11.Ctx, s pkcs11.SessionHandle, m []*pkcs11.Mechanism, k pkcs11.ObjectHandle,
					in []byte) ([]byte, error) {
					err := test.fault(calls.Add(1))
					if err != nil {
						return nil, err
					}
					return next(c, s, m, k, in)
				}
			}), "k")
			_, err := key.Sign(nil, digest(crypto.SHA256), crypto.SHA256)
			if test.is == nil && err != nil ||
				test.is != nil && (!errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("error %v, want %v", err, test.is)
			}
			if calls.Load() != test.calls {
				t.Errorf("%d calls into the module, want %d", calls.Load(), test.calls)
			}
		})
	}
}

// TestDeviceLostForAll has every session fail for a while, as when the device is pulled out, and then once more.
func TestDeviceLostForAll(t *testing.T) {
	cfg := tokentest.Config(t)
	makeKey(t, cfg, "k", "p256")
	core, logs := observer.New(zap.InfoLevel)
	cfg.Logger = zap.New(core)
	var calls atomic.Int32
	key := signer(t, token.WithFault(cfg, func(next token.SignFunc) token.SignFunc {
		return func(c *pkcs11.Ctx, s pkcs11.SessionHandle, m []*pkcs11.Mechanism, k pkcs11.ObjectHandle,
			in []byte) ([]byte, error) {
			n, recovered := calls.Add(1), logs.FilterMessage("token connected again").Len()
			if n >= 100 && recovered == 0 || n >= 300 && recovered == 1 {
				return nil, pkcs11.Error(pkcs11.CKR_DEVICE_ERROR)
			}
			return next(c, s, m, k, in)
		}
	}), "k")
	errs := batch(key, 500, func(int) {})
	if len(errs) != 0 {
		t.Errorf("%d of 500 signatures failed, first: %v", len(errs), errs[0])
	}
	if n := logs.FilterMessage("token lost, connecting again").Len(); n != 2 {
		t.Errorf("connected again %d times for two losses of 8 sessions", n)
	}
}

// TestCorruptedSignature: a signature that does not verify is never returned, never retried and never shown.
func TestCorruptedSignature(t *testing.T) {
	cfg := tokentest.Config(t)
	algorithms := []string{"rsa2048", "p256", "ed25519"}
	for _, alg := range algorithms {
		makeKey(t, cfg, alg, alg)
	}
	var calls atomic.Int32
	faulty := token.WithFault(cfg, func(next token.SignFunc) token.SignFunc {
		return func(c *pkcs11.Ctx, s pkcs11.SessionHandle, m []*pkcs11.Mechanism, k pkcs11.ObjectHandle,
			in []byte) ([]byte, error) {
			calls.Add(1)
			signature, err := next(c, s, m, k, in)
			if err == nil {
				signature[len(signature)/2] ^= 1
			}
			return signature, err
		}
	})
	for _, alg := range algorithms {
		key := signer(t, faulty, alg)
		calls.Store(0)
		var opts crypto.SignerOpts = crypto.SHA256
		if alg == "ed25519" {
			opts = crypto.Hash(0)
		}
		signature, err := key.Sign(nil, digest(crypto.SHA256), opts)
		if !errors.Is(err, token.ErrBadSignature) || signature != nil || calls.Load() != 1 {
			t.Errorf("%s: signature %x, error %v, %d calls; want none, %v, 1", alg, signature, err, calls.Load(),
				token.ErrBadSignature)
		}
	}
}

// TestOneCallHangs: a call that hangs costs its caller the timeout and the pool one session; when it ends at last,
// the session's place comes back.
func TestOneCallHangs(t *testing.T) {
	cfg := tokentest.Config(t)
	makeKey(t, cfg, "k", "p256")
	cfg.Timeout = 300 * time.Millisecond
	cfg.Sessions = 2
	release := make(chan struct{})
	var calls atomic.Int32
	key := signer(t, token.WithFault(cfg, func(next token.SignFunc) token.SignFunc {
		return func(c *pkcs11.Ctx, s pkcs11.SessionHandle, m []*pkcs11.Mechanism, k pkcs11.ObjectHandle,
			in []byte) ([]byte, error) {
			if n := calls.Add(1); n == 1 || n == 50 {
				<-release
			}
			return next(c, s, m, k, in)
		}
	}), "k")
	errs := batch(key, 49, func(int) {})
	if len(errs) != 1 || !errors.Is(errs[0], token.ErrTimeout) {
		t.Fatalf("errors %v, want one timeout", errs)
	}
	_, err := key.Sign(nil, digest(crypto.SHA256), crypto.SHA256)
	if !errors.Is(err, token.ErrTimeout) {
		t.Fatalf("error %v, want a timeout", err)
	}
	_, err = key.Sign(nil, digest(crypto.SHA256), crypto.SHA256)
	if !errors.Is(err, token.ErrTimeout) || !strings.Contains(err.Error(), "all 2 hang") {
		t.Fatalf("error %v, want that all 2 sessions hang", err)
	}
	close(release)
	errs = batch(key, 50, func(int) {})
	if len(errs) != 0 {
		t.Errorf("after the hang: %v", errs)
	}
}

// TestCanceledCall: ctx ends a call that hangs.
func TestCanceledCall(t *testing.T) {
	cfg := tokentest.Config(t)
	makeKey(t, cfg, "k", "p256")
	release := make(chan struct{})
	key := signer(t, token.WithFault(cfg, func(next token.SignFunc) token.SignFunc {
		return func(c *pkcs11.Ctx, s pkcs11.SessionHandle, m []*pkcs11.Mechanism, k pkcs11.ObjectHandle,
			in []byte) ([]byte, error) {
			<-release
			return next(c, s, m, k, in)
		}
	}), "k")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := key.SignContext(ctx, digest(crypto.SHA256), crypto.SHA256)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
	}
	close(release)
}

// TestAllSessionsClosed has another part of the process close all sessions, which also logs out, between signatures
// (not during one: SoftHSM frees a session that is in use).
func TestAllSessionsClosed(t *testing.T) {
	cfg := tokentest.Config(t)
	makeKey(t, cfg, "k", "p256")
	core, logs := observer.New(zap.InfoLevel)
	cfg.Logger = zap.New(core)
	tok := tokentest.Open(t, cfg)
	key, err := tok.Signer(t.Context(), token.KeySpec{Label: "k"})
	if err != nil {
		t.Fatal(err)
	}
	info, err := tok.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := pkcs11.New(cfg.Module) // the same library, which this process has initialised already
	for round := range 4 {
		errs := batch(key, 50, func(int) {})
		if len(errs) != 0 {
			t.Errorf("round %d: %d of 50 signatures failed, first: %v", round, len(errs), errs[0])
		}
		err = other.CloseAllSessions(info.Slot)
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := logs.FilterMessage("logged in").Len(); n != 4 {
		t.Errorf("%d logins, want one, and one after each of 3 losses", n)
	}
}

// TestTwoTokensOneModule: the module is shared, and closing one token leaves the other alone.
func TestTwoTokensOneModule(t *testing.T) {
	first, second := tokentest.Config(t), tokentest.Config(t)
	makeKey(t, first, "k", "p256")
	makeKey(t, second, "k", "p256")
	a, err := token.Open(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	key := signer(t, second, "k")
	err = a.Close()
	if err != nil {
		t.Fatal(err)
	}
	errs := batch(key, 20, func(int) {})
	if len(errs) != 0 {
		t.Error(errs[0])
	}
	second.ModuleConfig = "other"
	_, err = token.Open(t.Context(), second)
	if !errors.Is(err, token.ErrModule) || !strings.Contains(err.Error(), "another configuration string") {
		t.Errorf("opening the module with another configuration string: %v", err)
	}
}
