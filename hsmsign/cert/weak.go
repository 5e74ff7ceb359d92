package cert

import (
	"errors"
	"fmt"
	"math/big"
)

// checkFactors refuses RSA moduli that are known to fall: with a small factor, with two factors close to each other
// (Fermat), and with the structure of Infineon's library (ROCA, CVE-2017-15361). A key that passes may be weak
// otherwise.
func checkFactors(n *big.Int) error {
	if small := new(big.Int).GCD(nil, nil, n, smallPrimes); small.Cmp(big.NewInt(1)) != 0 {
		return fmt.Errorf("the RSA modulus is divisible by %v: the key is broken", small)
	}
	if closeFactors(n) {
		return errors.New("the two factors of the RSA modulus are close to each other, so that anybody can find them " +
			"(Fermat)")
	}
	if infineon(n) {
		return errors.New("the RSA key has the structure of the broken generator in Infineon chips (ROCA, " +
			"CVE-2017-15361)")
	}
	return nil
}

// smallPrimes is the product of the odd primes below 752, as the Baseline Requirements 6.1.6 bound them.
var smallPrimes = func() *big.Int {
	product := big.NewInt(1)
	for p := int64(3); p < 752; p += 2 {
		if big.NewInt(p).ProbablyPrime(0) {
			product.Mul(product, big.NewInt(p))
		}
	}
	return product
}()

// fermatRounds is how many squares are tried; the published broken keys fall in the first few.
const fermatRounds = 100

// closeFactors looks for n = a² - b² with a just above the root of n.
func closeFactors(n *big.Int) bool {
	a := new(big.Int).Sqrt(n)
	square, rest, root := new(big.Int), new(big.Int), new(big.Int)
	for range fermatRounds {
		if rest.Sub(square.Mul(a, a), n).Sign() >= 0 {
			root.Sqrt(rest)
			if square.Mul(root, root).Cmp(rest) == 0 {
				return true
			}
		}
		a.Add(a, big.NewInt(1))
	}
	return false
}

// infineonPrimes are those of the fingerprint in "The Return of Coppersmith's Attack" (CCS 2017).
var infineonPrimes = []int64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
	113, 127, 131,
	137, 139, 149, 151, 157, 163, 167,
}

// infineon reports whether n is a power of 65537 modulo every one of the primes; a good modulus is with a chance of
// 2^-27.
func infineon(n *big.Int) bool {
	for _, p := range infineonPrimes {
		want := new(big.Int).Mod(n, big.NewInt(p)).Int64()
		power := int64(1)
		for range p {
			if power == want {
				break
			}
			power = power * 65537 % p
		}
		if power != want {
			return false
		}
	}
	return true
}
