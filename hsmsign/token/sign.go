package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rsa"
	_ "crypto/sha256" // the digests that a signature may be over
	_ "crypto/sha512"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/miekg/pkcs11"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"seihon/artifact/signature"
)

// Sign implements crypto.Signer: PKCS#1 v1.5, or PSS with *rsa.PSSOptions, for RSA; an ASN.1 signature for ECDSA; and
// for Ed25519 and ML-DSA a signature over digest as the whole message, with crypto.Hash(0). The random source is the
// token's own.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext is Sign that ends with ctx.
func (k *Key) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	j, err := k.prepare(digest, opts)
	if err != nil {
		return nil, fmt.Errorf("signing with key %q: %w", k.label, err)
	}
	raw, err := k.token.sign(ctx, k, j.mechanism, j.input)
	if err != nil {
		return nil, fmt.Errorf("signing with key %q: %w", k.label, err)
	}
	signature, err := j.decode(raw)
	if err == nil {
		err = j.verify(signature)
	}
	if err != nil {
		// Not retried, and the signature is not shown: see the package comment.
		return nil,
			fmt.Errorf("checking a signature of key %q: %w: the token made one that its public key refuses (%w); the "+
				"HSM may be faulty, or the public key beside the private key is another one", k.label, ErrBadSignature,
				err)
	}
	return signature, nil
}

// job is one signature: what the token is asked, and how its answer is checked.
type job struct {
	mechanism []*pkcs11.Mechanism
	input     []byte
	decode    func(raw []byte) ([]byte, error) // from the token's form to Go's
	verify    func(signature []byte) error
}

// pssHash holds the hash and mask generation function of CK_RSA_PKCS_PSS_PARAMS.
var pssHash = map[crypto.Hash][2]uint{
	crypto.SHA256: {pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256},
	crypto.SHA384: {pkcs11.CKM_SHA384, pkcs11.CKG_MGF1_SHA384},
	crypto.SHA512: {pkcs11.CKM_SHA512, pkcs11.CKG_MGF1_SHA512},
}

// The mechanisms without parameters; shared, since nothing writes to them.
var (
	mechanismRSA   = []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil)}
	mechanismECDSA = []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil)}
	mechanismEDDSA = []*pkcs11.Mechanism{pkcs11.NewMechanism(ckmEDDSA, nil)}
	// Without a parameter the context is empty, as RFC 9881 section 3 wants it, and the token hedges when it can
	// (PKCS#11 v3.2 section 6.67.5).
	mechanismMLDSA = []*pkcs11.Mechanism{pkcs11.NewMechanism(ckmMLDSA, nil)}
)

// prepare turns a request to a crypto.Signer into a job.
func (k *Key) prepare(digest []byte, opts crypto.SignerOpts) (job, error) {
	if opts == nil {
		return job{}, errors.New("no options: name the hash of the digest")
	}
	hash := opts.HashFunc()
	switch key := k.public.(type) {
	case ed25519.PublicKey:
		return prepareEd25519(key, digest, opts)
	case *mldsa.PublicKey:
		return prepareMLDSA(key, digest, opts)
	}
	if len(signature.DigestInfo(hash)) == 0 {
		return job{}, fmt.Errorf("hash %v is not supported (SHA-256, SHA-384 and SHA-512 are)", hash)
	}
	if len(digest) != hash.Size() {
		return job{}, fmt.Errorf("digest has %d bytes, %v has %d", len(digest), hash, hash.Size())
	}
	switch key := k.public.(type) {
	case *rsa.PublicKey:
		if pss, ok := opts.(*rsa.PSSOptions); ok {
			return preparePSS(key, digest, hash, pss)
		}
		return job{
			mechanism: mechanismRSA,
			input:     append(signature.DigestInfo(hash), digest...),
			decode:    func(raw []byte) ([]byte, error) { return widen(raw, key.Size()), nil },
			verify:    func(sig []byte) error { return k.check.PKCS1v15(hash, digest, sig) },
		}, nil
	case *ecdsa.PublicKey:
		size := (key.Curve.Params().N.BitLen() + 7) / 8
		return job{
			mechanism: mechanismECDSA,
			// the leftmost bits count (FIPS 186-5 section 6.4.1); not every token cuts
			input:  digest[:min(size, len(digest))],
			decode: func(raw []byte) ([]byte, error) { return ecdsaDER(raw, size) },
			verify: func(sig []byte) error { return k.check.ECDSA(digest, sig) },
		}, nil
	}
	return job{}, fmt.Errorf("a key of type %T cannot sign", k.public)
}

func preparePSS(key *rsa.PublicKey, digest []byte, hash crypto.Hash, opts *rsa.PSSOptions) (job, error) {
	salt := opts.SaltLength
	switch salt {
	case rsa.PSSSaltLengthAuto:
		salt = (key.N.BitLen()-1+7)/8 - 2 - hash.Size()
	case rsa.PSSSaltLengthEqualsHash:
		salt = hash.Size()
	}
	if salt < 0 {
		return job{}, fmt.Errorf("PSS salt length %d is not possible", opts.SaltLength)
	}
	p := pssHash[hash]
	return job{
		mechanism: []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_PSS,
			pkcs11.NewPSSParams(p[0], p[1], uint(salt)))},
		input:  digest,
		decode: func(raw []byte) ([]byte, error) { return widen(raw, key.Size()), nil },
		verify: func(signature []byte) error {
			return rsa.VerifyPSS(key, hash, digest, signature, &rsa.PSSOptions{SaltLength: salt, Hash: hash})
		},
	}, nil
}

func prepareEd25519(key ed25519.PublicKey, message []byte, opts crypto.SignerOpts) (job, error) {
	if o, ok := opts.(*ed25519.Options); opts.HashFunc() != 0 || ok && o.Context != "" {
		return job{}, errors.New("for Ed25519 only pure signatures without hash and context are supported")
	}
	return job{
		mechanism: mechanismEDDSA,
		input:     message,
		decode:    func(raw []byte) ([]byte, error) { return raw, nil },
		verify: func(signature []byte) error {
			if !ed25519.Verify(key, message, signature) {
				return errors.New("Ed25519 verification error")
			}
			return nil
		},
	}, nil
}

func prepareMLDSA(key *mldsa.PublicKey, message []byte, opts crypto.SignerOpts) (job, error) {
	if o, ok := opts.(*mldsa.Options); opts.HashFunc() != 0 || ok && o.Context != "" {
		return job{}, errors.New("for ML-DSA only pure signatures without hash and context are supported (RFC 9881)")
	}
	return job{
		mechanism: mechanismMLDSA,
		input:     message,
		decode:    func(raw []byte) ([]byte, error) { return raw, nil },
		verify:    func(signature []byte) error { return mldsa.Verify(key, message, signature, nil) },
	}, nil
}

// widen puts back leading zero bytes that some tokens leave out of an RSA signature.
func widen(raw []byte, size int) []byte {
	if len(raw) >= size {
		return raw
	}
	wide := make([]byte, size)
	copy(wide[size-len(raw):], raw)
	return wide
}

// ecdsaDER encodes r || s of PKCS#11 as ECDSA-Sig-Value (RFC 5480 appendix A).
func ecdsaDER(raw []byte, size int) ([]byte, error) {
	if len(raw) == 0 || len(raw)%2 != 0 || len(raw) > 2*size {
		return nil, fmt.Errorf("ECDSA signature of %d bytes, not %d", len(raw), 2*size)
	}
	half := len(raw) / 2
	b := cryptobyte.NewBuilder(make([]byte, 0, len(raw)+9))
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(raw[:half]))
		b.AddASN1BigInt(new(big.Int).SetBytes(raw[half:]))
	})
	return b.Bytes()
}
