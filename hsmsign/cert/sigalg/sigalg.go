// Package sigalg names signature algorithms and signs with them through crypto.Signer.
//
// One table ties together what a signer of DER structures needs: the name used in profiles, the standard library's
// constant, the exact AlgorithmIdentifier and the options for the token. RSA identifiers carry an explicit NULL, ECDSA and
// Ed25519 ones no parameters at all, RSASSA-PSS ones the full parameters of RFC 4055 section 3.1 with the salt as long as
// the digest.
package sigalg

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // registers the digests of the table
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Algorithm is one signature algorithm.
type Algorithm struct {
	Name string
	X509 x509.SignatureAlgorithm
	Hash crypto.Hash // 0 = the key hashes the message itself (Ed25519)

	key    x509.PublicKeyAlgorithm
	pss    bool
	oid    asn1.ObjectIdentifier
	digest asn1.ObjectIdentifier
}

var (
	oidPSS    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}

	table = []Algorithm{
		{"rsa-sha256", x509.SHA256WithRSA, crypto.SHA256, x509.RSA, false, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, oidSHA256},
		{"rsa-sha384", x509.SHA384WithRSA, crypto.SHA384, x509.RSA, false, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, oidSHA384},
		{"rsa-sha512", x509.SHA512WithRSA, crypto.SHA512, x509.RSA, false, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, oidSHA512},
		{"rsa-pss-sha256", x509.SHA256WithRSAPSS, crypto.SHA256, x509.RSA, true, oidPSS, oidSHA256},
		{"rsa-pss-sha384", x509.SHA384WithRSAPSS, crypto.SHA384, x509.RSA, true, oidPSS, oidSHA384},
		{"rsa-pss-sha512", x509.SHA512WithRSAPSS, crypto.SHA512, x509.RSA, true, oidPSS, oidSHA512},
		{"ecdsa-sha256", x509.ECDSAWithSHA256, crypto.SHA256, x509.ECDSA, false, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, oidSHA256},
		{"ecdsa-sha384", x509.ECDSAWithSHA384, crypto.SHA384, x509.ECDSA, false, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, oidSHA384},
		{"ecdsa-sha512", x509.ECDSAWithSHA512, crypto.SHA512, x509.ECDSA, false, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, oidSHA512},
		// RFC 8419 section 2.3: CMS signed attributes under Ed25519 use SHA-512 as the message digest.
		{"ed25519", x509.PureEd25519, 0, x509.Ed25519, false, asn1.ObjectIdentifier{1, 3, 101, 112}, oidSHA512},
	}
)

// For returns the algorithm of that name for the key; with the name "" the one customary for the key: PKCS #1 v1.5 with
// SHA-256 for RSA, the digest of the curve's size for ECDSA.
func For(pub crypto.PublicKey, name string) (Algorithm, error) {
	kind, usual := x509.UnknownPublicKeyAlgorithm, ""
	switch k := pub.(type) {
	case *rsa.PublicKey:
		kind, usual = x509.RSA, "rsa-sha256"
	case *ecdsa.PublicKey:
		kind, usual = x509.ECDSA, "ecdsa-sha256"
		if k.Curve.Params().BitSize == 384 {
			usual = "ecdsa-sha384"
		}
	case ed25519.PublicKey:
		kind, usual = x509.Ed25519, "ed25519"
	default:
		return Algorithm{}, fmt.Errorf("choosing signature algorithm: no algorithm for a key of type %T", pub)
	}
	if name == "" {
		name = usual
	}
	for _, a := range table {
		if a.Name != name {
			continue
		}
		if a.key != kind {
			return Algorithm{}, fmt.Errorf("choosing signature algorithm: %s does not fit a key of type %T", name, pub)
		}
		return a, nil
	}
	return Algorithm{}, fmt.Errorf("choosing signature algorithm: %q is unknown", name)
}

// Sign hashes the message as the algorithm wants and has the key sign it.
func (a Algorithm) Sign(key crypto.Signer, message []byte) ([]byte, error) {
	digest, opts := message, crypto.SignerOpts(a.Hash)
	if a.Hash != 0 {
		h := a.Hash.New()
		h.Write(message)
		digest = h.Sum(nil)
	}
	if a.pss {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.Hash}
	}
	return key.Sign(rand.Reader, digest, opts)
}

// DigestHash is the digest that goes with the algorithm where a structure hashes apart from the signature, as CMS does.
func (a Algorithm) DigestHash() crypto.Hash {
	if a.Hash == 0 {
		return crypto.SHA512
	}
	return a.Hash
}

// AddTo appends the AlgorithmIdentifier of the signature.
func (a Algorithm) AddTo(b *cryptobyte.Builder) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(a.oid)
		switch {
		case a.pss:
			a.addPSSParameters(b)
		case a.key == x509.RSA:
			b.AddASN1NULL() // RFC 4055 section 5
		}
	})
}

// AddDigestTo appends the AlgorithmIdentifier of the digest, without parameters (RFC 5754 section 2).
func (a Algorithm) AddDigestTo(b *cryptobyte.Builder) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(a.digest) })
}

// addPSSParameters appends RSASSA-PSS-params. Its hash identifiers carry NULL, as RFC 4055 section 2.1 writes them.
func (a Algorithm) addPSSParameters(b *cryptobyte.Builder) {
	tag := func(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }
	hash := func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(a.digest)
			b.AddASN1NULL()
		})
	}
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tag(0), hash)
		b.AddASN1(tag(1), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidMGF1)
				hash(b)
			})
		})
		b.AddASN1(tag(2), func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(a.Hash.Size())) })
	})
}
