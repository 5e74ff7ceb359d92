//go:build integration

package token_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"sync"
	"testing"

	"seihon/hsmsign/token"
	"seihon/hsmsign/token/tokentest"
	"seihon/internal/certprofile"
)

// digest is that of the same text, always.
func digest(h crypto.Hash) []byte { return digestOf(h, "正本") }

// TestSignEverything makes a key of each algorithm and signs in each scheme. Signer and SignContext check every
// signature themselves with the standard library; the test checks that they return, and from many goroutines.
func TestSignEverything(t *testing.T) {
	tok := tokentest.New(t)
	hashes := []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}
	for _, alg := range certprofile.KeyAlgorithms {
		if strings.HasPrefix(alg, "ml-dsa") {
			continue // SoftHSM has none: TestMLDSA signs with another module
		}
		t.Run(alg, func(t *testing.T) {
			key, err := tok.GenerateKey(t.Context(), "key-"+alg, alg)
			if err != nil {
				t.Fatal(err)
			}
			var options []crypto.SignerOpts
			switch key.Public().(type) {
			case ed25519.PublicKey:
				options = append(options, crypto.Hash(0), &ed25519.Options{})
			case *rsa.PublicKey:
				for _, h := range hashes {
					options = append(options, h, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h},
						&rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: h},
						&rsa.PSSOptions{SaltLength: 7, Hash: h})
				}
			default:
				for _, h := range hashes {
					options = append(options, h)
				}
			}
			var wg sync.WaitGroup
			for _, o := range options {
				for range 4 {
					wg.Go(func() {
						input := []byte("message")
						if o.HashFunc() != 0 {
							input = digest(o.HashFunc())
						}
						_, err := key.Sign(rand.Reader, input, o)
						if err != nil {
							t.Errorf("%v: %v", o, err)
						}
					})
				}
			}
			wg.Wait()
			again, err := tok.Signer(t.Context(), token.KeySpec{URI: key.URI(), SPKI: key.SPKI()})
			if err != nil {
				t.Fatal(err)
			}
			if again.Pin() != key.Pin() {
				t.Errorf("found another key than was made")
			}
		})
	}
}

// TestRefusals is the table of what must not work, with the sentence that says why.
func TestRefusals(t *testing.T) {
	cfg := tokentest.Config(t)
	tok := tokentest.Open(t, cfg)
	key, err := tok.GenerateKey(t.Context(), "only", "p256")
	if err != nil {
		t.Fatal(err)
	}
	open := func(change func(*token.Config)) error {
		c := cfg
		change(&c)
		other, err := token.Open(t.Context(), c)
		if err == nil {
			other.Close()
		}
		return err
	}
	signer := func(spec token.KeySpec) error {
		_, err := tok.Signer(t.Context(), spec)
		return err
	}
	for _, test := range []struct {
		name string
		err  error
		is   error
		says string
	}{
		{"no module", open(func(c *token.Config) { c.Module = "/nowhere/libx.so" }), token.ErrModule,
			"there is no such file; on this machine there is"},
		{"not a module", open(func(c *token.Config) { c.Module = "/etc/passwd" }), token.ErrModule,
			"not a PKCS#11 library"},
		{"a directory", open(func(c *token.Config) { c.Module = "/usr" }), token.ErrModule, "not a file"},
		{"token absent", open(func(c *token.Config) { c.TokenLabel = "elsewhere" }), token.ErrTokenAbsent,
			`shows "test-`},
		{"wrong serial", open(func(c *token.Config) { c.TokenSerial = "00" }), token.ErrTokenAbsent,
			"correct label and serial"},
		{"label twice", open(func(c *token.Config) { c.URI = "pkcs11:token=other" }), nil,
			`the URI asks for label "other"`},
		{"too many sessions", open(func(c *token.Config) { c.Sessions = 65 }), nil, "1 to 64"},
		{"no key", signer(token.KeySpec{Label: "none"}), token.ErrKeyNotFound, `the token holds "only" id`},
		{"no selector", signer(token.KeySpec{}), nil, "neither label nor id"},
		{"wrong SPKI", signer(token.KeySpec{Label: "only", SPKI: make([]byte, 32)}), token.ErrWrongKey,
			"the pin is 0000"},
		{"half an SPKI", signer(token.KeySpec{Label: "only", SPKI: make([]byte, 20)}), nil, "20 bytes"},
		{"label taken", func() error { _, err := tok.GenerateKey(t.Context(), "only", "p256"); return err }(),
			token.ErrKeyExists, "choose another label"},
		{"unknown algorithm", func() error { _, err := tok.GenerateKey(t.Context(), "x", "rsa1024"); return err }(),
			nil, "not supported"},
		{"SHA-1", func() error { _, err := key.Sign(nil, make([]byte, 20), crypto.SHA1); return err }(), nil,
			"SHA-1 is not supported"},
		{"digest too short", func() error { _, err := key.Sign(nil, make([]byte, 20), crypto.SHA256); return err }(),
			nil, "digest has 20 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.err == nil {
				t.Fatal("it worked")
			}
			if test.is != nil && !errors.Is(test.err, test.is) || !strings.Contains(test.err.Error(), test.says) ||
				strings.Contains(test.err.Error(), "\n") {
				t.Errorf("error %q, want one sentence with %q", test.err, test.says)
			}
		})
	}
}

func TestClosedTokenRefuses(t *testing.T) {
	cfg := tokentest.Config(t)
	tok, err := token.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	key, err := tok.GenerateKey(t.Context(), "k", "p256")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err = tok.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = key.Sign(nil, digest(crypto.SHA256), crypto.SHA256)
	if !errors.Is(err, token.ErrClosed) {
		t.Errorf("signing after Close: %v", err)
	}
	_, err = tok.Info(context.Background())
	if !errors.Is(err, token.ErrClosed) {
		t.Errorf("asking after Close: %v", err)
	}
}
