package exchange_test

import (
	"bytes"
	"crypto"
	"testing"

	"golang.org/x/crypto/ocsp"

	"seihon/artifact"
	"seihon/verify/exchange"
)

// TestRequest lets golang.org/x/crypto/ocsp read what is written, with and without a nonce.
func TestRequest(t *testing.T) {
	t.Parallel()
	id := artifact.CertID{
		Hash: crypto.SHA256, IssuerNameHash: bytes.Repeat([]byte{1}, 32), IssuerKeyHash: bytes.Repeat([]byte{2}, 32),
		Serial: []byte{0x4f, 7},
	}
	for _, nonce := range [][]byte{nil, bytes.Repeat([]byte{9}, 16)} {
		der := exchange.Request(id, nonce)
		r, err := ocsp.ParseRequest(der)
		if err != nil {
			t.Fatal(err)
		}
		if r.SerialNumber.Int64() != 0x4f07 || r.HashAlgorithm != crypto.SHA256 ||
			!bytes.Equal(r.IssuerKeyHash, id.IssuerKeyHash) {
			t.Errorf("it asks about %x by %s", r.SerialNumber, r.HashAlgorithm)
		}
		if has := bytes.Contains(der, exchange.NonceValue([]byte{9, 9})[2:]); has != (nonce != nil) {
			t.Errorf("a nonce of %d octets: it is there: %v", len(nonce), has)
		}
	}
}
