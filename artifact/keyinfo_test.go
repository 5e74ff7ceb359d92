package artifact_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"testing"

	"seihon/artifact"
)

// TestKeyInfo: the key of a certificate is found as crypto/x509 finds it, and a cut certificate has none.
func TestKeyInfo(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	want, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if got := artifact.KeyInfo(der); !bytes.Equal(got, want) {
		t.Errorf("KeyInfo = %x, want %x", got, want)
	}
	if got := artifact.KeyInfo(der[:len(der)-1]); got != nil {
		t.Errorf("KeyInfo of a cut certificate = %x, want none", got)
	}
}
