//go:build integration

package token_test

import (
	"crypto"
	"crypto/mldsa"
	"strings"
	"testing"

	"seihon/hsmsign/token"
	"seihon/hsmsign/token/tokentest"
)

// TestMLDSA makes keys of each parameter set in a module with CKM_ML_DSA, finds them again, and signs; what is not pure
// ML-DSA with an empty context is refused before the token is asked.
func TestMLDSA(t *testing.T) {
	tok := tokentest.MLDSA(t)
	for _, set := range []mldsa.Parameters{mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87()} {
		name := strings.ToLower(set.String())
		made, err := tok.GenerateKey(t.Context(), name, name)
		if err != nil {
			t.Fatal(err)
		}
		key, err := tok.Signer(t.Context(), token.KeySpec{Label: name, SPKI: made.SPKI()})
		if err != nil {
			t.Fatal(err)
		}
		public, ok := key.Public().(*mldsa.PublicKey)
		if !ok || public.Parameters() != set {
			t.Fatalf("%s: the public key is a %T", name, key.Public())
		}
		message := []byte("the whole message, not its digest")
		signature, err := key.Sign(nil, message, crypto.Hash(0))
		if err != nil || len(signature) != set.SignatureSize() {
			t.Fatalf("%s: a signature of %d octets, %v", name, len(signature), err)
		}
		if err := mldsa.Verify(public, message, signature, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for what, opts := range map[string]crypto.SignerOpts{
			"a hash": crypto.SHA512, "a context": &mldsa.Options{Context: "seihon"},
			"the message representative µ": crypto.MLDSAMu,
		} {
			if _, err := key.Sign(nil, make([]byte, 64), opts); err == nil ||
				!strings.Contains(err.Error(), "only pure signatures") {
				t.Errorf("%s with %s: %v", name, what, err)
			}
		}
		e, err := tok.Evidence(t.Context(), token.UseSigning, key)
		if err != nil || e.Keys[0].Algorithm != name || e.Keys[0].Attributes["EXTRACTABLE"] != "false" ||
			e.Keys[0].Attributes["SENSITIVE"] != "true" {
			t.Errorf("%s: the evidence is %+v, %v", name, e, err)
		}
	}
}

// TestMLDSANotOffered: a module without ML-DSA says so.
func TestMLDSANotOffered(t *testing.T) {
	_, err := tokentest.New(t).GenerateKey(t.Context(), "next", "ml-dsa-65")
	if err == nil || !strings.Contains(err.Error(), "cannot make ml-dsa-65 keys") {
		t.Errorf("SoftHSM without ML-DSA: %v", err)
	}
}
