package document_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/artifact/cms"
	"seihon/hsmsign/cert"
	"seihon/hsmsign/document"
)

// noon is the present of these tests.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// counter is a key that counts its signatures.
type counter struct {
	crypto.Signer
	signed int
}

func (c *counter) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	c.signed++
	return c.Signer.Sign(r, digest, o)
}

// operator is a CA with a certificate for documents.
type operator struct {
	key      crypto.Signer
	leaf, ca *x509.Certificate
	opts     crypto.SignerOpts
	tsaKey   crypto.Signer
	tsa      *x509.Certificate
	caKey    crypto.Signer
}

var (
	operatorsMu sync.Mutex
	operators   = map[string]*operator{}
)

func newKey(t testing.TB, alg string) crypto.Signer {
	t.Helper()
	var k crypto.Signer
	var err error
	switch alg {
	case "rsa", "pss":
		k, err = rsa.GenerateKey(rand.Reader, 2048)
	case "p256":
		k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		k, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ed25519":
		_, k, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil || k == nil {
		t.Fatal(alg, err)
	}
	return k
}

func newOperator(t testing.TB, alg string) *operator {
	t.Helper()
	operatorsMu.Lock()
	defer operatorsMu.Unlock()
	if o, ok := operators[alg]; ok {
		return o
	}
	o := &operator{key: newKey(t, alg), caKey: newKey(t, alg), tsaKey: newKey(t, "p256")}
	if alg == "pss" {
		o.opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	}
	o.ca = issue(t, "root", cert.Request{Signer: o.caKey, Subject: name(t, "C=JP, O=Example Corp, CN=Root CA")})
	o.leaf = issue(t, "document-signer", cert.Request{
		Signer: o.caKey, Issuer: o.ca, PublicKey: o.key.Public(),
		Subject: name(t, "C=JP, O=Example Corp, CN=Document Signer"),
	})
	o.tsa = timestampingCertificate(t, o)
	operators[alg] = o
	return o
}

func issue(t testing.TB, profile string, r cert.Request) *x509.Certificate {
	t.Helper()
	p, ok := cert.Builtin(profile)
	if !ok {
		t.Fatal(profile)
	}
	r.Profile, r.Now = p, func() time.Time { return noon }
	var err error
	if r.Serial, err = cert.NewSerial(); err != nil {
		t.Fatal(err)
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

// timestampingCertificate is made with the standard library: no profile issues one, a TSA is another business.
func timestampingCertificate(t testing.TB, o *operator) *x509.Certificate {
	t.Helper()
	usage, err := cryptoUsage()
	if err != nil {
		t.Fatal(err)
	}
	subject, err := name(t, "C=JP, O=Example Corp, CN=TSA").Marshal()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(99), RawSubject: subject, NotBefore: noon.AddDate(0, 0, -1),
		NotAfter: noon.AddDate(5, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: usage, BasicConstraintsValid: true,
	}, o.ca, o.tsaKey.Public(), o.caKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func name(t testing.TB, s string) cert.Name {
	t.Helper()
	n, err := cert.ParseName(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (o *operator) request(content []byte) document.Request {
	return document.Request{
		Content: bytes.NewReader(content), Certificate: o.leaf, Chain: []*x509.Certificate{o.ca}, Signer: o.key,
		Options: o.opts, SigningTime: noon,
	}
}

func (o *operator) trust() cms.Options {
	return cms.Options{Issuers: []*x509.Certificate{o.ca}, TSAs: []*x509.Certificate{o.ca}}
}

var algorithms = []string{"rsa", "pss", "p256", "p384", "ed25519"}

func TestSignDetached(t *testing.T) {
	pdf := document.SamplePDF("CPS", "1.0", []string{"1 Introduction"})
	for _, alg := range algorithms {
		t.Run(alg, func(t *testing.T) {
			o := newOperator(t, alg)
			r := o.request(pdf)
			r.Timestamp = o.authority(t, nil)
			p7s, err := document.SignDetached(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			list, err := cms.Verify(p7s, pdf, o.trust())
			if err != nil {
				t.Fatal(err)
			}
			s := list[0]
			if !s.Certificate.Equal(o.leaf) || len(s.Chain) != 2 || !s.SigningTime.Equal(noon) || s.Timestamp == nil ||
				!s.Timestamp.Time.Equal(noon) {
				t.Errorf("verified %+v", s)
			}
			// The verifier of section A, written by other hands, agrees.
			parsed, err := artifact.ParseSignedData(p7s)
			if err != nil {
				t.Fatal(err)
			}
			if certs, err := parsed.Verify(pdf); err != nil || len(certs) != 1 || !certs[0].Equal(o.leaf) {
				t.Errorf("artifact says %v, %v", certs, err)
			}
			if _, err := cms.Verify(p7s, append(bytes.Clone(pdf), ' '), o.trust()); err == nil {
				t.Error("another content passed")
			}
		})
	}
}

func TestSignPDF(t *testing.T) {
	pdf := document.SamplePDF("CPS", "1.0", []string{"1 Introduction"})
	for _, alg := range algorithms {
		t.Run(alg, func(t *testing.T) {
			o := newOperator(t, alg)
			r := o.request(pdf)
			r.Timestamp = o.authority(t, nil)
			signed, err := document.SignPDF(t.Context(), r, document.Reason{Name: "認証局", Reason: "CPS (1.0)"})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(signed, pdf) {
				t.Error("the original bytes were changed")
			}
			list, err := cms.VerifyPDF(signed, o.trust())
			if err != nil || len(list) != 1 || !list[0].SigningTime.Equal(noon) {
				t.Errorf("verified %v, %v", list, err)
			}
			if certs, err := artifact.VerifyDocument(signed); err != nil || len(certs) != 1 {
				t.Errorf("artifact says %v, %v", certs, err)
			}
			// A second signature covers the first; both verify.
			r = o.request(signed)
			twice, err := document.SignPDF(t.Context(), r, document.Reason{})
			if err != nil {
				t.Fatal(err)
			}
			if list, err := cms.VerifyPDF(twice, o.trust()); err != nil || len(list) != 2 {
				t.Errorf("verified %v, %v", list, err)
			}
			for _, at := range []int{20, len(pdf) + 60, len(signed) - 10} {
				bad := bytes.Clone(signed)
				bad[at] ^= 1
				if _, err := cms.VerifyPDF(bad, o.trust()); err == nil {
					t.Errorf("a change at byte %d passed", at)
				}
			}
			if _, err := cms.VerifyPDF(append(signed, "\n% more"...), o.trust()); err == nil {
				t.Error("bytes after the signature passed")
			}
		})
	}
}

func TestSignRefuses(t *testing.T) {
	o := newOperator(t, "p256")
	pdf := document.SamplePDF("CPS", "1.0", nil)
	unfit := *o.leaf
	unfit.KeyUsage = x509.KeyUsageCertSign
	for _, c := range []struct {
		name string
		set  func(*document.Request)
		want string
	}{
		{"no certificate", func(r *document.Request) { r.Certificate = nil }, "required"},
		{"no time", func(r *document.Request) { r.SigningTime = time.Time{} }, "no signing time"},
		{"expired certificate", func(r *document.Request) { r.SigningTime = noon.AddDate(4, 0, 0) }, "valid from"},
		{"certificate not yet valid", func(r *document.Request) { r.SigningTime = noon.AddDate(-1, 0, 0) },
			"valid from"},
		{"another key", func(r *document.Request) { r.Certificate = o.ca }, "not that of"},
		{"certificate for other purposes", func(r *document.Request) { r.Certificate = &unfit }, "document-signer"},
		{"SHA-1", func(r *document.Request) { r.Options = crypto.SHA1 }, "not allowed"},
		{"empty document", func(r *document.Request) { r.Content = strings.NewReader("") }, "empty"},
		{"unreadable document",
			func(r *document.Request) { r.Content = io.MultiReader(bytes.NewReader(pdf), failing{}) }, "disk on fire"},
	} {
		for kind, sign := range map[string]func(document.Request) error{
			"detached": func(r document.Request) error { _, err := document.SignDetached(t.Context(), r); return err },
			"pdf": func(r document.Request) error {
				_, err := document.SignPDF(t.Context(), r, document.Reason{})
				return err
			},
		} {
			k := &counter{Signer: o.key}
			r := o.request(pdf)
			r.Signer = k
			c.set(&r)
			if err := sign(r); err == nil || !strings.Contains(err.Error(), c.want) || k.signed != 0 {
				t.Errorf("%s %s: signed %d times, error %v", kind, c.name, k.signed, err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := document.SignDetached(ctx, o.request(pdf)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled request gave %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestBadTokenIsNoticed(t *testing.T) {
	o := newOperator(t, "p256")
	r := o.request([]byte("text"))
	r.Signer = liar{o.key}
	if _, err := document.SignDetached(t.Context(), r); err == nil ||
		!strings.Contains(err.Error(), "look at the token") {
		t.Error(err)
	}
}

// liar signs something else than it is asked to.
type liar struct{ crypto.Signer }

func (l liar) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	other := bytes.Clone(digest)
	other[0] ^= 1
	return l.Signer.Sign(r, other, o)
}
