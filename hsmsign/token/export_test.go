package token

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"math/big"
)

// SignFunc makes one signature on one session of the token.
type SignFunc = signFunc

// WithFault puts wrap between the pool and the module.
func WithFault(cfg Config, wrap func(next SignFunc) SignFunc) Config {
	cfg.sign = wrap(signOnce)
	return cfg
}

// VerifyPKCS1 is the self-check of PKCS #1 v1.5 signatures.
func VerifyPKCS1(public *rsa.PublicKey, digestInfo, signature []byte) error {
	return newRSAVerifier(public).verifyPKCS1(digestInfo, signature)
}

// DigestInfo is the DER before a digest.
var DigestInfo = digestInfo

// RemedyNames names what remedyFor answers.
var RemedyNames = map[remedy]string{giveUp: "give up", newSession: "new session", newModule: "new module", waitAndRetry: "wait"}

// RemedyFor classifies an error.
func RemedyFor(err error) string { return RemedyNames[remedyFor(err)] }

// ECDSADER encodes a raw signature.
var ECDSADER = ecdsaDER

// ReadApprovals reads the list without asking who signed it.
var ReadApprovals = readApprovals

// P256Table is the check with a table.
func P256Table(public *ecdsa.PublicKey) func(digest, signature []byte) bool {
	v := &p256Verifier{public: public}
	v.count.Store(tableAfter)
	return v.verify
}

// Power raises s to 65537 as the self-check does for the sizes that have Montgomery's reduction; it is not ok for others.
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
