package signature

import (
	"crypto/rsa"
	"math/big"
)

// Power raises s to 65537 with Montgomery's reduction; it is not ok for keys that
// do not have it.
func Power(public *rsa.PublicKey, s *big.Int) (power *big.Int, ok bool) {
	g := newMontgomery(public)
	if g == nil {
		return nil, false
	}
	g.power(new(big.Int).Set(s)) // leaves a used workspace behind
	power = new(big.Int).Set(s)
	g.power(power)
	return power, true
}
