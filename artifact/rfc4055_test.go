package artifact

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"testing"

	"golang.org/x/crypto/ocsp"
)

// sha256RSA is sha256WithRSAEncryption with NULL, as crypto/x509 writes it.
var sha256RSA = unhex("300d06092a864886f70d01010b0500")

// withParameters gives the RSA algorithms of a certificate, list or basic response other parameters, and signs it anew.
// of says how many algorithms there must be.
func withParameters(t *testing.T, der, parameters []byte, key *rsa.PrivateKey, of int) []byte {
	t.Helper()
	var outer struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
		Certificates   asn1.RawValue `asn1:"optional,explicit,tag:0"`
	}
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 {
		t.Fatal(err)
	}
	algorithm := append([]byte{0x30, byte(11 + len(parameters))},
		append(bytes.Clone(sha256RSA[2:13]), parameters...)...)
	if n := bytes.Count(der, sha256RSA); n != of {
		t.Fatalf("there are %d algorithms, not %d", n, of)
	}
	body := bytes.ReplaceAll(outer.TBS.Bytes, sha256RSA, algorithm)
	tbs := must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: body}))
	sum := sha256.Sum256(tbs)
	signature := must(rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:]))
	all := append(append(tbs, algorithm...),
		must(asn1.Marshal(asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}))...)
	return must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: all}))
}

// TestRSAParameters: RFC 4055 section 5 wants NULL as the parameters of RSA and takes their absence as the same, in
// certificates, lists and responses alike. Others are wrong.
func TestRSAParameters(t *testing.T) {
	p := sharedPKI()
	key := p.rsa.key.(*rsa.PrivateKey)
	response := makeResponse(p.rsa, p.rsa, ocsp.Response{SerialNumber: big.NewInt(7)}, false)
	var wrapped struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type  asn1.ObjectIdentifier
			Value []byte
		} `asn1:"explicit,tag:0"`
	}
	if _, err := asn1.Unmarshal(response, &wrapped); err != nil {
		t.Fatal(err)
	}
	basic := wrapped.Bytes.Value
	for _, c := range []struct {
		name       string
		parameters []byte
		good       bool
	}{{"NULL", []byte{5, 0}, true}, {"absent", nil, true}, {"an INTEGER", []byte{2, 1, 0}, false},
		{"an empty sequence", []byte{0x30, 0}, false}} {
		list, err := ParseRevocationList(withParameters(t, makeCRL(p.rsa, 3, nil), c.parameters, key, 2))
		if err == nil {
			err = list.CheckSignatureFrom(p.rsa.cert)
		}
		if (err == nil) != c.good {
			t.Errorf("a list with %s: %v", c.name, err)
		}
		wrapped.Bytes.Value = withParameters(t, basic, c.parameters, key, 1)
		r, err := ParseResponse(must(asn1.Marshal(wrapped)))
		if err == nil {
			_, _, err = NewTrust(p.trust(t).Issuers(), nil).CheckResponse(r)
		}
		if (err == nil) != c.good {
			t.Errorf("a response with %s: %v", c.name, err)
		}
		a := Parse(withParameters(t, p.rsa.cert.Raw, c.parameters, key, 2))
		if c.good && (a.Kind != CACertificate || CheckIssued(a.Certificates[0], p.rsa.cert) != nil) {
			t.Errorf("a certificate with %s is a %s: %s", c.name, a.Kind, a.Problem)
		}
	}
}
