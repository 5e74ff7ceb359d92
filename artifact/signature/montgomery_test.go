package signature_test

import (
	"crypto/rsa"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"seihon/artifact/signature"
)

// TestMontgomery holds the power against math/big: for any odd modulus, with runs of zero and of one bits where carries
// and short blocks are.
func TestMontgomery(t *testing.T) {
	t.Parallel()
	exponent := big.NewInt(65537)
	rapid.Check(t, func(t *rapid.T) {
		octets := rapid.SampledFrom([]int{64, 128, 384, 512}).Draw(t, "octets")
		number := func(name string) *big.Int {
			b := rapid.SliceOfN(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte{0, 0xff})), octets, octets).Draw(t,
				name)
			from, until := rapid.IntRange(0, octets).Draw(t, "from"), rapid.IntRange(0, octets).Draw(t, "until")
			for i := from; i < until; i++ {
				b[i] = rapid.SampledFrom([]byte{0, 0xff}).Draw(t, "fill")
			}
			return new(big.Int).SetBytes(b)
		}
		n := number("modulus")
		n.SetBit(n.SetBit(n, 8*octets-1, 1), 0, 1)
		s := number("signature")
		switch s.Mod(s, n); rapid.IntRange(0, 9).Draw(t, "edge") {
		case 0:
			s.SetInt64(rapid.Int64Range(0, 2).Draw(t, "small"))
		case 1:
			s.Sub(n, big.NewInt(1))
		}
		got, ok := signature.Power(&rsa.PublicKey{N: n, E: 65537}, s)
		if want := new(big.Int).Exp(s, exponent, n); !ok || got.Cmp(want) != 0 {
			t.Fatalf("%x to 65537 modulo %x is %x (%v), want %x", s, n, got, ok, want)
		}
	})
	for _, unusual := range []*rsa.PublicKey{
		{N: new(big.Int).Lsh(big.NewInt(3), 3000), E: 65537},
		{N: new(big.Int).SetBit(big.NewInt(1), 2999, 1), E: 65537},
		{N: new(big.Int).SetBit(big.NewInt(1), 3071, 1), E: 3}, {N: new(big.Int), E: 65537},
	} {
		if _, ok := signature.Power(unusual, big.NewInt(2)); ok {
			t.Errorf("%d bits, exponent %d", unusual.N.BitLen(), unusual.E)
		}
	}
}
