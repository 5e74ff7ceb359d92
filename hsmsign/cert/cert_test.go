package cert_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"io"
	"math/big"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seihon/hsmsign/cert"
)

// noon is the present of these tests.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func now() time.Time { return noon }

var serials atomic.Int64

// counter is a key that counts its signatures.
type counter struct {
	crypto.Signer
	signed int
}

func (c *counter) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	c.signed++
	return c.Signer.Sign(r, digest, o)
}

var keys = struct {
	sync.Mutex
	made map[string]crypto.Signer
}{made: map[string]crypto.Signer{}}

// key makes the key of that name once per test binary: "rsa2048/root" is an RSA key, "root" its label.
func key(t testing.TB, alg, label string) crypto.Signer {
	t.Helper()
	keys.Lock()
	defer keys.Unlock()
	if k, ok := keys.made[alg+label]; ok {
		return k
	}
	var k crypto.Signer
	var err error
	switch alg {
	case "rsa1024":
		t.Setenv("GODEBUG", "rsa1024min=0")
		k, err = rsa.GenerateKey(rand.Reader, 1024)
	case "rsa2048":
		k, err = rsa.GenerateKey(rand.Reader, 2048)
	case "p224":
		k, err = ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	case "p256":
		k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		k, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p521":
		k, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "ed25519":
		_, k, err = ed25519.GenerateKey(rand.Reader)
	default:
		t.Fatalf("no key algorithm %q", alg)
	}
	if err != nil {
		t.Fatal(err)
	}
	keys.made[alg+label] = k
	return k
}

func profile(t testing.TB, name string, change ...func(*cert.Profile)) *cert.Profile {
	t.Helper()
	p, ok := cert.Builtin(name)
	if !ok {
		t.Fatalf("no built-in profile %q", name)
	}
	for _, f := range change {
		f(p)
	}
	return p
}

func name(t testing.TB, s string) cert.Name {
	t.Helper()
	n, err := cert.ParseName(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func issue(t testing.TB, r cert.Request) *x509.Certificate {
	t.Helper()
	if r.Now == nil {
		r.Now = now
	}
	if r.Serial == nil {
		r.Serial = big.NewInt(4711 + serials.Add(1))
	}
	der, err := cert.Issue(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pki is a two-level CA.
type pki struct {
	rootKey, subKey crypto.Signer
	root, sub       *x509.Certificate
}

func newPKI(t testing.TB, alg string, change ...func(*cert.Profile)) pki {
	t.Helper()
	p := pki{rootKey: key(t, alg, "root"), subKey: key(t, alg, "sub")}
	p.root = issue(t, cert.Request{Profile: profile(t, "root", change...), Signer: p.rootKey, Subject: name(t,
		"C=JP, O=Example Corp, CN=Root CA")})
	p.sub = issue(t, cert.Request{
		Profile: profile(t, "subordinate", change...), Signer: p.rootKey, Issuer: p.root, PublicKey: p.subKey.Public(),
		Subject: name(t, "C=JP, O=Example Corp, CN=Signing CA"), URLs: urls(),
	})
	return p
}

func urls() cert.URLs {
	return cert.URLs{
		CRL: []string{"http://repo.example.jp/crl/root.crl"}, OCSP: []string{"http://ocsp.example.jp/ocsp"},
		CAIssuers: []string{"http://repo.example.jp/cert/root.cer"}, CPS: "http://repo.example.jp/docs/cps.pdf",
	}
}

func TestIssueEveryKindWithEveryAlgorithm(t *testing.T) {
	for _, alg := range []string{"rsa2048", "p256", "p384", "p521", "ed25519"} {
		for _, sig := range map[string][]string{"rsa2048": {"", "rsa-sha512", "rsa-pss-sha256",
			"rsa-pss-sha384"}}[alg] {
			t.Run(alg+"/"+sig, func(t *testing.T) { chainOf(t, alg, sig) })
		}
		if alg != "rsa2048" {
			t.Run(alg, func(t *testing.T) { chainOf(t, alg, "") })
		}
	}
}

func chainOf(t *testing.T, alg, sig string) {
	with := func(p *cert.Profile) { p.SignatureAlgorithm = sig }
	p := newPKI(t, alg, with)
	leaf := issue(t, cert.Request{
		Profile: profile(t, "subscriber", with), Signer: p.subKey, Issuer: p.sub, URLs: urls(),
		CSR: csr(t, key(t, "p256", "leaf"), "C=JP, O=Example Corp, CN=山田 太郎"),
	})
	ocsp := issue(t, cert.Request{
		Profile: profile(t, "ocsp-signer", with), Signer: p.subKey, Issuer: p.sub, URLs: urls(),
		Subject: name(t, "C=JP, O=Example Corp, CN=OCSP Signer"), PublicKey: key(t, alg, "ocsp").Public(),
	})
	roots, middle := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(p.root)
	middle.AddCert(p.sub)
	for _, c := range []*x509.Certificate{leaf, ocsp} {
		_, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: middle, CurrentTime: noon,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if err != nil {
			t.Errorf("%s: %v", c.Subject, err)
		}
	}
	if len(ocsp.OCSPServer)+len(ocsp.CRLDistributionPoints)+len(ocsp.IssuingCertificateURL) != 0 {
		t.Error("the OCSP signer's certificate points to status information about itself")
	}
	if leaf.NotAfter.Sub(leaf.NotBefore) < 5*365*24*time.Hour-time.Second {
		t.Errorf("leaf is valid from %s to %s", leaf.NotBefore, leaf.NotAfter)
	}
}

// csr makes a PKCS #10 request.
func csr(t testing.TB, k crypto.Signer, subject string, more ...func(*x509.CertificateRequest)) []byte {
	t.Helper()
	raw, err := name(t, subject).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.CertificateRequest{RawSubject: raw}
	for _, f := range more {
		f(template)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, k)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
