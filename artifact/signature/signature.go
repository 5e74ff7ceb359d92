// Package signature checks many signatures of few keys, which is what both ends of
// a repository do all day: the signing room checks each signature before it
// leaves, the publisher and the verifier check each response of a bundle.
//
// The standard library takes a public key as it comes and prepares it anew for
// every signature. For RSA-2048 that is a third of the work; for P-256 most of it
// is multiplying the same point by ever new numbers. A [Key] prepares itself once:
// the modulus is kept in Montgomery form, and after some signatures the multiples
// of the point are kept in a table.
//
// Both use the arithmetic of the standard library in the form its authors publish
// it (filippo.io/bigmod, filippo.io/nistec); the tests hold each answer against
// crypto/rsa and crypto/ecdsa, forgeries and odd encodings included. Nothing here
// is secret, so nothing needs constant time. What has no fast way here, and
// everything in FIPS 140-3 mode, goes to the standard library.
package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rsa"
	"errors"
)

// ErrVerification is the answer for a signature that is not the key's.
var ErrVerification = errors.New("the signature does not verify")

// A Key is a public key that is prepared for many checks. It is safe for
// concurrent use.
type Key struct {
	rsa  *rsaKey
	p256 *p256Key
	any  crypto.PublicKey
}

// NewKey prepares a public key of any kind.
func NewKey(public crypto.PublicKey) *Key {
	k := &Key{any: public}
	if fips140.Enabled() {
		return k
	}
	switch p := public.(type) {
	case *rsa.PublicKey:
		k.rsa = newRSAKey(p)
	case *ecdsa.PublicKey:
		if p.Curve == elliptic.P256() {
			k.p256 = &p256Key{public: p}
		}
	}
	return k
}

// PKCS1v15 checks an RSASSA-PKCS1-v1_5 signature (RFC 8017 section 8.2.2) over the
// digest of a message. The hash is SHA-256, SHA-384 or SHA-512.
func (k *Key) PKCS1v15(hash crypto.Hash, digest, signature []byte) error {
	p, ok := k.any.(*rsa.PublicKey)
	switch {
	case !ok || digestInfo[hash] == nil:
		return ErrVerification
	case k.rsa != nil:
		return k.rsa.verify(hash, digest, signature)
	case rsa.VerifyPKCS1v15(p, hash, digest, signature) != nil:
		return ErrVerification
	}
	return nil
}

// ECDSA checks a DER-encoded ECDSA signature (FIPS 186-5 section 6.4.2) over the
// digest of a message.
func (k *Key) ECDSA(digest, signature []byte) error {
	p, ok := k.any.(*ecdsa.PublicKey)
	switch {
	case !ok:
		return ErrVerification
	case k.p256 != nil && k.p256.verify(digest, signature):
		return nil
	case k.p256 == nil && ecdsa.VerifyASN1(p, digest, signature):
		return nil
	}
	return ErrVerification
}
