package artifact

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // CertID hashes of RFC 6960 are SHA-1 by default; signatures with it are refused
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

type asn1OID = asn1.ObjectIdentifier

func unhex(s string) []byte {
	b, _ := hex.DecodeString(s) // constants of this file only
	return b
}

// Content octets of object identifiers.
var (
	oidPSS    = unhex("2a864886f70d01010a")
	oidMGF1   = unhex("2a864886f70d010108")
	oidSHA1   = unhex("2b0e03021a")
	oidSHA256 = unhex("608648016503040201")
	oidSHA384 = unhex("608648016503040202")
	oidSHA512 = unhex("608648016503040203")
)

var hashOIDs = []struct {
	oid  []byte
	hash crypto.Hash
}{{oidSHA1, crypto.SHA1}, {oidSHA256, crypto.SHA256}, {oidSHA384, crypto.SHA384}, {oidSHA512, crypto.SHA512}}

// A plainAlgorithm is a signature algorithm whose parameters are absent or NULL.
type plainAlgorithm struct {
	oid []byte
	// RSA: RFC 4055 section 5 writes NULL, and readers must accept it absent, too; the others have no parameters
	null bool
	alg  x509.SignatureAlgorithm
}

var plainAlgorithms = []plainAlgorithm{
	{unhex("2a864886f70d010105"), true, x509.SHA1WithRSA},
	{unhex("2a864886f70d01010b"), true, x509.SHA256WithRSA},
	{unhex("2a864886f70d01010c"), true, x509.SHA384WithRSA},
	{unhex("2a864886f70d01010d"), true, x509.SHA512WithRSA},
	{unhex("2a8648ce3d040302"), false, x509.ECDSAWithSHA256},
	{unhex("2a8648ce3d040303"), false, x509.ECDSAWithSHA384},
	{unhex("2a8648ce3d040304"), false, x509.ECDSAWithSHA512},
	{unhex("2b6570"), false, x509.PureEd25519},
	// ML-DSA of FIPS 204 without a hash before it and with an empty context (RFC 9881 section 2). HashML-DSA has
	// identifiers of its own, which no certificate, list or response may have: it is among the algorithms that are not
	// supported.
	{unhex("608648016503040311"), false, x509.MLDSA44},
	{unhex("608648016503040312"), false, x509.MLDSA65},
	{unhex("608648016503040313"), false, x509.MLDSA87},
}

// signatureAlgorithm understands the content of an AlgorithmIdentifier. An unknown algorithm is not an error of syntax:
// it yields x509.UnknownSignatureAlgorithm, with which no signature verifies.
func signatureAlgorithm(body cryptobyte.String) (x509.SignatureAlgorithm, error) {
	var oid cryptobyte.String
	if !body.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) {
		return 0, errDER
	}
	if bytes.Equal(oid, oidPSS) {
		return pssAlgorithm(body)
	}
	for _, a := range plainAlgorithms {
		if !bytes.Equal(oid, a.oid) {
			continue
		}
		if len(body) > 0 && !(a.null && bytes.Equal(body, []byte{5, 0})) {
			return 0, fmt.Errorf("parameters of signature algorithm %s are wrong", a.alg)
		}
		return a.alg, nil
	}
	return x509.UnknownSignatureAlgorithm, nil
}

// pssAlgorithm accepts the three parameter sets of RFC 4055 section 3.1 that crypto/x509 can verify: one hash for the
// message and MGF1, a salt as long as the hash, and the default trailer.
func pssAlgorithm(body cryptobyte.String) (x509.SignatureAlgorithm, error) {
	var params, h, m, salt cryptobyte.String
	if !body.ReadASN1(&params, cbasn1.SEQUENCE) || !body.Empty() ||
		!params.ReadASN1(&h, cbasn1.Tag(0).ContextSpecific().Constructed()) ||
		!params.ReadASN1(&m, cbasn1.Tag(1).ContextSpecific().Constructed()) ||
		!params.ReadASN1(&salt, cbasn1.Tag(2).ContextSpecific().Constructed()) {
		return 0, errDER
	}
	hash, err := readHashAlgorithm(&h)
	if err != nil {
		return 0, err
	}
	var mgf, oid cryptobyte.String
	if !m.ReadASN1(&mgf, cbasn1.SEQUENCE) || !mgf.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) ||
		!bytes.Equal(oid, oidMGF1) {
		return 0, errDER
	}
	mgfHash, err := readHashAlgorithm(&mgf)
	if err != nil {
		return 0, err
	}
	var length int
	if !salt.ReadASN1Integer(&length) || !params.Empty() || mgfHash != hash || length != hash.Size() {
		return x509.UnknownSignatureAlgorithm, nil
	}
	switch hash {
	case crypto.SHA256:
		return x509.SHA256WithRSAPSS, nil
	case crypto.SHA384:
		return x509.SHA384WithRSAPSS, nil
	case crypto.SHA512:
		return x509.SHA512WithRSAPSS, nil
	}
	return x509.UnknownSignatureAlgorithm, nil
}

// readHashAlgorithm reads an AlgorithmIdentifier of a hash, with absent or NULL parameters (RFC 5754 section 2).
func readHashAlgorithm(s *cryptobyte.String) (crypto.Hash, error) {
	var alg, oid cryptobyte.String
	if !s.ReadASN1(&alg, cbasn1.SEQUENCE) || !alg.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) {
		return 0, errDER
	}
	if len(alg) != 0 && !bytes.Equal(alg, []byte{5, 0}) {
		return 0, fmt.Errorf("hash algorithm %s has parameters", oidString(oid))
	}
	for _, h := range hashOIDs {
		if bytes.Equal(oid, h.oid) {
			return h.hash, nil
		}
	}
	return 0, fmt.Errorf("hash algorithm %s is not supported", oidString(oid))
}

// checkSignature verifies with the key of signer and refuses algorithms that no published object may rest on any more.
func checkSignature(signer *x509.Certificate, alg x509.SignatureAlgorithm, signed, signature []byte) error {
	switch alg {
	case x509.UnknownSignatureAlgorithm:
		return fmt.Errorf("the signature algorithm is not supported")
	case x509.SHA1WithRSA:
		return fmt.Errorf("the signature rests on SHA-1")
	}
	if err := signer.CheckSignature(alg, signed, signature); err != nil {
		return fmt.Errorf("the signature by %q does not verify: %w", signer.Subject.String(), err)
	}
	return nil
}
