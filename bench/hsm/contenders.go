package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ThalesIgnite/crypto11"
	"github.com/miekg/pkcs11"

	"seihon/hsmsign/token"
)

// child measures one contender and prints its rate.
func child(ctx context.Context, s settings) error {
	contender, algorithm, _ := strings.Cut(s.child, "/")
	open := map[string]func(context.Context, settings, string) (*work, error){"raw": openRaw, "pool": openPool,
		"crypto11": openCrypto11}[contender]
	if open == nil {
		return fmt.Errorf("no contender %q", contender)
	}
	w, err := open(ctx, s, algorithm)
	if err != nil {
		return err
	}
	stop, err := profile(s.profile)
	if err != nil {
		return errors.Join(err, w.close())
	}
	r, err := w.rate(s.time)
	err = errors.Join(err, stop(), w.close())
	if err == nil {
		fmt.Println(r.perSecond, r.perCPUSecond)
	}
	return err
}

// profile starts a CPU profile when path is not empty.
func profile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	err = pprof.StartCPUProfile(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// work is a contender ready to sign.
type work struct {
	callers int
	sign    func(caller int, digest []byte) error
	close   func() error
}

// rate lets all callers sign different digests until the time is over.
func (w *work) rate(d time.Duration) (rates, error) {
	var done atomic.Int64
	failed := make(chan error, w.callers)
	var wg sync.WaitGroup
	digest := sha256.Sum256([]byte("first"))
	err := w.sign(0, digest[:]) // looks handles up
	if err != nil {
		return rates{}, err
	}
	begin, used := time.Now(), processorTime()
	for caller := range w.callers {
		wg.Go(func() {
			digest := sha256.Sum256([]byte{byte(caller)})
			for time.Since(begin) < d {
				err := w.sign(caller, digest[:])
				if err != nil {
					failed <- err
					return
				}
				digest = sha256.Sum256(digest[:])
				done.Add(1)
			}
		})
	}
	wg.Wait()
	elapsed, used := time.Since(begin), processorTime()-used
	select {
	case err := <-failed:
		return rates{}, err
	default:
	}
	n := float64(done.Load())
	return rates{n / elapsed.Seconds(), n / used.Seconds()}, nil
}

// processorTime is what this process has used so far. It does not depend on what else runs on the machine.
func processorTime() time.Duration {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	if err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// openPool is the pool of this project: every signature is checked.
func openPool(ctx context.Context, s settings, algorithm string) (*work, error) {
	t, err := token.Open(ctx, config(s))
	if err != nil {
		return nil, err
	}
	key, err := t.Signer(ctx, token.KeySpec{Label: algorithm})
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return &work{
		callers: s.sessions + runtime.GOMAXPROCS(0),
		sign: func(_ int, digest []byte) error {
			_, err := key.SignContext(ctx, digest, crypto.SHA256)
			return err
		},
		close: t.Close,
	}, nil
}

// openCrypto11 is the usual library; it checks nothing. It keeps one session for itself.
func openCrypto11(_ context.Context, s settings, algorithm string) (*work, error) {
	c, err := crypto11.Configure(&crypto11.Config{Path: s.module, TokenLabel: label, Pin: userPIN,
		MaxSessions: s.sessions + 1})
	if err != nil {
		return nil, err
	}
	key, err := c.FindKeyPair(nil, []byte(algorithm))
	if err != nil || key == nil {
		return nil, errors.Join(fmt.Errorf("finding key %q: %v", algorithm, err), c.Close())
	}
	return &work{
		callers: s.sessions + runtime.GOMAXPROCS(0),
		sign: func(_ int, digest []byte) error {
			_, err := key.Sign(rand.Reader, digest, crypto.SHA256)
			return err
		},
		close: c.Close,
	}, nil
}

// openRaw is C_SignInit and C_Sign, one goroutine per session, and nothing else.
func openRaw(_ context.Context, s settings, algorithm string) (*work, error) {
	c := pkcs11.New(s.module)
	if c == nil {
		return nil, fmt.Errorf("loading %s", s.module)
	}
	err := c.Initialize()
	if err != nil {
		return nil, err
	}
	sessions, key, err := rawSessions(c, s.sessions, algorithm)
	if err != nil {
		return nil, errors.Join(err, c.Finalize())
	}
	// DigestInfo of SHA-256 (RFC 8017 section 9.2, note 1).
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
		0x00, 0x04, 0x20}
	mechanism := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil)}
	if algorithm == "p256" {
		prefix, mechanism = nil, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil)}
	}
	return &work{
		callers: s.sessions,
		sign: func(caller int, digest []byte) error {
			err := c.SignInit(sessions[caller], mechanism, key)
			if err != nil {
				return err
			}
			_, err = c.Sign(sessions[caller], append(prefix[:len(prefix):len(prefix)], digest...))
			return err
		},
		close: c.Finalize,
	}, nil
}

func rawSessions(c *pkcs11.Ctx, n int, algorithm string) ([]pkcs11.SessionHandle, pkcs11.ObjectHandle, error) {
	slots, err := c.GetSlotList(true)
	if err != nil {
		return nil, 0, err
	}
	var slot uint
	found := false
	for _, s := range slots {
		info, err := c.GetTokenInfo(s)
		if err == nil && info.Label == label {
			slot, found = s, true
		}
	}
	if !found {
		return nil, 0, errors.New("token absent")
	}
	var sessions []pkcs11.SessionHandle
	for range n {
		s, err := c.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
		if err != nil {
			return nil, 0, err
		}
		sessions = append(sessions, s)
	}
	err = c.Login(sessions[0], pkcs11.CKU_USER, userPIN)
	if err != nil {
		return nil, 0, err
	}
	err = c.FindObjectsInit(sessions[0], []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, algorithm)})
	if err != nil {
		return nil, 0, err
	}
	keys, _, err := c.FindObjects(sessions[0], 2)
	err = errors.Join(err, c.FindObjectsFinal(sessions[0]))
	if err != nil || len(keys) != 1 {
		return nil, 0, fmt.Errorf("finding key %q: %d keys, %v", algorithm, len(keys), err)
	}
	return sessions, keys[0], nil
}
