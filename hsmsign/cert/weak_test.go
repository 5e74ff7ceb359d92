package cert

import (
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"strings"
	"testing"
)

func TestWeakFactors(t *testing.T) {
	prime := func(bits int) *big.Int {
		t.Helper()
		p, err := rand.Prime(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := prime(512)
	next := new(big.Int).Add(p, big.NewInt(2))
	for !next.ProbablyPrime(20) {
		next.Add(next, big.NewInt(2))
	}
	// A prime of the broken generator is k·M + 65537^a mod M, M being a product of the first primes.
	m := big.NewInt(2)
	for _, q := range infineonPrimes {
		m.Mul(m, big.NewInt(q))
	}
	structured := func(a int64) *big.Int {
		base := new(big.Int).Exp(big.NewInt(65537), big.NewInt(a), m)
		for k := prime(300); ; k.Add(k, big.NewInt(1)) {
			if c := new(big.Int).Add(new(big.Int).Mul(k, m), base); c.ProbablyPrime(10) {
				return c
			}
		}
	}
	for _, c := range []struct {
		name string
		n    *big.Int
		want string
	}{
		{"a factor 751", new(big.Int).Mul(prime(1024), big.NewInt(751)), "divisible by 751"},
		{"factors beside each other", new(big.Int).Mul(p, next), "Fermat"},
		{"Infineon's structure", new(big.Int).Mul(structured(12345), structured(777)), "ROCA"},
	} {
		if err := checkFactors(c.n); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want one with %q", c.name, err, c.want)
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkFactors(key.N); err != nil {
		t.Errorf("a good key: %v", err)
	}
}
