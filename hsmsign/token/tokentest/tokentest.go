// Package tokentest gives tests real tokens: SoftHSM in a temporary directory.
//
// SoftHSM finds its directory through SOFTHSM2_CONF when the module is initialised, so there is one directory per test
// process. It appears with the first token and goes with the last. Children of the process inherit the variable and
// see the same tokens.
package tokentest

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"seihon/hsmsign/token"
)

// The PINs of every token that this package makes.
const (
	UserPIN = "1234-user"
	SOPIN   = "5678-officer"
)

// Module returns the path of SoftHSM's module; without it the test fails.
func Module(t testing.TB) string {
	t.Helper()
	for _, path := range []string{os.Getenv("SOFTHSM2_MODULE"), "/usr/lib/softhsm/libsofthsm2.so",
		"/usr/lib64/pkcs11/libsofthsm2.so",
		"/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so"} {
		_, err := os.Stat(path)
		if path != "" && err == nil {
			return path
		}
	}
	t.Fatalf("libsofthsm2.so not found: run make tools")
	return ""
}

var directory struct {
	sync.Mutex
	path    string
	users   int
	created int
}

// Config makes an initialised token without keys that lives as long as the test, and returns how to open it.
func Config(t testing.TB) token.Config {
	t.Helper()
	module := Module(t)
	directory.Lock()
	defer directory.Unlock()
	if directory.users == 0 {
		err := makeDirectory()
		if err != nil {
			t.Fatalf("making a SoftHSM directory: %v", err)
		}
	}
	directory.users++
	t.Cleanup(func() {
		directory.Lock()
		defer directory.Unlock()
		directory.users--
		if directory.users > 0 {
			return
		}
		err := os.RemoveAll(directory.path)
		if err != nil {
			t.Errorf("removing the SoftHSM directory: %v", err)
		}
	})
	directory.created++
	cfg := token.Config{
		Module:     module,
		TokenLabel: fmt.Sprintf("test-%d", directory.created),
		PIN:        token.StaticPIN([]byte(UserPIN)),
	}
	err := token.InitToken(t.Context(), cfg, []byte(SOPIN), []byte(UserPIN))
	if err != nil {
		t.Fatalf("initialising a SoftHSM token: %v", err)
	}
	return cfg
}

// New returns an open token without keys that lives as long as the test.
func New(t testing.TB) *token.Token {
	t.Helper()
	return Open(t, Config(t))
}

// Open opens a token and closes it at the end of the test.
func Open(t testing.TB, cfg token.Config) *token.Token {
	t.Helper()
	tok, err := token.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("opening token %s: %v", cfg.TokenLabel, err)
	}
	t.Cleanup(func() {
		err := tok.Close()
		if err != nil {
			t.Errorf("closing token %s: %v", cfg.TokenLabel, err)
		}
	})
	return tok
}

// makeDirectory makes SoftHSM's directory and points SOFTHSM2_CONF at it. The path stays the same for the process.
func makeDirectory() error {
	if directory.path == "" {
		path, err := os.MkdirTemp("", "softhsm-test-")
		if err != nil {
			return err
		}
		directory.path = path
	}
	tokens := filepath.Join(directory.path, "tokens")
	err := os.MkdirAll(tokens, 0o700)
	if err != nil {
		return err
	}
	conf := filepath.Join(directory.path, "softhsm2.conf")
	text := "directories.tokendir = " + tokens +
		"\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n"
	err = os.WriteFile(conf, []byte(text), 0o600)
	if err != nil {
		return err
	}
	return os.Setenv("SOFTHSM2_CONF", conf)
}
