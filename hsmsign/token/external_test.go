//go:build integration

package token_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"seihon/hsmsign/token"
	"seihon/hsmsign/token/tokentest"
)

// tool finds a program that the test needs.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s not found: run make tools", name)
	}
	return path
}

// library finds a shared library that the test needs.
func library(t *testing.T, paths ...string) string {
	t.Helper()
	for _, pattern := range paths {
		found, err := filepath.Glob(pattern)
		if err == nil && len(found) > 0 {
			return found[0]
		}
	}
	t.Fatalf("%s not found: run make tools", filepath.Base(paths[0]))
	return ""
}

// p11server is a p11-kit server that offers SoftHSM on a socket, as an HSM on a network would be offered.
type p11server struct {
	t       *testing.T
	socket  string
	command *exec.Cmd
}

func (s *p11server) start() {
	err := os.Remove(s.socket)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Error(err)
	}
	s.command = exec.Command("p11-kit", "server", "-f", "-n", s.socket, "--provider", tokentest.Module(s.t), "pkcs11:")
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // one process per client stands behind the server
	err = s.command.Start()
	if err != nil {
		s.t.Error(err)
		return
	}
	for range 200 {
		_, err = os.Stat(s.socket)
		if err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Errorf("p11-kit server: no socket: %v", err)
}

func (s *p11server) signal(sig syscall.Signal) {
	err := syscall.Kill(-s.command.Process.Pid, sig)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		s.t.Error(err)
	}
}

func (s *p11server) kill() {
	s.signal(syscall.SIGKILL)
	s.command.Wait()
}

// overNetwork makes a token with a key and a p11-kit server in front of it.
func overNetwork(t *testing.T) (token.Config, *p11server) {
	tool(t, "p11-kit")
	client := library(t, "/usr/lib/*/pkcs11/p11-kit-client.so", "/usr/lib64/pkcs11/p11-kit-client.so")
	cfg := tokentest.Config(t)
	makeKey(t, cfg, "k", "p256")
	// The client reads the address when it is loaded, so all tests of the process share one.
	s := &p11server{t: t, socket: filepath.Join(os.TempDir(), fmt.Sprintf("p11-test-%d", os.Getpid()))}
	s.start()
	t.Cleanup(func() {
		s.kill()
		os.Remove(s.socket)
	})
	t.Setenv("P11_KIT_SERVER_ADDRESS", "unix:path="+s.socket)
	cfg.Module = client
	cfg.Timeout = 2 * time.Second
	// One call at a time: p11-kit 0.24.1's client deadlocks now and then when several threads wait for answers on its
	// one socket (all of them in pthread_cond_wait, nobody reading).
	cfg.Sessions = 1
	return cfg, s
}

// TestServerKilledInMidBatch: the HSM goes away in mid-batch, comes back, goes and comes again; no signature is lost.
func TestServerKilledInMidBatch(t *testing.T) {
	cfg, server := overNetwork(t)
	key := signer(t, cfg, "k")
	errs := batch(key, 900, func(done int) {
		if done == 300 || done == 600 {
			server.kill()
			time.AfterFunc(400*time.Millisecond, server.start)
		}
	})
	if len(errs) != 0 {
		t.Errorf("%d of 900 signatures failed, first: %v", len(errs), errs[0])
	}
}

// TestServerStaysAway: the wait is bounded, once for all who wait, and a token that is back later is used again.
func TestServerStaysAway(t *testing.T) {
	cfg, server := overNetwork(t)
	cfg.Outage = time.Second
	key := signer(t, cfg, "k")
	server.kill()
	begin := time.Now()
	errs := batch(key, 12, func(int) {})
	if len(errs) != 12 || !strings.Contains(errs[0].Error(), "waiting 1s for the token") {
		t.Errorf("errors %v, want 12, the first of them saying how long was waited", errs)
	}
	if elapsed := time.Since(begin); elapsed > 5*time.Second {
		t.Errorf("12 signatures without a token took %v with an outage limit of 1s", elapsed)
	}
	server.start()
	errs = batch(key, 12, func(int) {})
	if len(errs) != 0 {
		t.Errorf("after the token came back: %v", errs[0])
	}
}

// TestServerHangs: the HSM stops answering; callers get their timeout and not more, and later it works again.
func TestServerHangs(t *testing.T) {
	cfg, server := overNetwork(t)
	cfg.Timeout = 400 * time.Millisecond
	key := signer(t, cfg, "k")
	server.signal(syscall.SIGSTOP)
	begin := time.Now()
	errs := batch(key, 12, func(int) {})
	if len(errs) != 12 || !errors.Is(errs[0], token.ErrTimeout) {
		t.Errorf("errors %v, want 12 timeouts", errs)
	}
	// Even one after the other they may take twelve timeouts; the rest is for a loaded machine.
	if elapsed := time.Since(begin); elapsed > 12*cfg.Timeout+5*time.Second {
		t.Errorf("12 signatures took %v with a timeout of %v", elapsed, cfg.Timeout)
	}
	server.signal(syscall.SIGCONT)
	time.Sleep(200 * time.Millisecond)
	errs = batch(key, 40, func(int) {})
	if len(errs) != 0 {
		t.Errorf("after the hang: %d errors, first: %v", len(errs), errs[0])
	}
}

// TestNSS signs with NSS softokn, which differs from SoftHSM wherever the standard lets it: it is configured by a
// string in C_Initialize, knows no EdDSA, answers an unknown attribute with an error for all, and has no serial.
func TestNSS(t *testing.T) {
	softokn := library(t, "/usr/lib/*/libsoftokn3.so", "/usr/lib/*/nss/libsoftokn3.so", "/usr/lib64/libsoftokn3.so")
	dir := t.TempDir()
	pin := filepath.Join(dir, "pin")
	err := os.WriteFile(pin, []byte("nss-pin\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool(t, "certutil"), "-N", "-d", "sql:"+dir, "-f", pin).CombinedOutput()
	if err != nil {
		t.Fatalf("certutil: %v: %s", err, out)
	}
	cfg := token.Config{
		Module: softokn,
		ModuleConfig: fmt.Sprintf("configdir='sql:%s' certPrefix='' keyPrefix='' secmod='secmod.db' "+
			"dbTokenDescription='seihon nss' flags=", dir),
		TokenLabel: "seihon nss",
		PIN:        token.FilePIN(pin),
	}
	tok := tokentest.Open(t, cfg)
	for _, alg := range []string{"rsa2048", "p256", "p384", "p521"} {
		key, err := tok.GenerateKey(t.Context(), "key-"+alg, alg)
		if err != nil {
			t.Fatal(err)
		}
		errs := batch(key, 12, func(int) {})
		if len(errs) != 0 {
			t.Errorf("%s: %v", alg, errs[0])
		}
	}
	_, err = tok.GenerateKey(t.Context(), "key-ed", "ed25519")
	if err == nil || !strings.Contains(err.Error(), "cannot make ed25519 keys") {
		t.Errorf("Ed25519 on NSS: %v", err)
	}
	_, err = tok.Signer(t.Context(), token.KeySpec{Label: "key-"})
	if !errors.Is(err, token.ErrKeyNotFound) {
		t.Errorf("half a label: %v", err)
	}
}

// TestConcurrentStarts: SoftHSM processes that start at the same time can find the token directory empty for a moment
// (10 of 32 starts, four at a time, when it was measured); Open looks again.
func TestConcurrentStarts(t *testing.T) {
	if label := os.Getenv("TOKENTEST_START"); label != "" {
		tok, err := token.Open(t.Context(),
			token.Config{Module: tokentest.Module(t), TokenLabel: label,
				PIN: token.StaticPIN([]byte(tokentest.UserPIN))})
		if err != nil {
			t.Fatal(err)
		}
		key, err := tok.Signer(t.Context(), token.KeySpec{Label: "k"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = key.Sign(nil, digest(crypto.SHA256), crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	cfg := tokentest.Config(t)
	makeKey(t, cfg, "k", "p256")
	tokens := make(chan struct{}, 4)
	failures := make(chan string, 32)
	for range 32 {
		tokens <- struct{}{}
		go func() {
			defer func() { <-tokens }()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestConcurrentStarts$", "-test.count=1")
			cmd.Env = append(os.Environ(), "TOKENTEST_START="+cfg.TokenLabel)
			out, err := cmd.CombinedOutput()
			if err != nil {
				failures <- string(out)
			}
		}()
	}
	for range cap(tokens) {
		tokens <- struct{}{}
	}
	close(failures)
	for f := range failures {
		t.Errorf("a start failed: %s", f)
	}
}
