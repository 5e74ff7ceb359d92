package signature

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"math/big"

	"filippo.io/bigmod"
)

// digestInfo holds the DER that goes before a digest in PKCS #1 v1.5 (RFC 8017
// section 9.2, note 1). SHA-1 is missing on purpose.
var digestInfo = map[crypto.Hash][]byte{
	crypto.SHA256: {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
		0x00, 0x04, 0x20},
	crypto.SHA384: {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05,
		0x00, 0x04, 0x30},
	crypto.SHA512: {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05,
		0x00, 0x04, 0x40},
}

type rsaKey struct {
	public     *rsa.PublicKey
	modulus    *bigmod.Modulus // for the size at which it is the fastest; nil otherwise
	montgomery *montgomery     // for the other usual sizes; nil otherwise
}

// assemblySize is the modulus length in bits for which bigmod has assembly.
const assemblySize = 2048

// newRSAKey returns nil for keys of unusual form: the standard library is to judge
// them.
func newRSAKey(public *rsa.PublicKey) *rsaKey {
	k := &rsaKey{public: public, montgomery: newMontgomery(public)}
	if k.montgomery == nil || public.N.BitLen() < assemblySize || public.N.BitLen() > 2*assemblySize {
		return nil
	}
	if public.N.BitLen() == assemblySize {
		modulus, err := bigmod.NewModulus(public.N.Bytes())
		if err != nil {
			return nil
		}
		k.modulus = modulus
	}
	return k
}

// verify raises the signature to the public exponent and compares the result with
// the one encoding that it may be of.
func (k *rsaKey) verify(hash crypto.Hash, digest, signature []byte) error {
	size, prefix := k.public.Size(), digestInfo[hash]
	padding := size - 3 - len(prefix) - len(digest)
	if len(digest) != hash.Size() || len(signature) != size || padding < 8 {
		return ErrVerification
	}
	want := make([]byte, size)
	want[1] = 1
	for i := range padding {
		want[2+i] = 0xff
	}
	copy(want[3+padding:], prefix)
	copy(want[3+padding+len(prefix):], digest)
	got, ok := k.power(signature)
	if !ok || !bytes.Equal(got, want) {
		return ErrVerification
	}
	return nil
}

// power raises a signature to the public exponent; it is not ok when the signature
// is not less than the modulus.
func (k *rsaKey) power(signature []byte) ([]byte, bool) {
	if k.modulus != nil {
		s, err := bigmod.NewNat().SetBytes(signature, k.modulus)
		if err != nil {
			return nil, false
		}
		return bigmod.NewNat().ExpShortVarTime(s, uint(k.public.E), k.modulus).Bytes(k.modulus), true
	}
	s := new(big.Int).SetBytes(signature)
	if s.Cmp(k.public.N) >= 0 {
		return nil, false
	}
	k.montgomery.power(s)
	return s.FillBytes(make([]byte, k.public.Size())), true
}

// DigestInfo returns the DER that goes before a digest in PKCS #1 v1.5, which is
// for the caller to sign with it; nil when the hash is not supported.
func DigestInfo(hash crypto.Hash) []byte {
	prefix := digestInfo[hash]
	return prefix[:len(prefix):len(prefix)]
}
