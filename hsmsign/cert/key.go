package cert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
)

// checkKey refuses keys that are weak or that the profile does not accept, and returns their name in the profile's
// words.
func checkKey(pub crypto.PublicKey, accepted []string) (string, error) {
	name, err := keyAlgorithm(pub)
	if err != nil {
		return "", err
	}
	if len(accepted) > 0 && !slices.Contains(accepted, name) {
		return "", fmt.Errorf("a key of type %s is not accepted here, only %s", name, strings.Join(accepted, ", "))
	}
	return name, nil
}

func keyAlgorithm(pub crypto.PublicKey) (string, error) {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return rsaAlgorithm(k)
	case *ecdsa.PublicKey:
		return curveAlgorithm(k)
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return "", fmt.Errorf("an Ed25519 key has %d octets, want %d", len(k), ed25519.PublicKeySize)
		}
		return "ed25519", nil
	case *mldsa.PublicKey:
		return strings.ToLower(k.Parameters().String()), nil
	}
	return "", fmt.Errorf("a key of type %T is not accepted", pub)
}

// curves are the elliptic curves that a certified key may be on (RFC 5480 section 2.1.1.1).
var curves = map[elliptic.Curve]string{elliptic.P256(): "p256", elliptic.P384(): "p384", elliptic.P521(): "p521"}

func curveAlgorithm(k *ecdsa.PublicKey) (string, error) {
	name, ok := curves[k.Curve]
	if !ok {
		unknown := "unknown"
		if k.Curve != nil {
			unknown = k.Curve.Params().Name
		}
		return "", fmt.Errorf("elliptic curve %s is not accepted, only P-256, P-384 and P-521", unknown)
	}
	if _, err := k.ECDH(); err != nil { // the point must lie on the curve
		return "", fmt.Errorf("checking the public point: %w", err)
	}
	return name, nil
}

// rsaAlgorithm follows FIPS 186-5 appendix A.1.1: a modulus of at least 2048 bits and an odd exponent above 2^16.
func rsaAlgorithm(k *rsa.PublicKey) (string, error) {
	if k.N == nil || k.N.Sign() <= 0 || k.N.Bit(0) == 0 {
		return "", fmt.Errorf("the RSA modulus is not an odd positive number")
	}
	bits := k.N.BitLen()
	switch {
	case bits < 2048:
		return "", fmt.Errorf("an RSA key of %d bits is too weak, at least 2048 are required", bits)
	case bits != 2048 && bits != 3072 && bits != 4096:
		return "", fmt.Errorf("an RSA key of %d bits is not accepted, only 2048, 3072 and 4096", bits)
	case k.E <= 1<<16 || k.E&1 == 0:
		return "",
			fmt.Errorf("RSA exponent %d is not accepted, it must be odd and above 65536 (FIPS 186-5 appendix A.1.1)",
				k.E)
	}
	return fmt.Sprintf("rsa%d", bits), checkFactors(k.N)
}
