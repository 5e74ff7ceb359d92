package cms_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/pkcs7"

	"seihon/artifact"
	"seihon/artifact/cms"
)

var at = time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)

// rsaSigner makes a root and a certificate under it that signs documents.
func rsaSigner(t *testing.T) (root, cert *x509.Certificate, key *rsa.PrivateKey) {
	t.Helper()
	make := func(template, parent *x509.Certificate, pub, by *rsa.PrivateKey) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, template, parent, pub.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var keys [2]*rsa.PrivateKey
	for i := range keys {
		var err error
		if keys[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			t.Fatal(err)
		}
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"},
		NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	root = make(ca, ca, keys[0], keys[0])
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Signer"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature}
	return root, make(leaf, root, keys[1], keys[0]), keys[1]
}

// padesByLibrary signs a PDF as github.com/digitorus/pdfsign does, with its library for CMS, which leaves the
// parameters of RSA and of the digest out.
func padesByLibrary(t *testing.T, cert *x509.Certificate, key *rsa.PrivateKey, change func([]byte) []byte) []byte {
	t.Helper()
	const room = 8192
	head := "%%PDF-1.7\n1 0 obj <</Type/Catalog>> endobj\n2 0 obj " +
		"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached" +
		"/M (D:20261120150000+09'00')/ByteRange [0 %010d %010d %010d]/Contents "
	tail := ">> endobj\n%%EOF\n"
	before := len(fmt.Sprintf(head, 0, 0, 0))
	first := fmt.Sprintf(head, before, before+2*room+2, len(tail))
	covered := []byte(first + tail)
	sd, err := pkcs7.NewSignedData(covered)
	if err != nil {
		t.Fatal(err)
	}
	sd.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	hash := sha256.Sum256(cert.Raw)
	type essCert struct{ Hash []byte }
	err = sd.AddSigner(cert, key, pkcs7.SignerInfoConfig{ExtraSignedAttributes: []pkcs7.Attribute{{
		Type:  asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}, // signing-certificate-v2
		Value: struct{ Certs []essCert }{[]essCert{{hash[:]}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	sd.Detach()
	der, err := sd.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		der = change(der)
	}
	return []byte(first + fmt.Sprintf("<%x%s>", der, strings.Repeat("00", room-len(der))) + tail)
}

// algorithmOf is the AlgorithmIdentifier of an object identifier, with NULL or without parameters.
func algorithmOf(t *testing.T, oid asn1.ObjectIdentifier, null bool) []byte {
	t.Helper()
	id := pkix.AlgorithmIdentifier{Algorithm: oid}
	if null {
		id.Parameters = asn1.NullRawValue
	}
	der, err := asn1.Marshal(id)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// rewrite replaces elements of DER wherever they stand as such, and corrects the lengths around them.
func rewrite(t *testing.T, der, old, now []byte) []byte {
	t.Helper()
	var out []byte
	for len(der) > 0 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			t.Fatal(err)
		}
		switch one := der[:len(der)-len(rest)]; {
		case bytes.Equal(one, old):
			out = append(out, now...)
		case v.IsCompound:
			v.FullBytes, v.Bytes = nil, rewrite(t, v.Bytes, old, now)
			made, err := asn1.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, made...)
		default:
			out = append(out, one...)
		}
		der = rest
	}
	return out
}

// TestRSAParametersInSignatures: RFC 4055 section 5 wants NULL as the parameters of RSA and takes their absence as the
// same, and RFC 5754 section 2 both for digests. Any other parameters are wrong.
func TestRSAParametersInSignatures(t *testing.T) {
	root, cert, key := rsaSigner(t)
	sha256Oid := asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	o := cms.Options{Issuers: []*x509.Certificate{root}}
	written := pkcs7.OIDEncryptionAlgorithmRSASHA256
	for _, rsaNull := range []bool{false, true} {
		for _, digestNull := range []bool{false, true} {
			for _, name := range []asn1.ObjectIdentifier{written, {1, 2, 840, 113549, 1, 1, 1}} {
				pdf := padesByLibrary(t, cert, key, func(der []byte) []byte {
					// The certificate inside has its own: only what stands without parameters is the signature's.
					der = rewrite(t, der, algorithmOf(t, written, false), algorithmOf(t, name, rsaNull))
					return rewrite(t, der, algorithmOf(t, sha256Oid, false), algorithmOf(t, sha256Oid, digestNull))
				})
				what := fmt.Sprintf("%v with NULL %v, digest with NULL %v", name, rsaNull, digestNull)
				if list, err := cms.VerifyPDF(pdf, o); err != nil || len(list) != 1 {
					t.Errorf("%s: %d signatures, %v", what, len(list), err)
				}
				if signers, err := artifact.VerifyDocument(pdf); err != nil || len(signers) != 1 {
					t.Errorf("%s: section A sees %d signers, %v", what, len(signers), err)
				}
			}
		}
	}
	wrong, err := asn1.Marshal(pkix.AlgorithmIdentifier{Algorithm: written,
		Parameters: asn1.RawValue{FullBytes: []byte{2, 1, 0}}})
	if err != nil {
		t.Fatal(err)
	}
	pdf := padesByLibrary(t,
		cert, key, func(der []byte) []byte { return rewrite(t, der, algorithmOf(t, written, false), wrong) })
	if _, err := cms.VerifyPDF(pdf, o); err == nil {
		t.Error("an INTEGER as the parameters of RSA was taken")
	}
	if _, err := artifact.VerifyDocument(pdf); err == nil {
		t.Error("section A takes an INTEGER as the parameters of RSA")
	}
}
