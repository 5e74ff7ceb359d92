// Package algid knows which signature algorithm a key and its crypto.SignerOpts make: the exact DER of
// the AlgorithmIdentifier, what the signer gets, and how the signature is verified.
//
// The identifiers are those of RFC 4055 (RSA; NULL parameters for PKCS #1 v1.5, all three PSS fields
// written out), RFC 5758 (ECDSA; no parameters), RFC 8410 (Ed25519; no parameters) and RFC 9881
// (ML-DSA; no parameters, no hash before it, no context). SHA-1, RSA below 2048 bits and curves
// other than P-256, P-384 and P-521 are refused.
package algid

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // crypto.SHA256.New
	_ "crypto/sha512" // crypto.SHA384.New, crypto.SHA512.New
	"errors"
	"fmt"

	"seihon/hsmsign/internal/der"
)

const minRSABits = 2048

// Object identifiers as DER elements.
var (
	oidPSS     = []byte{der.OID, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10}
	oidMGF1    = []byte{der.OID, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8}
	oidEd25519 = []byte{der.OID, 3, 0x2b, 101, 112}
	null       = []byte{der.Null, 0}

	// The last octet of the object identifiers that differ by the hash alone.
	pkcs1Arc = map[crypto.Hash]byte{crypto.SHA256: 11, crypto.SHA384: 12, crypto.SHA512: 13}
	ecdsaArc = map[crypto.Hash]byte{crypto.SHA256: 2, crypto.SHA384: 3, crypto.SHA512: 4}
	hashArc  = map[crypto.Hash]byte{crypto.SHA256: 1, crypto.SHA384: 2, crypto.SHA512: 3}

	// The same for the parameter sets of ML-DSA.
	mldsaArc = map[mldsa.Parameters]byte{mldsa.MLDSA44(): 17, mldsa.MLDSA65(): 18, mldsa.MLDSA87(): 19}
)

// Algorithm is a signature algorithm of one public key.
type Algorithm struct {
	DER  []byte      // the AlgorithmIdentifier
	Hash crypto.Hash // of the message; 0 for Ed25519 and ML-DSA, which sign the message itself

	public crypto.PublicKey
	opts   crypto.SignerOpts
}

// For returns the algorithm that the key of public uses with opts. With nil opts an RSA key signs PKCS #1
// v1.5 with SHA-256 and an ECDSA key with the hash of its curve's size.
func For(public crypto.PublicKey, opts crypto.SignerOpts) (*Algorithm, error) {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return forRSA(public, opts)
	case *ecdsa.PublicKey:
		return forECDSA(public, opts)
	case ed25519.PublicKey:
		if opts != nil && opts.HashFunc() != 0 {
			return nil, fmt.Errorf("choosing a signature algorithm: Ed25519 takes no hash, not %v", opts.HashFunc())
		}
		return &Algorithm{DER: der.Wrap(der.Sequence, oidEd25519), public: public, opts: crypto.Hash(0)}, nil
	case *mldsa.PublicKey:
		if opts != nil && opts.HashFunc() != 0 {
			return nil, fmt.Errorf("choosing a signature algorithm: ML-DSA takes no hash, not %v", opts.HashFunc())
		}
		oid := []byte{der.OID, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, mldsaArc[public.Parameters()]}
		return &Algorithm{DER: der.Wrap(der.Sequence, oid), public: public, opts: crypto.Hash(0)}, nil
	default:
		return nil,
			fmt.Errorf("choosing a signature algorithm: a key of type %T is not supported: use RSA, ECDSA, Ed25519 "+
				"or ML-DSA", public)
	}
}

func forRSA(public *rsa.PublicKey, opts crypto.SignerOpts) (*Algorithm, error) {
	if bits := public.N.BitLen(); bits < minRSABits {
		return nil, fmt.Errorf("choosing a signature algorithm: an RSA key of %d bits is too weak: use at least %d",
			bits, minRSABits)
	}
	if opts == nil {
		opts = crypto.SHA256
	}
	hash := opts.HashFunc()
	arc, ok := pkcs1Arc[hash]
	if !ok {
		return nil, badHash("RSA", hash)
	}
	pss, ok := opts.(*rsa.PSSOptions)
	if !ok {
		oid := []byte{der.OID, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, arc}
		return &Algorithm{DER: der.Wrap(der.Sequence, oid, null), Hash: hash, public: public, opts: hash}, nil
	}
	salt := pss.SaltLength
	if salt == rsa.PSSSaltLengthEqualsHash || salt == rsa.PSSSaltLengthAuto {
		// RFC 4055 section 3.1 recommends the hash's length; "auto" would be a length
		// that only the finished signature tells.
		salt = hash.Size()
	}
	if salt < 0 || salt > 127 || salt > public.Size()-hash.Size()-2 {
		return nil, fmt.Errorf("choosing a signature algorithm: a PSS salt of %d octets does not fit the key", salt)
	}
	return &Algorithm{
		DER:    pssIdentifier(hash, salt),
		Hash:   hash,
		public: public,
		opts:   &rsa.PSSOptions{SaltLength: salt, Hash: hash},
	}, nil
}

// pssIdentifier writes RSASSA-PSS-params (RFC 4055 section 3.1). salt is less than 128.
func pssIdentifier(hash crypto.Hash, salt int) []byte {
	digest := der.Wrap(der.Sequence, []byte{der.OID, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, hashArc[hash]}, null)
	params := der.Wrap(der.Sequence,
		der.Wrap(der.Context(0), digest),
		der.Wrap(der.Context(1), der.Wrap(der.Sequence, oidMGF1, digest)),
		der.Wrap(der.Context(2), []byte{der.Integer, 1, byte(salt)}))
	return der.Wrap(der.Sequence, oidPSS, params)
}

func forECDSA(public *ecdsa.PublicKey, opts crypto.SignerOpts) (*Algorithm, error) {
	var hash crypto.Hash
	switch public.Curve {
	case elliptic.P256():
		hash = crypto.SHA256
	case elliptic.P384():
		hash = crypto.SHA384
	case elliptic.P521():
		hash = crypto.SHA512
	default:
		return nil,
			fmt.Errorf("choosing a signature algorithm: the curve %s is not supported: use P-256, P-384 or P-521",
				public.Params().Name)
	}
	if opts != nil {
		hash = opts.HashFunc()
	}
	arc, ok := ecdsaArc[hash]
	if !ok {
		return nil, badHash("ECDSA", hash)
	}
	oid := []byte{der.OID, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, arc}
	return &Algorithm{DER: der.Wrap(der.Sequence, oid), Hash: hash, public: public, opts: hash}, nil
}

func badHash(key string, hash crypto.Hash) error {
	return fmt.Errorf("choosing a signature algorithm: %s with hash %v is not allowed: use SHA-256, SHA-384 or SHA-512",
		key, hash)
}

// Sign signs input: the digest of the message, or the message itself when Hash is 0.
func (a *Algorithm) Sign(signer crypto.Signer, input []byte) ([]byte, error) {
	return signer.Sign(rand.Reader, input, a.opts)
}

// Verify reports why signature is not one of input, the same input that Sign takes.
func (a *Algorithm) Verify(input, signature []byte) error {
	switch public := a.public.(type) {
	case *rsa.PublicKey:
		if pss, ok := a.opts.(*rsa.PSSOptions); ok {
			return rsa.VerifyPSS(public, a.Hash, input, signature, pss)
		}
		return rsa.VerifyPKCS1v15(public, a.Hash, input, signature)
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(public, input, signature) {
			return errors.New("ECDSA verification error")
		}
	case ed25519.PublicKey:
		return ed25519.VerifyWithOptions(public, input, signature, &ed25519.Options{})
	case *mldsa.PublicKey:
		return mldsa.Verify(public, input, signature, nil)
	}
	return nil
}

// SamePublic reports whether two public keys are the same.
func SamePublic(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}
