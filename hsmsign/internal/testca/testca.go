// Package testca makes the keys and certificates that the encoders' tests sign with. Keys are made once per process: an
// RSA key takes longer than most tests.
package testca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Kinds are the keys that Key makes.
var Kinds = []string{"rsa2048", "p256", "p384", "p521", "ed25519", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"}

// Validity of the certificates.
var (
	NotBefore = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	NotAfter  = time.Date(2055, 12, 31, 23, 59, 59, 0, time.UTC)
)

var keys sync.Map // kind and name -> func() crypto.Signer

// Key returns the key of that kind and name, one of Kinds.
func Key(kind, name string) crypto.Signer {
	make := sync.OnceValue(func() crypto.Signer {
		key, err := generate(kind)
		if err != nil {
			panic(err) // a mistake in the test
		}
		return key
	})
	actual, _ := keys.LoadOrStore(kind+"/"+name, make)
	return actual.(func() crypto.Signer)()
}

func generate(kind string) (crypto.Signer, error) {
	switch kind {
	case "rsa2048":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "p256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p521":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	for _, set := range []mldsa.Parameters{mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87()} {
		if kind == strings.ToLower(set.String()) {
			return mldsa.GenerateKey(set)
		}
	}
	return nil, fmt.Errorf("no kind of key %q", kind)
}

// CA returns a self-signed CA certificate for key, after edit, which may be nil.
func CA(t testing.TB, key crypto.Signer, edit func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject: pkix.Name{Country: []string{"JP"}, Organization: []string{"Example"},
			CommonName: "Example Sub CA"},
		NotBefore:             NotBefore,
		NotAfter:              NotAfter,
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		SubjectKeyId:          []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20},
	}
	if edit != nil {
		edit(template)
	}
	return create(t, template, template, key.Public(), key)
}

// Issue returns a certificate for public that ca signed, a delegated OCSP signer unless edit changes that.
func Issue(t testing.TB, ca *x509.Certificate, caKey crypto.Signer, public crypto.PublicKey,
	edit func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject: pkix.Name{Country: []string{"JP"}, Organization: []string{"Example"},
			CommonName: "Example OCSP signer"},
		NotBefore:   NotBefore,
		NotAfter:    NotAfter.Add(-time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		ExtraExtensions: []pkix.Extension{ // id-pkix-ocsp-nocheck
			{Id: []int{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}},
		},
	}
	if edit != nil {
		edit(template)
	}
	return create(t, template, ca, public, caKey)
}

func create(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey,
	key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// Counter is a signer that counts, and can be told to fail.
type Counter struct {
	crypto.Signer
	Calls atomic.Int64
	Fault func(call int64, signature []byte) ([]byte, error) // nil for none
}

// Sign signs with the Signer inside.
func (c *Counter) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	call := c.Calls.Add(1)
	signature, err := c.Signer.Sign(rand, digest, opts)
	if c.Fault != nil && err == nil {
		return c.Fault(call, signature)
	}
	return signature, err
}
