//go:build integration

package token_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"seihon/hsmsign/token"
	"seihon/hsmsign/token/tokentest"
)

// TestTwoMatchingKeys: a label that two keys share selects none of them; the id tells them apart.
func TestTwoMatchingKeys(t *testing.T) {
	cfg := tokentest.Config(t)
	for _, id := range []string{"01", "02"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "key.pem")
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
			0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "softhsm2-util", "--import", file, "--token", cfg.TokenLabel,
			"--label", "twice", "--id", id, "--pin", tokentest.UserPIN).CombinedOutput()
		if err != nil {
			t.Fatalf("importing a key: %v\n%s", err, out)
		}
	}
	tok, err := token.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer tok.Close()
	_, err = tok.Signer(t.Context(), token.KeySpec{Label: "twice"})
	if !errors.Is(err, token.ErrKeyAmbiguous) || !strings.Contains(err.Error(), "twice") {
		t.Errorf("two keys of one label: error %v, want %v", err, token.ErrKeyAmbiguous)
	}
	if _, err := tok.Signer(t.Context(), token.KeySpec{Label: "twice", ID: []byte{2}}); err != nil {
		t.Errorf("label and id: %v", err)
	}
}
