package observe_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/internal/inputtest"
	"seihon/verify/observe"
)

const day = 24 * time.Hour

// A world is one CA with what it publishes, on servers of this test.
type world struct {
	tb     testing.TB
	now    time.Time
	ca     *inputtest.CA
	key    *ecdsa.PrivateKey
	server *httptest.Server
	group  observe.Group
	state  string

	mu    sync.Mutex
	pages map[string]http.HandlerFunc

	// What the responder does.
	revoked   map[string]ocsp.Response // by serial number, in hexadecimal
	unknown   map[string]bool
	claims    bool // it vouches for every serial number
	issued    map[string]bool
	change    func(r *ocsp.Response, request *ocsp.Request, method string) // of every answer
	rewrite   func(w http.ResponseWriter, der []byte, request *ocsp.Request, method string) bool
	delegate  *x509.Certificate
	delegated *ecdsa.PrivateKey
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// keyOf is the key that inputtest gives a CA of that name.
func keyOf(name string) *ecdsa.PrivateKey {
	seed := sha256.Sum256([]byte("seihon input test " + name))
	seed[0] = 0
	return must(ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:]))
}

// newWorld makes a CA in good order: a list of two revocations and a responder that says the same.
func newWorld(tb testing.TB) *world {
	w := &world{
		tb: tb, now: time.Now().UTC().Truncate(time.Second), ca: inputtest.NewCA("Observed CA"),
		key: keyOf("Observed CA"), pages: map[string]http.HandlerFunc{},
		issued: map[string]bool{"10": true, "11": true, "20": true}, unknown: map[string]bool{},
	}
	w.revoked = map[string]ocsp.Response{
		"10": {RevokedAt: w.now.Add(-2 * day), RevocationReason: ocsp.Unspecified},
		"11": {RevokedAt: w.now.Add(-3 * day), RevocationReason: ocsp.KeyCompromise},
	}
	w.server = httptest.NewServer(http.HandlerFunc(w.serve))
	tb.Cleanup(w.server.Close)
	w.list("/ca.crl", w.good())
	w.group = observe.Group{Name: "observed", Issuers: []*x509.Certificate{w.ca.Cert}, Lists: []string{w.at("/ca.crl")},
		Responders: []string{w.at("/ocsp")}}
	return w
}

func (w *world) at(path string) string { return w.server.URL + path }

func (w *world) page(path string, h http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages[path] = h
}

// good is the list without a fault.
func (w *world) good() inputtest.List {
	return inputtest.List{Entries: []inputtest.Entry{
		{Serial: inputtest.Integer([]byte{0x10}), Time: inputtest.UTC(w.now.Add(-2 * day))},
		{Serial: inputtest.Integer([]byte{0x11}), Time: inputtest.UTC(w.now.Add(-3 * day)),
			Extensions: [][]byte{reason(1)}},
	}}
}

func reason(code byte) []byte {
	return inputtest.Extension([]byte{6, 3, 0x55, 0x1d, 0x15}, false, []byte{10, 1, code})
}

// list publishes a list as a CA should.
func (w *world) list(path string, l inputtest.List) { w.raw(path, w.der(l)) }

// der makes a list of an hour ago for three days, unless it has other dates.
func (w *world) der(l inputtest.List) []byte {
	if l.This == nil {
		l.This = inputtest.UTC(w.now.Add(-time.Hour))
	}
	if l.Next == nil {
		l.Next = inputtest.UTC(w.now.Add(3 * day))
	}
	return w.ca.List(l)
}

func (w *world) raw(path string, der []byte) {
	w.page(path, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/pkix-crl")
		rw.Header().Set("Cache-Control", "max-age=3600")
		_, _ = rw.Write(der)
	})
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	h := w.pages[r.URL.Path]
	w.mu.Unlock()
	switch {
	case h != nil:
		h(rw, r)
	case strings.HasPrefix(r.URL.Path, "/ocsp"):
		w.answer(rw, r)
	default:
		http.NotFound(rw, r)
	}
}

// answer is the CA's responder.
func (w *world) answer(rw http.ResponseWriter, r *http.Request) {
	var der []byte
	if r.Method == http.MethodGet {
		text := must(url.QueryUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/ocsp/")))
		der = must(base64.StdEncoding.DecodeString(text))
	} else {
		der = must(io.ReadAll(r.Body))
	}
	request := must(ocsp.ParseRequest(der))
	serial := request.SerialNumber.Text(16)
	answer := ocsp.Response{
		Status: ocsp.Good, SerialNumber: request.SerialNumber, ThisUpdate: w.now.Add(-time.Hour),
		NextUpdate: w.now.Add(3 * day), IssuerHash: request.HashAlgorithm,
	}
	known := w.issued[serial]
	if x, ok := w.revoked[serial]; ok {
		answer.Status, answer.RevokedAt, answer.RevocationReason = ocsp.Revoked, x.RevokedAt, x.RevocationReason
	}
	if w.unknown[serial] {
		answer.Status = ocsp.Unknown
	}
	if w.change != nil {
		w.change(&answer, request, r.Method)
	}
	rw.Header().Set("Content-Type", "application/ocsp-response")
	rw.Header().Set("Cache-Control", "max-age=3600")
	body := []byte{0x30, 3, 0x0a, 1, 6}
	if known || w.claims {
		body = w.sign(answer)
	}
	if w.rewrite != nil && w.rewrite(rw, body, request, r.Method) {
		return
	}
	_, _ = rw.Write(body)
}

func (w *world) sign(answer ocsp.Response) []byte {
	if w.delegate == nil {
		return must(ocsp.CreateResponse(w.ca.Cert, w.ca.Cert, answer, w.key))
	}
	answer.Certificate = w.delegate
	return must(ocsp.CreateResponse(w.ca.Cert, w.delegate, answer, w.delegated))
}

// delegateTo makes a responder's certificate.
func (w *world) delegateTo(change func(c *x509.Certificate)) {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: "Observed OCSP"}, NotBefore: w.now.Add(-10 * day),
		NotAfter: w.now.Add(20 * day),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		ExtraExtensions: []pkix.Extension{{Id: []int{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}},
	}
	change(c)
	w.delegated = must(ecdsa.GenerateKey(elliptic.P256(), nil))
	w.delegate = w.certify(c, w.delegated.Public(), w.ca.Cert, w.key)
}

func (w *world) certify(c *x509.Certificate, key crypto.PublicKey, issuer *x509.Certificate,
	signer crypto.Signer) *x509.Certificate {
	return must(x509.ParseCertificate(must(x509.CreateCertificate(nil, c, issuer, key, signer))))
}

// subscriber makes a certificate of the CA.
func (w *world) subscriber(serial int64, until time.Time) *x509.Certificate {
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "subscriber"},
		NotBefore: w.now.Add(-30 * day), NotAfter: until}
	return w.certify(c, w.key.Public(), w.ca.Cert, w.key)
}

// gate is a page that comes when it may.
func gate(entered, release chan struct{}) http.HandlerFunc {
	var once sync.Once
	return func(rw http.ResponseWriter, _ *http.Request) {
		once.Do(func() { close(entered) })
		<-release
		http.NotFound(rw, nil)
	}
}

// idp is a critical issuing distribution point with one address.
func idp(address string) []byte {
	tlv := func(tag byte, content []byte) []byte { return append([]byte{tag, byte(len(content))}, content...) }
	return inputtest.Extension([]byte{6, 3, 0x55, 0x1d, 0x1c}, true,
		tlv(0x30, tlv(0xa0, tlv(0xa0, tlv(0x86, []byte(address))))))
}

// delta is a delta list with one entry, revoked two hours ago.
func delta(w *world, base, number, serial byte) inputtest.List {
	return inputtest.List{
		Number: inputtest.Integer([]byte{number}),
		Extensions: [][]byte{inputtest.Extension([]byte{6, 3, 0x55, 0x1d, 0x1b}, true,
			inputtest.Integer([]byte{base}))},
		Entries: []inputtest.Entry{{Serial: inputtest.Integer([]byte{serial}),
			Time: inputtest.UTC(w.now.Add(-2 * time.Hour))}},
	}
}

// rsaCA is a CA of the same name with an RSA key.
func rsaCA(w *world, key *rsa.PrivateKey) *x509.Certificate {
	sum := sha256.Sum256(key.N.Bytes())
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), RawSubject: w.ca.Cert.RawSubject, NotBefore: w.now.Add(-day),
		NotAfter: w.now.Add(day), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCRLSign | x509.KeyUsageCertSign, SubjectKeyId: sum[:20],
	}
	return w.certify(c, key.Public(), c, key)
}

// other is a list by a CA of the same name with an RSA key. It has no key identifier, by which it could be told apart.
func other(w *world, key *rsa.PrivateKey, alg x509.SignatureAlgorithm) []byte {
	ca := *rsaCA(w, key)
	if alg != x509.SHA1WithRSA {
		ca.SubjectKeyId = w.ca.Cert.SubjectKeyId
	}
	if len(ca.SubjectKeyId) == 0 {
		ca.SubjectKeyId = []byte{1}
	}
	l := &x509.RevocationList{SignatureAlgorithm: alg, Number: big.NewInt(7), ThisUpdate: w.now.Add(-time.Hour),
		NextUpdate: w.now.Add(day)}
	return must(x509.CreateRevocationList(rand.Reader, l, &ca, key))
}
