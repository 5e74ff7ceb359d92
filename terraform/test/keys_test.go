package terraform_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// TestPolicyFindsKeys hands over keys in every form in which they are passed
// around, and what only looks similar: certificates and public keys.
func TestPolicyFindsKeys(t *testing.T) {
	p := load(t)
	judge := func(name, value string, key bool) {
		t.Helper()
		text, err := json.Marshal(map[string]any{"value": value})
		if err != nil {
			t.Fatal(err)
		}
		findings := check(t, p, state(resource("aws_ssm_parameter", "p", string(text))))
		if got := len(findings) == 1 && findings[0].Rule == "private-key"; got != key || !key && len(findings) > 0 {
			t.Errorf("%s: findings %v, want a key: %v\n%.60s", name, findings, key, value)
		}
	}
	forms := func(name, label string, der []byte, err error, key bool) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
		judge(name+" in PEM", string(text), key)
		judge(name+" in PEM after a text", "# from the HSM room\n"+string(text), key)
		judge(name+" in PEM in base64", base64.StdEncoding.EncodeToString(text), key)
		judge(name+" in base64", base64.StdEncoding.EncodeToString(der), key)
	}

	small, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]any{"RSA 2048": small, "Ed25519": edwards}
	forms("RSA in PKCS #1", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(small), nil, true)
	for name, curve := range map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(),
		"P-521": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = key
		der, err := x509.MarshalECPrivateKey(key)
		forms(name+" in SEC 1", "EC PRIVATE KEY", der, err, true)
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		forms(name+" public key", "PUBLIC KEY", public, err, false)
	}
	for name, key := range keys {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		forms(name+" in PKCS #8", "PRIVATE KEY", der, err, true)
	}
	public, err := x509.MarshalPKIXPublicKey(small.Public())
	forms("RSA public key", "PUBLIC KEY", public, err, false)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<33, 0)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, small.Public(), small)
	forms("certificate", "CERTIFICATE", certificate, err, false)
}
