package ocsp

import (
	"crypto"
	_ "crypto/sha1" // crypto.SHA1.New; what most clients ask with
	"crypto/x509"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"seihon/hsmsign/internal/der"
)

var hashOID = map[crypto.Hash][]byte{
	crypto.SHA1:   {0x2b, 14, 3, 2, 26},
	crypto.SHA256: {0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1},
}

// groups returns the responses that policy asks for: the CertID names of each.
func groups(issuer *x509.Certificate, policy CertID) ([][]name, error) {
	sha1, err := newName(issuer, crypto.SHA1)
	if err != nil {
		return nil, err
	}
	sha256, err := newName(issuer, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	switch policy {
	case "", Separate:
		return [][]name{{sha1}, {sha256}}, nil
	case Dual:
		return [][]name{{sha1, sha256}}, nil
	case SHA1:
		return [][]name{{sha1}}, nil
	case SHA256:
		return [][]name{{sha256}}, nil
	}
	return nil, fmt.Errorf("there is no CertID policy %q: use %s, %s, %s or %s", policy, Separate, Dual, SHA1, SHA256)
}

// newName encodes the issuer's part of a CertID. The hash algorithm has NULL parameters, as in every measured client's
// question but one.
func newName(issuer *x509.Certificate, hash crypto.Hash) (name, error) {
	keyHash, err := publicKeyHash(issuer, hash)
	if err != nil {
		return name{}, err
	}
	h := hash.New()
	h.Write(issuer.RawSubject)
	prefix := der.Wrap(der.Sequence, der.Wrap(der.OID, hashOID[hash]), []byte{der.Null, 0})
	prefix = der.Append(prefix, der.OctetString, h.Sum(nil))
	prefix = der.Append(prefix, der.OctetString, keyHash)
	return name{hash: hash, keyHash: keyHash, prefix: prefix}, nil
}

// publicKeyHash hashes the content of the BIT STRING subjectPublicKey, without tag, length and unused bits (RFC 6960
// section 4.1.1).
func publicKeyHash(cert *x509.Certificate, hash crypto.Hash) ([]byte, error) {
	var (
		input = cryptobyte.String(cert.RawSubjectPublicKeyInfo)
		spki  cryptobyte.String
		key   []byte
	)
	if !input.ReadASN1(&spki, asn1.SEQUENCE) || !spki.SkipASN1(asn1.SEQUENCE) || !spki.ReadASN1BitStringAsBytes(&key) {
		return nil, fmt.Errorf("reading the public key of %q: no SubjectPublicKeyInfo", cert.Subject)
	}
	h := hash.New()
	h.Write(key)
	return h.Sum(nil), nil
}
