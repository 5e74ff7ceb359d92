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
	crypto.SHA256: {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20},
	crypto.SHA384: {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30},
	crypto.SHA512: {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40},
}

type rsaKey struct {
	public  *rsa.PublicKey
	modulus *bigmod.Modulus // for the size at which it is faster than math/big; nil otherwise
}

// assemblySize is the modulus length in bits for which bigmod has assembly.
const assemblySize = 2048

// newRSAKey returns nil for keys that the standard library refuses or that are not
// worth it: it is to judge them.
func newRSAKey(public *rsa.PublicKey) *rsaKey {
	bits := public.N.BitLen()
	if bits < assemblySize || bits > 2*assemblySize || bits%8 != 0 || public.N.Bit(0) == 0 || public.E != 65537 {
		return nil
	}
	k := &rsaKey{public: public}
	if bits == assemblySize {
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
	return s.Exp(s, big.NewInt(int64(k.public.E)), k.public.N).FillBytes(make([]byte, k.public.Size())), true
}
