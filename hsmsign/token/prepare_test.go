package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"
)

// TestDigestOfAnotherHash: a digest that is shorter or longer than its hash gives is not signed: half of it would be
// enough for a forgery, and what is behind it would not be signed.
func TestDigestOfAnotherHash(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k := &Key{label: "k", public: key.Public()}
	for _, n := range []int{0, 20, 31, 33, 48} {
		if _, err := k.prepare(make([]byte, n), crypto.SHA256); err == nil ||
			!strings.Contains(err.Error(), "SHA-256 has 32") {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := k.prepare(make([]byte, 32), crypto.SHA256); err != nil {
		t.Error(err)
	}
}

// TestEd25519IsVerified: what a token gives as a signature is one only when the public key says so.
func TestEd25519IsVerified(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("message")
	j, err := (&Key{label: "k", public: public}).prepare(message, crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	good := ed25519.Sign(private, message)
	if err := j.verify(good); err != nil {
		t.Error(err)
	}
	for i := range good {
		good[i] ^= 1
		if j.verify(good) == nil {
			t.Errorf("byte %d changed, and it verifies", i)
		}
		good[i] ^= 1
	}
}
