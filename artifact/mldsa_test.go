package artifact_test

import (
	"bytes"
	"crypto"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"testing"
	"time"

	"seihon/artifact"
)

// TestMLDSA reads and verifies certificates, lists and OCSP responses of a CA with an ML-DSA key, and refuses each with
// a changed signature, and one whose algorithm identifier has parameters.
func TestMLDSA(t *testing.T) {
	t.Parallel()
	for name, params := range map[string]mldsa.Parameters{"ML-DSA-44": mldsa.MLDSA44(), "ML-DSA-65": mldsa.MLDSA65(),
		"ML-DSA-87": mldsa.MLDSA87()} {
		t.Run(name, func(t *testing.T) {
			key, err := mldsa.GenerateKey(params)
			if err != nil {
				t.Fatal(err)
			}
			now := time.Now().UTC().Truncate(time.Second)
			template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
				NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
				IsCA: true, BasicConstraintsValid: true,
				KeyUsage:     x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
				SubjectKeyId: []byte{1, 2, 3}}
			der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
			if err != nil {
				t.Fatal(err)
			}
			ca, err := artifact.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			if kind := artifact.Parse(der).Kind; kind != artifact.CACertificate {
				t.Errorf("the certificate is a %s", kind)
			}
			if err := artifact.CheckIssued(ca, ca); err != nil {
				t.Errorf("the certificate: %v", err)
			}

			list, err := x509.CreateRevocationList(rand.Reader,
				&x509.RevocationList{Number: big.NewInt(7), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, ca, key)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := artifact.ParseRevocationList(list)
			if err != nil {
				t.Fatal(err)
			}
			if err := parsed.CheckSignatureFrom(ca); err != nil || parsed.SignatureAlgorithm.String() != name {
				t.Errorf("the list is signed with %s: %v", parsed.SignatureAlgorithm, err)
			}
			changed, err := artifact.ParseRevocationList(flipped(list))
			if err == nil {
				err = changed.CheckSignatureFrom(ca)
			}
			if err == nil {
				t.Error("a list with a changed signature passes")
			}

			if c, err := artifact.ParseCertificate(flipped(der)); err == nil && artifact.CheckIssued(c, ca) == nil {
				t.Error("a certificate with a changed signature passes")
			}

			response := mldsaResponse(t, ca, key, now, asn1.RawValue{})
			answer, err := artifact.ParseResponse(response)
			if err != nil {
				t.Fatal(err)
			}
			if err := answer.CheckSignatureFrom(ca); err != nil || answer.SignatureAlgorithm.String() != name {
				t.Errorf("the response is signed with %s: %v", answer.SignatureAlgorithm, err)
			}
			if _, err := artifact.ParseResponse(mldsaResponse(t, ca, key, now, asn1.NullRawValue)); err == nil {
				t.Error("an identifier with parameters passes")
			}
			if answer, err = artifact.ParseResponse(flipped(response)); err == nil {
				err = answer.CheckSignatureFrom(ca)
			}
			if err == nil {
				t.Error("a response with a changed signature passes")
			}

			// HashML-DSA (RFC 9881 section 2 does not have it), and an identifier with parameters.
			id := unhexed("6086480165030403")
			for what, change := range map[string]func([]byte) []byte{
				"HashML-DSA": func(b []byte) []byte {
					last := b[bytes.Index(b, id)+len(id)]
					return bytes.ReplaceAll(b, append(bytes.Clone(id), last), append(bytes.Clone(id), last+15))
				},
				"parameters": func(b []byte) []byte { return withParameters(t, b) },
			} {
				if c, err := artifact.ParseCertificate(change(der)); err == nil && artifact.CheckIssued(c, ca) == nil {
					t.Errorf("a certificate with %s passes", what)
				}
				if l, err := artifact.ParseRevocationList(change(list)); err == nil && l.CheckSignatureFrom(ca) == nil {
					t.Errorf("a list with %s passes", what)
				}
			}
			if a, err := artifact.ParseResponse(bytes.ReplaceAll(response, append(bytes.Clone(id), mldsaArc[name]),
				append(bytes.Clone(id), mldsaArc[name]+15))); err == nil && a.CheckSignatureFrom(ca) == nil {
				t.Error("a response with HashML-DSA passes")
			}
		})
	}
}

// mldsaArc is the last arc of the identifiers; those of HashML-DSA with SHA-512 are 15 higher.
var mldsaArc = map[string]byte{"ML-DSA-44": 17, "ML-DSA-65": 18, "ML-DSA-87": 19}

func unhexed(s string) []byte {
	b, _ := hex.DecodeString(s) // a constant
	return b
}

// withParameters gives the outer algorithm identifier a NULL.
func withParameters(t *testing.T, der []byte) []byte {
	t.Helper()
	var signed struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &signed); err != nil {
		t.Fatal(err)
	}
	signed.Algorithm.Parameters = asn1.NullRawValue
	der, err := asn1.Marshal(signed)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func flipped(der []byte) []byte {
	other := bytes.Clone(der)
	other[len(other)-9] ^= 1
	return other
}

// mldsaResponse is an OCSP response by the CA itself, by the ASN.1 of RFC 6960 section 4.2.1.
func mldsaResponse(t *testing.T, ca *x509.Certificate, key crypto.Signer, now time.Time,
	parameters asn1.RawValue) []byte {
	t.Helper()
	marshal := func(v any) []byte {
		der, err := asn1.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(ca.RawSubjectPublicKeyInfo, &spki); err != nil {
		t.Fatal(err)
	}
	nameHash, keyHash := sha1.Sum(ca.RawSubject), sha1.Sum(spki.Key.Bytes)
	type certID struct {
		Hash     pkix.AlgorithmIdentifier
		NameHash []byte
		KeyHash  []byte
		Serial   *big.Int
	}
	type single struct {
		ID         certID
		Good       asn1.RawValue
		ThisUpdate time.Time `asn1:"generalized"`
		NextUpdate time.Time `asn1:"generalized,explicit,tag:0"`
	}
	tbs := marshal(struct {
		Responder  asn1.RawValue
		ProducedAt time.Time `asn1:"generalized"`
		Responses  []single
	}{
		asn1.RawValue{Class: 2, Tag: 1, IsCompound: true, Bytes: ca.RawSubject}, now,
		[]single{{certID{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}}, nameHash[:],
			keyHash[:], big.NewInt(5)},
			asn1.RawValue{Class: 2, Tag: 0}, now, now.Add(time.Hour)}},
	})
	signature, err := key.Sign(nil, tbs, crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	spki.Algorithm.Parameters = parameters
	basic := marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, spki.Algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
	return marshal(struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type     asn1.ObjectIdentifier
			Response []byte
		} `asn1:"explicit,tag:0"`
	}{0, struct {
		Type     asn1.ObjectIdentifier
		Response []byte
	}{asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}, basic}})
}
