package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"

	"github.com/miekg/pkcs11"
)

// Key types, mechanisms and attributes of PKCS#11 v3.0 (EdDSA) and v3.2 (ML-DSA, section 6.67) that the headers of
// v2.40 lack.
const (
	ckkECEdwards        = 0x40
	ckmECEdwardsKeyPair = 0x1055
	ckmEDDSA            = 0x1057

	ckkMLDSA        = 0x4a
	ckmMLDSAKeyPair = 0x1c
	ckmMLDSA        = 0x1d
	ckaParameterSet = 0x61d
)

// parameterSets are the values of CKA_PARAMETER_SET, CKP_ML_DSA_44 and so on (PKCS#11 v3.2 section 6.67.1).
var parameterSets = map[uint64]mldsa.Parameters{1: mldsa.MLDSA44(), 2: mldsa.MLDSA65(), 3: mldsa.MLDSA87()}

// findPublic returns the public half of the private key at handle: from the private key object itself when the token
// tells it, else from a public key or a certificate with the same id or label. With a pin, a candidate that satisfies
// it goes before all others.
func findPublic(c *pkcs11.Ctx, s pkcs11.SessionHandle, handle pkcs11.ObjectHandle, k *Key,
	pin []byte) (crypto.PublicKey, error) {
	var candidates []crypto.PublicKey
	var problem error
	add := func(public crypto.PublicKey, err error) {
		switch {
		case err != nil:
			problem = err
		case public != nil:
			candidates = append(candidates, public)
		}
	}
	add(readPublic(c, s, handle))
	for _, class := range []uint{pkcs11.CKO_PUBLIC_KEY, pkcs11.CKO_CERTIFICATE} {
		label := ""
		if len(k.id) == 0 {
			label = k.label
		}
		objects, err := findObjects(c, s, class, label, k.id)
		if err != nil {
			return nil, fmt.Errorf("finding its public key: %w", err)
		}
		for _, o := range objects {
			if class == pkcs11.CKO_CERTIFICATE {
				add(certificateKey(attribute(c, s, o, pkcs11.CKA_VALUE)))
			} else {
				add(readPublic(c, s, o))
			}
		}
	}
	if len(candidates) == 0 {
		if problem != nil {
			return nil, fmt.Errorf("reading its public key: %w", problem)
		}
		return nil,
			fmt.Errorf("%w: the token shows no public key and no certificate with its id; signatures could not be "+
				"checked", ErrKeyNotFound)
	}
	chosen := candidates[0]
	for _, public := range candidates {
		spki, err := x509.MarshalPKIXPublicKey(public)
		if err == nil && len(pin) > 0 && pinned(pin, spki) {
			return public, nil
		}
		if !samePublic(chosen, public) && len(pin) == 0 {
			return nil, fmt.Errorf("%w: the token shows two different public keys with its id; pin the right one",
				ErrKeyAmbiguous)
		}
	}
	return chosen, nil
}

func samePublic(a, b crypto.PublicKey) bool {
	e, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && e.Equal(b)
}

func certificateKey(der []byte) (crypto.PublicKey, error) {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parsing the certificate beside it: %w", err)
	}
	return certificate.PublicKey, nil
}

// readPublic reads the public key from a public or private key object; nil when the object does not tell it.
func readPublic(c *pkcs11.Ctx, s pkcs11.SessionHandle, o pkcs11.ObjectHandle) (crypto.PublicKey, error) {
	kind, ok := ulong(attribute(c, s, o, pkcs11.CKA_KEY_TYPE))
	if !ok {
		return nil, nil
	}
	switch kind {
	case pkcs11.CKK_RSA:
		n, e := attribute(c, s, o, pkcs11.CKA_MODULUS), attribute(c, s, o, pkcs11.CKA_PUBLIC_EXPONENT)
		if len(n) == 0 || len(e) == 0 {
			return nil, nil
		}
		return rsaKey(n, e)
	case pkcs11.CKK_EC:
		point := attribute(c, s, o, pkcs11.CKA_EC_POINT)
		if len(point) == 0 {
			return nil, nil
		}
		return ecKey(attribute(c, s, o, pkcs11.CKA_EC_PARAMS), point)
	case ckkECEdwards:
		point := attribute(c, s, o, pkcs11.CKA_EC_POINT)
		if len(point) == 0 {
			return nil, nil
		}
		return edKey(point)
	case ckkMLDSA:
		return mldsaKey(c, s, o)
	}
	return nil, fmt.Errorf("key type %#x is not supported (RSA, EC, EdDSA and ML-DSA are)", kind)
}

// ulong decodes a CK_ULONG attribute.
func ulong(b []byte) (uint64, bool) {
	switch len(b) {
	case 8:
		return binary.NativeEndian.Uint64(b), true
	case 4:
		return uint64(binary.NativeEndian.Uint32(b)), true
	}
	return 0, false
}

func rsaKey(n, e []byte) (crypto.PublicKey, error) {
	exponent := new(big.Int).SetBytes(e)
	if !exponent.IsInt64() || exponent.Int64() < 3 || exponent.Int64() > 1<<31-1 {
		return nil, fmt.Errorf("RSA exponent %v is not supported", exponent)
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}, nil
}

// The named curves: DER of the OBJECT IDENTIFIER in CKA_EC_PARAMS (RFC 5480 section 2.1.1.1).
var (
	paramsP256 = []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}
	paramsP384 = []byte{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22}
	paramsP521 = []byte{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23}
	// Ed25519 by name, as PKCS#11 v3.0 section 2.3.10 has it (PrintableString "edwards25519"): SoftHSM knows it only
	// so.
	paramsEd25519 = []byte{0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'}
)

func ecKey(params, point []byte) (crypto.PublicKey, error) {
	var curve elliptic.Curve
	switch {
	case bytes.Equal(params, paramsP256):
		curve = elliptic.P256()
	case bytes.Equal(params, paramsP384):
		curve = elliptic.P384()
	case bytes.Equal(params, paramsP521):
		curve = elliptic.P521()
	default:
		return nil, fmt.Errorf("elliptic curve %x is not supported (P-256, P-384 and P-521 are)", params)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, unwrap(point, 1+2*((curve.Params().BitSize+7)/8)))
	if err != nil {
		return nil, fmt.Errorf("parsing the public point: %w", err)
	}
	return public, nil
}

func edKey(point []byte) (crypto.PublicKey, error) {
	raw := unwrap(point, ed25519.PublicKeySize)
	if len(raw) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("an EdDSA public key of %d bytes is not supported (Ed25519 is)", len(raw))
	}
	return ed25519.PublicKey(raw), nil
}

// mldsaKey reads an ML-DSA public key. CKA_VALUE is the public key in the public key object only: in the private key
// object it is the private key, and is not asked for.
func mldsaKey(c *pkcs11.Ctx, s pkcs11.SessionHandle, o pkcs11.ObjectHandle) (crypto.PublicKey, error) {
	if class, ok := ulong(attribute(c, s, o, pkcs11.CKA_CLASS)); !ok || class != pkcs11.CKO_PUBLIC_KEY {
		return nil, nil
	}
	set, ok := ulong(attribute(c, s, o, ckaParameterSet))
	parameters, known := parameterSets[set]
	if !ok || !known {
		return nil, fmt.Errorf("ML-DSA parameter set %d is not supported (1 to 3 are)", set)
	}
	public, err := mldsa.NewPublicKey(parameters, attribute(c, s, o, pkcs11.CKA_VALUE))
	if err != nil {
		return nil, fmt.Errorf("parsing the %s public key: %w", parameters, err)
	}
	return public, nil
}

// unwrap takes a point out of its OCTET STRING. The standard asks for the wrapping; some tokens leave it out, so what
// has the right length already is left alone.
func unwrap(point []byte, size int) []byte {
	if len(point) == size {
		return point
	}
	var raw []byte
	rest, err := asn1.Unmarshal(point, &raw)
	if err != nil || len(rest) != 0 {
		return point
	}
	return raw
}

// algorithmName names the algorithm and size of a public key as GenerateKey does.
func algorithmName(public crypto.PublicKey) string {
	switch p := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("rsa%d", p.N.BitLen())
	case *ecdsa.PublicKey:
		return fmt.Sprintf("p%d", p.Curve.Params().BitSize)
	case ed25519.PublicKey:
		return "ed25519"
	case *mldsa.PublicKey:
		return strings.ToLower(p.Parameters().String())
	}
	return "unknown"
}
