package token

import (
	"bytes"
	"crypto/rsa"
	"math/big"

	"filippo.io/bigmod"
)

// rsaVerifier checks PKCS #1 v1.5 signatures of one key. It is here because rsa.VerifyPKCS1v15 prepares the modulus anew
// for every signature and has no fast path beyond 2048 bits, where it takes three times as long. Nothing here is secret,
// so it need not take constant time. The tests hold it against the standard library.
type rsaVerifier struct {
	public     *rsa.PublicKey
	modulus    *bigmod.Modulus // for the size at which it is the fastest; nil otherwise
	montgomery *montgomery     // for other usual sizes; nil otherwise
}

// assemblySize is the modulus length for which bigmod has assembly and is the faster one.
const assemblySize = 2048

func newRSAVerifier(public *rsa.PublicKey) *rsaVerifier {
	v := &rsaVerifier{public: public}
	if public.N.BitLen() == assemblySize {
		modulus, err := bigmod.NewModulus(public.N.Bytes())
		if err == nil {
			v.modulus = modulus
			return v
		}
	}
	v.montgomery = newMontgomery(public)
	return v
}

// verifyPKCS1 raises the signature to the public exponent and compares the result with the one encoding that it may
// be of (RFC 8017 section 8.2.2).
func (v *rsaVerifier) verifyPKCS1(digestInfo, signature []byte) error {
	size := v.public.Size()
	padding := size - 3 - len(digestInfo)
	if len(signature) != size || padding < 8 {
		return rsa.ErrVerification
	}
	want := make([]byte, size)
	want[1] = 1
	for i := range padding {
		want[2+i] = 0xff
	}
	copy(want[size-len(digestInfo):], digestInfo)
	got, ok := v.power(signature)
	if !ok || !bytes.Equal(got, want) {
		return rsa.ErrVerification
	}
	return nil
}

// power raises signature to the public exponent; it is not ok when signature is not less than the modulus.
func (v *rsaVerifier) power(signature []byte) ([]byte, bool) {
	if v.modulus != nil {
		s, err := bigmod.NewNat().SetBytes(signature, v.modulus)
		if err != nil {
			return nil, false
		}
		return bigmod.NewNat().ExpShortVarTime(s, uint(v.public.E), v.modulus).Bytes(v.modulus), true
	}
	s := new(big.Int).SetBytes(signature)
	if s.Cmp(v.public.N) >= 0 {
		return nil, false
	}
	if v.montgomery != nil {
		v.montgomery.power(s)
	} else {
		s.Exp(s, big.NewInt(int64(v.public.E)), v.public.N)
	}
	return s.FillBytes(make([]byte, v.public.Size())), true
}
