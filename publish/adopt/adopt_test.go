package adopt_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
	"seihon/publish"
	"seihon/publish/adopt"
	"seihon/publish/dirstore"
)

var now = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// A ca signs what an old repository holds.
type ca struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newCA(name string) *ca {
	c := &ca{key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	c.cert = c.certify(name,
		1, func(t *x509.Certificate) { t.IsCA, t.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign })
	return c
}

func (c *ca) certify(name string, serial int64, change func(*x509.Certificate)) *x509.Certificate {
	t := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		BasicConstraintsValid: true,
		NotBefore:             now.AddDate(-1, 0, 0), NotAfter: now.AddDate(10, 0, 0)}
	change(t)
	parent := t
	if c.cert != nil {
		parent = c.cert
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, t, parent, c.key.Public(), c.key))))
}

func (c *ca) list(number int64, age time.Duration, exts ...pkix.Extension) []byte {
	t := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: now.Add(-age),
		NextUpdate: now.Add(72 * time.Hour), ExtraExtensions: exts}
	return must(x509.CreateRevocationList(rand.Reader, t, c.cert, c.key))
}

// A place is a master, a folder that others filled, and a publication log.
type place struct {
	t           *testing.T
	ca          *ca
	master, log *ledger.Writer
	dir         string
	conf        adopt.Config
}

func newLog(t *testing.T, origin string) *ledger.Writer {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	conf := ledger.WriterConfig{Origin: origin, Signers: []note.Signer{must(ledger.NewNoteSigner(origin, key))},
		Now: func() time.Time { return now }}
	w := must(ledger.Create(t.Context(), filepath.Join(t.TempDir(), "log"), conf))
	t.Cleanup(func() { w.Close() })
	return w
}

// newPlace makes a master with a certificate, a document and the lists 5 and 6 of a CA.
func newPlace(t *testing.T) *place {
	p := &place{t: t, ca: newCA("Old CA"), master: newLog(t, "ca.example/master"),
		log: newLog(t, "ca.example/publication"), dir: t.TempDir()}
	p.commit("crl/sub.crl", artifact.CRL, p.ca.list(5, 2*time.Hour))
	p.commit("crl/sub.crl", artifact.CRL, p.ca.list(6, time.Hour))
	p.commit("cert/sub.cer", artifact.CACertificate, p.ca.cert.Raw)
	p.commit("docs/cps-1.0.pdf", artifact.Document, []byte("%PDF-1.4\nthe CPS\n%%EOF\n"))
	p.commit("index.html", artifact.IndexPage, []byte("<!doctype html>\n<title>Repository</title>\n"))
	p.conf = adopt.Config{Target: "web", Store: must(dirstore.Open(p.dir, nil)), Master: p.master.Log(),
		Trust: artifact.NewTrust([]*x509.Certificate{p.ca.cert}, nil), Now: func() time.Time { return now }}
	return p
}

func (p *place) commit(name string, kind artifact.Kind, b []byte) {
	d, n, err := p.master.PutBlob(p.t.Context(), kind, bytes.NewReader(b))
	line := ledger.Line{Name: name, Kind: kind, Digest: d, Size: n, Issuer: "sub", NotBefore: now,
		NotAfter: now.Add(72 * time.Hour)}
	if kind.IsRevocationList() {
		line.Number = must(artifact.ParseRevocationList(b)).Number.String()
	}
	if err == nil {
		_, err = p.master.AppendBatch(p.t.Context(), []ledger.Line{line}, "")
	}
	if err == nil {
		_, err = p.master.Commit(p.t.Context())
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) put(name string, b []byte) {
	file := filepath.Join(p.dir, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, b, 0o644)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) look() *adopt.Report {
	p.t.Helper()
	r, err := adopt.Look(p.t.Context(), p.conf)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

func (p *place) bytes(name string) []byte {
	state := must(p.master.Log().State(p.t.Context(), p.master.Log().Size()))
	line, _ := state.Get(name)
	return must(p.master.Log().ReadBlob(p.t.Context(), line))
}

func inPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// TestLook gives every class an object, and wants each to be told by its content.
func TestLook(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.conf.Aliases = public.NewAliases([]public.Alias{{Name: "pki/kept.crl", Artifact: "crl/sub.crl"},
		{Name: "pki/renamed.crl", Artifact: "crl/sub.crl"}})
	other := newCA("Other CA")
	key := must(x509.MarshalPKCS8PrivateKey(p.ca.key))
	leaf := p.ca.certify("subscriber", 9, func(t *x509.Certificate) { t.KeyUsage = x509.KeyUsageDigitalSignature })
	below := p.ca.certify("CA below", 10,
		func(t *x509.Certificate) { t.IsCA, t.KeyUsage = true, x509.KeyUsageCertSign })
	delta := pkix.Extension{Id: []int{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 3}}
	older := p.ca.list(4, 24*time.Hour)
	cases := []struct {
		name   string
		b      []byte
		class  adopt.Class
		of     string
		detail string
	}{
		{"cert/sub.cer", p.bytes("cert/sub.cer"), adopt.Known, "cert/sub.cer", ""},
		{"crl/sub.crl", older, adopt.Replace, "crl/sub.crl",
			"it is number 4 of 2026-11-23T06:00:00Z; the master has number 6"},
		{"pki/kept.crl", p.bytes("crl/sub.crl"), adopt.Known, "crl/sub.crl", ""},
		{"CertEnroll/Sub CA+.crl", older, adopt.Alias, "crl/sub.crl", "it is number 4"},
		{"pki/ca.crt", p.bytes("cert/sub.cer"), adopt.Alias, "cert/sub.cer", "the master of cert/sub.cer"},
		{"pki/ca.pem", inPEM("CERTIFICATE", p.ca.cert.Raw), adopt.Alias, "cert/sub.cer", "it is in PEM"},
		{"pki/delta.crl", p.ca.list(7, 0, delta), adopt.Accept, "", "the master has none of its scope"},
		{"pki/below.crt", below.Raw, adopt.Accept, "", "the certificate of CN=CA below"},
		{"docs/cps-0.9.pdf", []byte("%PDF-1.4\nanother CPS\n%%EOF\n"), adopt.Accept, "", ""},
		{"pki/other.crl", other.list(1, 0), adopt.Unknown, "", "no CA of this hierarchy signed"},
		{"pki/other.crt", other.cert.Raw, adopt.Unknown, "", "no CA of this hierarchy signed it"},
		{"issued/9.cer", leaf.Raw, adopt.Remove, "", "a subscriber's certificate"},
		{"backup/ca.key", inPEM("PRIVATE KEY", key), adopt.Secret, "", ""},
		{"crl/sub.crl.bak", older, adopt.Remove, "", "a backup"},
		{"pki/ca.crl~", older, adopt.Remove, "", "a backup"},
		{"pki/ca.crl.20240101", older, adopt.Remove, "", "a backup"},
		{".well-known/x", []byte("x"), adopt.Remove, "", "begins with a dot"},
		{".git/config", []byte("[core]\n"), adopt.Remove, "", "begins with a dot"},
		{"pki/.DS_Store", []byte{0, 0, 0, 1}, adopt.Remove, "", "begins with a dot"},
		{"pki/empty.crl", nil, adopt.Remove, "", "it is empty"},
		{"pki/index.html", []byte("<html><head><title>Index of /pki</title></head></html>"), adopt.Remove, "",
			"the listing of a folder"},
		{"index.html", []byte("<html><head><title>Our CA</title></head></html>"), adopt.Replace, "index.html",
			"another content"},
		{"docs/cps-1.0.pdf", []byte("hello"), adopt.Replace, "docs/cps-1.0.pdf", "another content"},
		{"pki/renamed.crl", []byte("%PDF-1.4\na CPS\n%%EOF\n"), adopt.Replace, "crl/sub.crl", "another content"},
		{"readme.txt", []byte("hello"), adopt.Unknown, "", ""},
	}
	for _, c := range cases {
		p.put(c.name, c.b)
	}
	r := p.look()
	for _, c := range cases {
		i := slices.IndexFunc(r.Objects, func(o adopt.Object) bool { return o.Name == c.name })
		if i < 0 {
			t.Errorf("%s is not in the report", c.name)
			continue
		}
		if o := r.Objects[i]; o.Class != c.class || o.Artifact != c.of || !strings.Contains(o.Detail, c.detail) {
			t.Errorf("%s: %+v, want %s %s %q", c.name, o, c.class, c.of, c.detail)
		}
	}
	if r.Stops() || r.Clean() {
		t.Errorf("stops %v, clean %v: %v", r.Stops(), r.Clean(), r.Counts)
	}
	want := []adopt.Names{{"cert/sub.cer", []string{"pki/ca.crt", "pki/ca.pem"}},
		{"crl/sub.crl", []string{"CertEnroll/Sub CA+.crl", "pki/kept.crl", "pki/renamed.crl"}}}
	if !slices.EqualFunc(r.Names,
		want, func(a, b adopt.Names) bool { return a.Artifact == b.Artifact && slices.Equal(a.Aliases, b.Aliases) }) {
		t.Errorf("proposed %+v", r.Names)
	}
}

// TestStops refuses to take over what the master must know first, and what belongs to another log.
func TestStops(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		b     func(p *place) []byte
		class adopt.Class
	}{
		{"pki/new.crl", func(p *place) []byte { return p.ca.list(7, 0) }, adopt.Newer},
		{"crl/sub.crl", func(p *place) []byte { return p.ca.list(7, 0) }, adopt.Newer},
		// the same number, other bytes
		{"crl/sub.crl", func(p *place) []byte { return p.ca.list(6, time.Hour) }, adopt.Newer},
		{"log/checkpoint",
			func(*place) []byte { return []byte("other.example/log\n1\nAAAA\n\n— other.example/log AAAA\n") },
			adopt.Foreign},
	} {
		p := newPlace(t)
		p.put(c.name, c.b(p))
		r := p.look()
		if !r.Stops() || r.Objects[0].Class != c.class {
			t.Errorf("%s: %+v", c.name, r.Objects)
		}
		if err := adopt.Record(t.Context(), p.conf, p.log, r); err == nil || p.log.Log().Size() > 0 {
			t.Errorf("%s was recorded: %v", c.name, err)
		}
	}
}

// TestRecordAndClear takes over, and removes what was recorded and nothing else.
func TestRecordAndClear(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.put("crl/sub.crl", p.ca.list(4, 24*time.Hour))
	p.put("readme.txt", []byte("hello"))
	p.put("backup/ca.key", inPEM("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(p.ca.key))))
	p.put(".git/config", []byte("[core]\n"))
	r := p.look()
	if err := adopt.Record(t.Context(), p.conf, p.log, r); err != nil || r.Recorded != 4 {
		t.Fatalf("recorded %d: %v", r.Recorded, err)
	}
	size := p.log.Log().Size()
	if err := adopt.Record(t.Context(), p.conf, p.log, p.look()); err != nil || p.log.Log().Size() != size {
		t.Errorf("recorded again: %v, %d entries after %d", err, p.log.Log().Size(), size)
	}
	remove := func(names ...string) error {
		found := must(publish.Found(t.Context(), p.log.Log(), "web"))
		r = p.look()
		return adopt.Clear(t.Context(), p.conf, p.log, found, r, names)
	}
	p.put("new.txt", []byte("new"))
	for name, why := range map[string]string{
		"readme.txt": "not complete yet", "crl/sub.crl": "a name of this repository",
		"new.txt":        "no takeover recorded it",
		"log/checkpoint": "a name of this repository",
	} {
		if err := remove("backup/ca.key", name); !errors.Is(err, adopt.ErrNotRemovable) ||
			!strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", name, err, why)
		}
	}
	if err := remove("backup/ca.key"); err != nil || !slices.Equal(r.Removed, []string{"backup/ca.key"}) { // at once
		t.Errorf("the key: %v, %q", err, r.Removed)
	}
	p.put("log/checkpoint", p.master.Log().Checkpoint())
	p.put("readme.txt", []byte("changed"))
	if err := remove("readme.txt"); !errors.Is(err, adopt.ErrNotRemovable) ||
		!strings.Contains(err.Error(), "it changed since") {
		t.Errorf("what changed: %v", err)
	}
	p.put("readme.txt", []byte("hello"))
	if err := remove("readme.txt", ".git/config", "gone"); err != nil ||
		!slices.Equal(r.Removed, []string{"readme.txt", ".git/config"}) {
		t.Errorf("the rest: %v, %q", err, r.Removed)
	}
	if found := must(publish.Found(t.Context(), p.log.Log(), "web")); len(found) != 1 {
		t.Errorf("still found: %v", found)
	}
}
