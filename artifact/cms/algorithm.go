package cms

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // only for ESSCertID of time stamps, see essCert
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	hashes = map[string]crypto.Hash{
		"2.16.840.1.101.3.4.2.1": crypto.SHA256, "2.16.840.1.101.3.4.2.2": crypto.SHA384,
		"2.16.840.1.101.3.4.2.3": crypto.SHA512,
	}
	algorithms = map[string]struct {
		algorithm x509.SignatureAlgorithm
		digest    crypto.Hash // 0: any
	}{
		"1.2.840.113549.1.1.11": {x509.SHA256WithRSA, crypto.SHA256},
		"1.2.840.113549.1.1.12": {x509.SHA384WithRSA, crypto.SHA384},
		"1.2.840.113549.1.1.13": {x509.SHA512WithRSA, crypto.SHA512},
		"1.2.840.10045.4.3.2":   {x509.ECDSAWithSHA256, crypto.SHA256},
		"1.2.840.10045.4.3.3":   {x509.ECDSAWithSHA384, crypto.SHA384},
		"1.2.840.10045.4.3.4":   {x509.ECDSAWithSHA512, crypto.SHA512},
		"1.3.101.112":           {x509.PureEd25519, 0},
	}
	// RFC 9882 section 3.3: pure ML-DSA, and digests of the message that are no weaker than the key.
	mldsa = map[string]struct {
		algorithm x509.SignatureAlgorithm
		digests   []crypto.Hash
	}{
		"2.16.840.1.101.3.4.3.17": {x509.MLDSA44, []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}},
		"2.16.840.1.101.3.4.3.18": {x509.MLDSA65, []crypto.Hash{crypto.SHA384, crypto.SHA512}},
		"2.16.840.1.101.3.4.3.19": {x509.MLDSA87, []crypto.Hash{crypto.SHA512}},
	}
	byDigest = map[string]map[crypto.Hash]x509.SignatureAlgorithm{
		"1.2.840.113549.1.1.1": {crypto.SHA256: x509.SHA256WithRSA, crypto.SHA384: x509.SHA384WithRSA,
			crypto.SHA512: x509.SHA512WithRSA},
		"1.2.840.113549.1.1.10": {crypto.SHA256: x509.SHA256WithRSAPSS, crypto.SHA384: x509.SHA384WithRSAPSS,
			crypto.SHA512: x509.SHA512WithRSAPSS},
		"1.2.840.10045.2.1": {crypto.SHA256: x509.ECDSAWithSHA256, crypto.SHA384: x509.ECDSAWithSHA384,
			crypto.SHA512: x509.ECDSAWithSHA512},
	}
)

const (
	oidPSS  = "1.2.840.113549.1.1.10"
	oidMGF1 = "1.2.840.113549.1.1.8"
)

var errDigests = errors.New("the digests of signature and message differ")

// readHash reads a DigestAlgorithmIdentifier: parameters absent or NULL, RFC 5754 section 2.
func readHash(in *cryptobyte.String) (crypto.Hash, error) {
	var body cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&oid) ||
		len(body) > 0 && !bytes.Equal(body, []byte{5, 0}) {
		return 0, errDER
	}
	h, ok := hashes[oid.String()]
	if !ok {
		return 0, fmt.Errorf("digest algorithm %v is not accepted, only SHA-256, SHA-384 and SHA-512", oid)
	}
	return h, nil
}

// readAlgorithm also understands the habit of writing the key's algorithm where the signature's belongs (RFC 3370
// section 3.2); the digest algorithm then completes it. It must agree with the digest (RFC 8933 section 3) in every
// case but Ed25519, which has its own.
func readAlgorithm(in *cryptobyte.String, digest crypto.Hash) (x509.SignatureAlgorithm, error) {
	var body cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&oid) {
		return 0, errDER
	}
	name := oid.String()
	if a, ok := mldsa[name]; ok {
		switch {
		case len(body) > 0:
			return 0, fmt.Errorf("signature algorithm %v has parameters", oid)
		case !slices.Contains(a.digests, digest):
			return 0, fmt.Errorf("the digest of the message, %v, is too short for %v (RFC 9882 section 3.3)", digest,
				a.algorithm)
		}
		return a.algorithm, nil
	}
	if name == oidPSS {
		h, err := readPSS(body)
		if err != nil {
			return 0, err
		}
		if h != digest {
			return 0, errDigests
		}
	} else if len(body) > 0 && !bytes.Equal(body, []byte{5, 0}) {
		return 0, fmt.Errorf("signature algorithm %v has parameters", oid)
	}
	if a, ok := algorithms[name]; ok {
		if a.digest != 0 && a.digest != digest {
			return 0, errDigests
		}
		return a.algorithm, nil
	}
	if a, ok := byDigest[name][digest]; ok {
		return a, nil
	}
	return 0, fmt.Errorf("signature algorithm %v is not accepted", oid)
}

// readPSS accepts the parameter sets of RFC 4055 section 3.1 that crypto/x509 verifies: one hash throughout, the salt
// as long as the hash, the default trailer.
func readPSS(in cryptobyte.String) (crypto.Hash, error) {
	var params, hash, mgf, mgfBody, salt cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1(&params, cbasn1.SEQUENCE) || !in.Empty() || !params.ReadASN1(&hash, explicit(0)) ||
		!params.ReadASN1(&mgf, explicit(1)) || !params.ReadASN1(&salt, explicit(2)) ||
		!mgf.ReadASN1(&mgfBody, cbasn1.SEQUENCE) || !mgfBody.ReadASN1ObjectIdentifier(&oid) {
		return 0, errors.New("RSASSA-PSS parameters are missing or incomplete (SHA-1 would be their default)")
	}
	h, err := readHash(&hash)
	if err != nil {
		return 0, err
	}
	m, err := readHash(&mgfBody)
	if err != nil {
		return 0, err
	}
	length := new(big.Int)
	if !salt.ReadASN1Integer(length) || !params.Empty() || oid.String() != oidMGF1 || m != h ||
		length.Cmp(big.NewInt(int64(h.Size()))) != 0 {
		return 0, errors.New("RSASSA-PSS parameters are unusual: want one hash throughout and a salt of its length")
	}
	return h, nil
}
