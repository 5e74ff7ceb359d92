package artifact

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

var testNow = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// An authority is a CA with everything it made, for tests.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

type pki struct {
	root, sub, rsa, foreign       authority
	delegate, stray, leaf         authority
	crl, arl, delta, good, revoke []byte
}

var sharedPKI = sync.OnceValue(newPKI)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ecKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func issue(tmpl *x509.Certificate, parent *authority, key crypto.Signer) authority {
	if tmpl.SerialNumber == nil {
		tmpl.SerialNumber = must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)))
	}
	tmpl.NotBefore, tmpl.NotAfter = testNow.Add(-24*time.Hour), testNow.Add(1000*24*time.Hour)
	p, signer := tmpl, key
	if parent != nil {
		p, signer = parent.cert, parent.key
	}
	der := must(x509.CreateCertificate(rand.Reader, tmpl, p, key.Public(), signer))
	return authority{must(x509.ParseCertificate(der)), key}
}

func caTemplate(name string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name, Country: []string{"JP"}}, IsCA: true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
}

func newPKI() *pki {
	p := new(pki)
	p.root = issue(caTemplate("Root"), nil, ecKey())
	p.sub = issue(caTemplate("Sub"), &p.root, ecKey())
	p.rsa = issue(caTemplate("RSA"), nil, must(rsa.GenerateKey(rand.Reader, 2048)))
	p.foreign = issue(caTemplate("Sub"), nil, ecKey())
	eku := func(cn string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: cn},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}}
	}
	p.delegate = issue(eku("Delegate"), &p.sub, ecKey())
	p.stray = issue(eku("Delegate"), &p.foreign, ecKey())
	p.leaf = issue(&x509.Certificate{Subject: pkix.Name{CommonName: "Taro"}}, &p.sub, ecKey())
	p.crl = makeCRL(p.sub, 5, []x509.RevocationListEntry{
		{SerialNumber: big.NewInt(0x80), RevocationTime: testNow.Add(-time.Hour), ReasonCode: 1},
		{SerialNumber: big.NewInt(77), RevocationTime: testNow.Add(-2 * time.Hour)},
	})
	p.arl = makeCRL(p.root,
		6, nil, pkix.Extension{Id: asn1OID{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 3, 0x82, 1, 0xff}})
	p.delta = makeCRL(p.sub, 7, nil, pkix.Extension{Id: asn1OID{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 5}})
	p.good = makeResponse(p.sub, p.delegate, ocsp.Response{Status: ocsp.Good, SerialNumber: p.leaf.cert.SerialNumber},
		true)
	p.revoke = makeResponse(p.sub, p.sub, ocsp.Response{Status: ocsp.Revoked, SerialNumber: big.NewInt(0x80),
		RevokedAt: testNow.Add(-time.Hour), RevocationReason: 1}, false)
	return p
}

func makeCRL(ca authority, number int64, entries []x509.RevocationListEntry, exts ...pkix.Extension) []byte {
	return must(x509.CreateRevocationList(rand.Reader,
		&x509.RevocationList{Number: big.NewInt(number), ThisUpdate: testNow,
			NextUpdate: testNow.Add(48 * time.Hour), RevokedCertificateEntries: entries, ExtraExtensions: exts},
		ca.cert,
		ca.key))
}

func makeResponse(ca, signer authority, r ocsp.Response, embed bool) []byte {
	r.ThisUpdate, r.NextUpdate = testNow, testNow.Add(24*time.Hour)
	if r.IssuerHash == 0 {
		r.IssuerHash = crypto.SHA1
	}
	if embed {
		r.Certificate = signer.cert
	}
	return must(ocsp.CreateResponse(ca.cert, signer.cert, r, signer.key))
}

func (p *pki) trust(t testing.TB) *Trust {
	t.Helper()
	tr := NewTrust([]*x509.Certificate{p.root.cert, p.rsa.cert}, nil)
	if err := tr.Add(p.sub.cert); err != nil {
		t.Fatal(err)
	}
	return tr
}
