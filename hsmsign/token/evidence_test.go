//go:build integration

package token_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"seihon/hsmsign/token"
	"seihon/hsmsign/token/tokentest"
)

// TestEvidence: what GenerateKey makes is what Judge asks for, and the document is the same for the same claims.
func TestEvidence(t *testing.T) {
	cfg := tokentest.Config(t)
	cfg.Now = func() time.Time { return time.Date(2026, 11, 24, 6, 0, 0, 5, time.UTC) }
	tok := tokentest.Open(t, cfg)
	var keys []*token.Key
	for _, alg := range []string{"rsa2048", "p256", "ed25519"} {
		key, err := tok.GenerateKey(t.Context(), alg, alg)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	first, err := tok.Evidence(t.Context(), token.UseSigning, keys...)
	if err != nil {
		t.Fatal(err)
	}
	second, err := tok.Evidence(t.Context(), token.UseSigning, keys[2], keys[0], keys[1])
	if err != nil {
		t.Fatal(err)
	}
	a, errA := first.JSON()
	b, errB := second.JSON()
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("the order of the keys shows in the document:\n%s%s", a, b)
	}
	for _, f := range judged(nil, first, cfg.Now()) {
		if f.Code != "hsm-list-missing" {
			t.Errorf("finding on a key that GenerateKey made: %+v", f)
		}
	}
	if first.Keys[1].Algorithm != "p256" || first.Keys[2].Attributes["NEVER_EXTRACTABLE"] != "true" ||
		first.Token.Manufacturer != "SoftHSM project" {
		t.Errorf("evidence is %s", a)
	}
	module, err := filepath.EvalSymlinks(cfg.Module)
	if err != nil {
		t.Fatal(err)
	}
	library, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(library)
	if first.Token.ModuleSHA256 != hex.EncodeToString(digest[:]) {
		t.Errorf("digest of the module is %s", first.Token.ModuleSHA256)
	}
	if bytes.Contains(a, []byte(tokentest.UserPIN)) {
		t.Error("the document contains the PIN")
	}
	_, err = tok.Evidence(t.Context(), "looking")
	if err == nil {
		t.Error("an unknown use was accepted")
	}
}
