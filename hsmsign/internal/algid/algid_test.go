package algid_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"seihon/hsmsign/internal/algid"
	"seihon/hsmsign/internal/testca"
)

func TestIdentifiers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind string
		opts crypto.SignerOpts
		want string
	}{
		{"rsa2048", nil, "300d06092a864886f70d01010b0500"},
		{"rsa2048", crypto.SHA256, "300d06092a864886f70d01010b0500"},
		{"rsa2048", crypto.SHA384, "300d06092a864886f70d01010c0500"},
		{"rsa2048", crypto.SHA512, "300d06092a864886f70d01010d0500"},
		{"rsa2048", &rsa.PSSOptions{Hash: crypto.SHA512, SaltLength: 20},
			"304106092a864886f70d01010a3034a00f300d06096086480165030402030500a11c301a06092a864886f70d010108300d06096086480165030402030500a203020114"},
		{"p256", nil, "300a06082a8648ce3d040302"},
		{"p256", crypto.SHA384, "300a06082a8648ce3d040303"},
		{"p384", nil, "300a06082a8648ce3d040303"},
		{"p521", nil, "300a06082a8648ce3d040304"},
		{"ed25519", nil, "300506032b6570"},
		{"ed25519", crypto.Hash(0), "300506032b6570"},
		{"ml-dsa-44", nil, "300b0609608648016503040311"},
		{"ml-dsa-65", nil, "300b0609608648016503040312"},
		{"ml-dsa-87", crypto.Hash(0), "300b0609608648016503040313"},
	}
	for _, test := range tests {
		key := testca.Key(test.kind, "ca")
		a, err := algid.For(key.Public(), test.opts)
		if err != nil {
			t.Errorf("%s, %v: %v", test.kind, test.opts, err)
			continue
		}
		if got := hex.EncodeToString(a.DER); got != test.want {
			t.Errorf("%s, %v: got %s, want %s", test.kind, test.opts, got, test.want)
		}
		input := []byte("the message itself")
		if a.Hash != 0 {
			h := a.Hash.New()
			h.Write(input)
			input = h.Sum(nil)
		}
		signature, err := a.Sign(key, input)
		if err != nil {
			t.Errorf("%s, %v: %v", test.kind, test.opts, err)
			continue
		}
		if err := a.Verify(input, signature); err != nil {
			t.Errorf("%s, %v: %v", test.kind, test.opts, err)
		}
		input[0] ^= 1
		if a.Verify(input, signature) == nil {
			t.Errorf("%s, %v: a signature of something else verifies", test.kind, test.opts)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	rsaKey := testca.Key("rsa2048", "ca").Public()
	weak := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}
	for want, key := range map[string]crypto.PublicKey{
		"an RSA key of 1024 bits is too weak": weak,
		"the curve P-224 is not supported":    &ecdsa.PublicKey{Curve: elliptic.P224()},
		"a key of type string":                "",
	} {
		if _, err := algid.For(key, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	for want, opts := range map[string]crypto.SignerOpts{
		"RSA with hash SHA-1 is not allowed":    crypto.SHA1,
		"a PSS salt of -7 octets":               &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: -7},
		"a PSS salt of 200 octets":              &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: 200},
		"RSA with hash SHA3-256 is not allowed": &rsa.PSSOptions{Hash: crypto.SHA3_256},
	} {
		if _, err := algid.For(rsaKey, opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	if _, err := algid.For(testca.Key("ed25519", "ca").Public(), crypto.SHA512); err == nil {
		t.Error("Ed25519ph is accepted")
	}
}

func TestSamePublic(t *testing.T) {
	t.Parallel()
	for _, kind := range testca.Kinds {
		for _, other := range testca.Kinds {
			a, b := testca.Key(kind, "ca").Public(), testca.Key(other, "ca").Public()
			if algid.SamePublic(a, b) != (kind == other) {
				t.Errorf("%s and %s", kind, other)
			}
		}
	}
	if algid.SamePublic(nil, nil) || algid.SamePublic(testca.Key("p256", "ca").Public(),
		testca.Key("p256", "other").Public()) {
		t.Error("different keys are the same")
	}
}
