package timestamp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/ledger"

	digitorus "github.com/digitorus/timestamp"
	"golang.org/x/mod/sumdb/note"
)

// A server is a time-stamping authority made with another implementation.
type server struct {
	cert   *x509.Certificate
	key    crypto.Signer
	ca     *x509.Certificate
	policy string
	now    func() time.Time
	change func(q *digitorus.Request, t *digitorus.Timestamp)
	reply  func(w http.ResponseWriter, response []byte) // nil = as it should be
}

func newServer(t *testing.T, usage ...x509.ExtKeyUsage) (*server, Authority) {
	t.Helper()
	if usage == nil {
		usage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}
	}
	s := &server{policy: "1.2.3.4", now: time.Now}
	caKey, key := newKey(t), newKey(t)
	s.key = key
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TSA root"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(87600 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	s.ca = newCert(t, ca, ca, caKey.Public(), caKey)
	// The usage must be critical, which x509.CreateCertificate does not make it.
	eku, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "TSA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(8760 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature}
	if usage[0] == x509.ExtKeyUsageTimeStamping {
		leaf.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: eku}}
	} else {
		leaf.ExtKeyUsage = usage
	}
	s.cert = newCert(t, leaf, s.ca, key.Public(), caKey)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return s, Authority{Name: "tsa", URL: srv.URL, Anchors: []*x509.Certificate{s.ca}, Policies: []string{"1.2.3.4"}}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newCert(t *testing.T, template, parent *x509.Certificate, pub crypto.PublicKey,
	key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	q, err := digitorus.ParseRequest(b)
	if err != nil || r.Header.Get("Content-Type") != "application/timestamp-query" || !q.Certificates {
		http.Error(w, fmt.Sprint("bad request ", err), http.StatusBadRequest)
		return
	}
	t := &digitorus.Timestamp{HashAlgorithm: q.HashAlgorithm, HashedMessage: q.HashedMessage, Time: s.now(),
		Nonce: q.Nonce, Policy: q.TSAPolicyOID,
		AddTSACertificate: true, Certificates: []*x509.Certificate{s.ca}}
	if s.change != nil {
		s.change(q, t)
	}
	response, err := t.CreateResponseWithOpts(s.cert, s.key, crypto.SHA256)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if s.reply != nil {
		s.reply(w, response)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	w.Write(response)
}

func TestAsk(t *testing.T) {
	_, a := newServer(t)
	message := []byte("checkpoint")
	response, stamp, err := Ask(t.Context(), a, message, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if stamp.Policy != "1.2.3.4" || stamp.Authority != "tsa" || time.Since(stamp.Time).Abs() > time.Minute ||
		stamp.Expires.IsZero() {
		t.Errorf("%+v", stamp)
	}
	if _, err := Verify(response, message, []Authority{a}); err != nil {
		t.Error(err)
	}
	if ts, err := digitorus.ParseResponse(response); err != nil || !ts.Time.Equal(stamp.Time) {
		t.Errorf("the other implementation reads %v, %v", ts, err)
	}
	for i := range response {
		bad := bytes.Clone(response)
		bad[i] ^= 1
		if s, err := Verify(bad, message, []Authority{a}); err == nil &&
			(s.Serial.Cmp(stamp.Serial) != 0 || !s.Time.Equal(stamp.Time)) {
			t.Errorf("byte %d changed: %+v", i, s)
		}
	}
	if _, err := Verify(response, []byte("other"), []Authority{a}); err == nil {
		t.Error("accepted for another message")
	}
	_, other := newServer(t)
	if _, err := Verify(response, message, []Authority{other}); err == nil {
		t.Error("accepted with another root")
	}
	if _, err := Verify(response, message, []Authority{other, a}); err != nil {
		t.Errorf("with two authorities: %v", err)
	}
	if _, err := Verify(response, message, nil); err == nil {
		t.Error("accepted with no authority")
	}
	a.Anchors = nil
	if _, err := Verify(response, message, []Authority{a}); err == nil {
		t.Error("accepted without an anchor")
	}
}

func TestAskRefuses(t *testing.T) {
	page := func(status int, typ, body string) func(http.ResponseWriter, []byte) {
		return func(w http.ResponseWriter, _ []byte) {
			w.Header().Set("Content-Type", typ)
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	var first []byte
	for _, c := range []struct {
		name, want string
		change     func(*digitorus.Request, *digitorus.Timestamp)
		reply      func(http.ResponseWriter, []byte)
	}{
		{"another nonce", "nonce", func(_ *digitorus.Request, t *digitorus.Timestamp) { t.Nonce = big.NewInt(1) }, nil},
		{"no nonce", "nonce", func(_ *digitorus.Request, t *digitorus.Timestamp) { t.Nonce = nil }, nil},
		{"another message", "other data",
			func(_ *digitorus.Request, t *digitorus.Timestamp) { t.HashedMessage = make([]byte, 32) }, nil},
		{"another policy",
			"policy",
			func(_ *digitorus.Request, t *digitorus.Timestamp) { t.Policy = asn1.ObjectIdentifier{1, 2, 3, 5} }, nil},
		{"an old time",
			"clock", func(_ *digitorus.Request, t *digitorus.Timestamp) { t.Time = time.Now().Add(-30 * time.Minute) },
			nil},
		{"a time to come",
			"clock", func(_ *digitorus.Request, t *digitorus.Timestamp) { t.Time = time.Now().Add(30 * time.Minute) },
			nil},
		{"no certificate", "certificate",
			func(_ *digitorus.Request, t *digitorus.Timestamp) { t.AddTSACertificate, t.Certificates = false, nil },
			nil},
		{"a replay", "nonce", nil, func(w http.ResponseWriter, b []byte) {
			if first == nil {
				first = b
			}
			w.Header().Set("Content-Type", "application/timestamp-reply")
			w.Write(first)
		}},
		{"server error", "500", nil, page(500, "text/plain", "no")},
		{"sent elsewhere", "it is redirected, http://other.invalid/tsa: nothing was asked there", nil,
			func(w http.ResponseWriter, _ []byte) {
				w.Header().Set("Location", "http://other.invalid/tsa?secret")
				w.WriteHeader(http.StatusTemporaryRedirect)
			}},
		{"HTML", "text/html", nil, page(200, "text/html", "<html>")},
		{"garbage", "DER", nil, page(200, "application/timestamp-reply", "garbage")},
		{"empty", "DER", nil, page(200, "application/timestamp-reply", "")},
		{"too long", "more than", nil, page(200, "application/timestamp-reply", strings.Repeat("0", maxResponse+1))},
		{"rejection", "time not available", nil, func(w http.ResponseWriter, _ []byte) {
			b, _ := digitorus.CreateErrorResponse(digitorus.Rejection, digitorus.TimeNotAvailable)
			page(200, "application/timestamp-reply", string(b))(w, nil)
		}},
		{"granted, no token", "has none", nil,
			page(200, "application/timestamp-reply", "\x30\x05\x30\x03\x02\x01\x00")},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, a := newServer(t)
			s.change, s.reply = c.change, c.reply
			if c.name == "a replay" {
				if _, _, err := Ask(t.Context(), a, []byte("m"), Config{}); err != nil {
					t.Fatal(err)
				}
			}
			if _, stamp, err := Ask(t.Context(), a, []byte("m"), Config{}); err == nil ||
				!strings.Contains(err.Error(), c.want) {
				t.Errorf("want an error with %q, got %+v %v", c.want, stamp, err)
			}
		})
	}
	_, a := newServer(t, x509.ExtKeyUsageServerAuth)
	if _, _, err := Ask(t.Context(), a, []byte("m"), Config{}); err == nil {
		t.Error("a certificate for servers: accepted")
	}
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	a.URL = silent.URL
	if _, _, err := Ask(t.Context(), a, []byte("m"), Config{Timeout: 50 * time.Millisecond}); !errors.Is(err,
		context.DeadlineExceeded) {
		t.Errorf("a silent authority: %v", err)
	}
}

func newLog(t *testing.T) (*ledger.Writer, *ledger.Verifier) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ledger.NewNoteSigner("log", key)
	if err != nil {
		t.Fatal(err)
	}
	w, err := ledger.Create(t.Context(), t.TempDir(), ledger.WriterConfig{Origin: "log", Signers: []note.Signer{s}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	v, err := ledger.NewVerifier("log", s.String())
	if err != nil {
		t.Fatal(err)
	}
	return w, v
}

func TestCheckpoint(t *testing.T) {
	w, v := newLog(t)
	_, a := newServer(t)
	_, b := newServer(t)
	a.Name, b.Name = "a", "b"
	down := b
	down.URL = "http://127.0.0.1:1"
	if err := w.Append(t.Context(), &ledger.Entry{Evidence: &ledger.Evidence{Kind: "k"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	// One authority is down: the other's token is kept.
	got, err := Checkpoint(t.Context(), w, []Authority{down, a}, 24*time.Hour, Config{})
	if err == nil || got[0].Path != "" || got[1].Path == "" {
		t.Fatalf("%+v %v", got, err)
	}
	if err := Record(t.Context(), w, got); err != nil || w.Staged() != 1 {
		t.Fatalf("%d staged, %v", w.Staged(), err)
	}
	// Only what is due is asked for.
	got, err = Checkpoint(t.Context(), w, []Authority{b, a}, 24*time.Hour, Config{})
	if err != nil || got[0].Path == "" || got[1].Path != "" {
		t.Fatalf("%+v %v", got, err)
	}
	// The certificate ends within the time asked for: stamp again, beside the old one.
	got, err = Checkpoint(t.Context(), w, []Authority{a}, 2*8760*time.Hour, Config{})
	if err != nil || filepath.Base(got[0].Path) != "1.a.2.tsr" {
		t.Fatalf("%+v %v", got, err)
	}
	check := ledger.CheckConfig{VerifyToken: Verifier([]Authority{a, b})}
	if f, err := ledger.Check(t.Context(), w.Log().Dir(), v, check); err != nil || len(f) > 0 {
		t.Errorf("%v %v", f, err)
	}
	if err := os.WriteFile(got[0].Path, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if f, err := ledger.Check(t.Context(), w.Log().Dir(), v, check); err != nil || len(f) != 1 ||
		f[0].Code != ledger.CodeToken {
		t.Errorf("%v %v", f, err)
	}
}

func FuzzParseResponse(f *testing.F) {
	f.Add([]byte("\x30\x05\x30\x03\x02\x01\x00"))
	f.Add([]byte("\x30\x03\x06\x01\x00"))
	b, err := digitorus.CreateErrorResponse(digitorus.Rejection, digitorus.TimeNotAvailable)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if token, err := parseResponse(b); err == nil && len(token) == 0 {
			t.Fatalf("%x grants nothing", b)
		}
	})
}
