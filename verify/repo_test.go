package verify_test

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
	"io/fs"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/hsmsign/document"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/sectiona"
	"seihon/verify"
	"seihon/verify/report"
)

const (
	origin  = "repository.example/log"
	baseURL = "http://repository.example"
)

var start = time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// A ca is an authority of the test repository.
type ca struct {
	name string
	cert *x509.Certificate
	key  crypto.Signer
}

func newKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func newCert(name string, serial int64, by *ca, change func(*x509.Certificate)) *ca {
	key := newKey()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial),
		Subject:   pkix.Name{Country: []string{"JP"}, CommonName: name},
		NotBefore: start.Add(-24 * time.Hour), NotAfter: start.AddDate(10, 0, 0)}
	change(tmpl)
	parent, signer := tmpl, crypto.Signer(key)
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der := must(x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), signer))
	return &ca{name, must(x509.ParseCertificate(der)), key}
}

func asCA(t *x509.Certificate) {
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
}

func asDelegate(t *x509.Certificate) {
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	t.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5},
		Value: []byte{5, 0}}}
}

// list makes a CRL.
type list struct {
	number     int64
	this, next time.Time
	revoked    map[int64]time.Time
	reason     int
	exts       []pkix.Extension
}

func (c *ca) list(l list) []byte {
	tmpl := &x509.RevocationList{Number: big.NewInt(l.number), ThisUpdate: l.this, NextUpdate: l.next,
		ExtraExtensions: l.exts}
	for _, s := range slices.Sorted(mapKeys(l.revoked)) {
		tmpl.RevokedCertificateEntries = append(tmpl.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: big.NewInt(s), RevocationTime: l.revoked[s], ReasonCode: l.reason})
	}
	return must(x509.CreateRevocationList(rand.Reader, tmpl, c.cert, c.key))
}

func mapKeys(m map[int64]time.Time) func(func(int64) bool) {
	return func(yield func(int64) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func serialOctets(s int64) []byte {
	b := big.NewInt(s).Bytes()
	if b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return b
}

// respond makes a response; revoked is zero for good.
func respond(issuer, signer *ca, h crypto.Hash, serial int64, revoked, this, next time.Time) []byte {
	r := ocsp.Response{Status: ocsp.Good, SerialNumber: big.NewInt(serial), ThisUpdate: this, NextUpdate: next,
		IssuerHash: h}
	if !revoked.IsZero() {
		r.Status, r.RevokedAt, r.RevocationReason = ocsp.Revoked, revoked, 1
	}
	if signer != issuer {
		r.Certificate = signer.cert
	}
	return produced(this, issuer, signer, r)
}

// A repo is a whole test repository: a master with its log, and one public copy.
type repo struct {
	dir      string
	now      time.Time
	root     *ca
	sub      *ca
	delegate *ca
	document *ca
	ecdsa    crypto.Signer
	ed25519  ed25519.PrivateKey
	verifier *ledger.Verifier
	writer   *ledger.Writer

	number    int64
	serials   []int64             // of the certificates of sub
	revoked   map[int64]time.Time // among them
	pending   []ledger.Line
	files     map[string][]byte // current content by name
	published int64

	// What the next run does differently, for the cases that need a faulty signing room.
	respond func(serial int64, h crypto.Hash, def []byte) []byte
	subList func(l *list)
	arlList func(l *list)
	line    func(l *ledger.Line)
	shards  int
}

// matches are the files of a folder, whose own name is no pattern, that match one.
func matches(dir, pattern string) (all []string) {
	for _, name := range must(fs.Glob(os.DirFS(dir), pattern)) {
		all = append(all, filepath.Join(dir, name))
	}
	return all
}

// base is the repository that every case starts from a copy of.
var base = sync.OnceValue(makeRepo)

// newRepo makes a repository of two signing runs, a day apart, published.
func newRepo(tb testing.TB) *repo {
	tb.Helper()
	r := *base()
	r.dir = filepath.Join(tb.TempDir(), "repo[1]") // a name that would be a pattern
	check(os.MkdirAll(r.dir, 0o700))
	r.revoked, r.files = maps.Clone(r.revoked), maps.Clone(r.files)
	copyTree(base().master(), r.master())
	copyTree(base().public(), r.public())
	r.writer = must(ledger.OpenWriter(context.Background(), r.master(),
		ledger.WriterConfig{Origin: origin, Signers: r.signers(), Now: r.clock}))
	tb.Cleanup(func() { r.writer.Close() })
	return &r
}

func TestMain(m *testing.M) {
	if st, err := os.Stat("/dev/shm"); err == nil && st.IsDir() { // ten thousand small repositories need no disk
		check(os.Setenv("TMPDIR", "/dev/shm"))
	}
	code := m.Run()
	_ = os.RemoveAll(base().dir)
	os.Exit(code)
}

func makeRepo() *repo {
	r := &repo{dir: must(os.MkdirTemp("", "verify-test-")), now: start, shards: 2, revoked: map[int64]time.Time{},
		files: map[string][]byte{}}
	r.root = newCert("Test Root", 1, nil, asCA)
	r.sub = newCert("Test CA", 2, r.root, func(t *x509.Certificate) {
		asCA(t)
		t.CRLDistributionPoints = []string{baseURL + "/crl/root-arl.crl"}
		t.IssuingCertificateURL = []string{baseURL + "/cert/root.cer"}
		t.OCSPServer = []string{baseURL + "/ocsp"}
	})
	r.root.name, r.sub.name = "root", "sub"
	r.delegate = newCert("Test OCSP", 3, r.sub, asDelegate)
	r.document = newCert("Test CPS signer", 4, r.sub,
		func(t *x509.Certificate) { t.KeyUsage = x509.KeyUsageDigitalSignature })
	r.ecdsa = newKey()
	_, r.ed25519 = mustKey()
	signers := r.signers()
	r.verifier = must(ledger.NewVerifier(origin, must(ledger.VKey(origin, r.ecdsa.Public())),
		must(ledger.VKey(origin, r.ed25519.Public()))))
	r.writer = must(ledger.Create(context.Background(), r.master(),
		ledger.WriterConfig{Origin: origin, Signers: signers, Now: r.clock}))
	defer func() { check(r.writer.Close()) }()
	for s := int64(100); s < 112; s++ {
		r.serials = append(r.serials, s)
	}
	r.put("cert/root.cer", artifact.CACertificate, r.root.cert.Raw)
	r.put("cert/sub.cer", artifact.CACertificate, r.sub.cert.Raw)
	r.put("cert/sub-ocsp.cer", artifact.OCSPSignerCertificate, r.delegate.cert.Raw)
	pdf := []byte("%PDF-1.7\n1 0 obj <</Type/Catalog>> endobj\n%%EOF\n")
	r.put("docs/cps-1.0.pdf", artifact.Document, pdf)
	r.put("docs/cps-1.0.pdf.p7s", artifact.DocumentSignature, detached(r.document, pdf))
	r.put("index.html", artifact.IndexPage, []byte("<!DOCTYPE html><title>リポジトリ</title>\n"))
	r.revoked[103] = start.Add(-time.Hour)
	r.run()
	r.now = r.now.Add(24 * time.Hour)
	r.revoked[105] = r.now.Add(-time.Hour)
	r.run()
	r.publish(r.public())
	r.now = r.now.Add(time.Hour)
	return r
}

func mustKey() (ed25519.PublicKey, ed25519.PrivateKey) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	return pub, key
}

func (r *repo) signers() []note.Signer {
	return []note.Signer{must(ledger.NewNoteSigner(origin, r.ecdsa)), must(ledger.NewNoteSigner(origin, r.ed25519))}
}

func (r *repo) clock() time.Time { return r.now }
func (r *repo) master() string   { return filepath.Join(r.dir, "master") }
func (r *repo) public() string   { return filepath.Join(r.dir, "public") }

// put stages one artifact.
func (r *repo) put(name string, kind artifact.Kind, b []byte) {
	d, size, err := r.writer.PutBlob(context.Background(), kind, bytes.NewReader(b))
	check(err)
	l := ledger.Line{Name: name, Kind: kind, Digest: d, Size: size}
	a := artifact.Parse(b)
	switch {
	case kind.IsCertificate() && len(a.Certificates) == 1:
		l.NotBefore, l.NotAfter = a.Certificates[0].NotBefore, a.Certificates[0].NotAfter
		l.Number = a.Certificates[0].SerialNumber.Text(16)
	case a.CRL != nil:
		l.NotBefore, l.NotAfter, l.Number = a.CRL.ThisUpdate, a.CRL.NextUpdate, a.CRL.Number.String()
	}
	if kind == artifact.OCSPGeneration {
		g, _, err := ocspcache.ParseGeneration(b)
		check(err)
		l.NotBefore, l.NotAfter, l.Number = g.ThisUpdate, g.NextUpdate, big.NewInt(int64(g.Number)).String()
	}
	if r.line != nil {
		r.line(&l)
	}
	r.files[name] = b
	r.pending = append(r.pending, l)
}

func (r *repo) commit() {
	ctx := context.Background()
	if len(r.pending) > 0 {
		_, err := r.writer.AppendBatch(ctx, r.pending, "signing run")
		check(err)
	}
	r.pending = nil
	_, err := r.writer.Commit(ctx)
	check(err)
}

// run is one signing run: lists, responses, generation.
func (r *repo) run() {
	r.number++
	authorities := r.authorityList()
	if r.arlList != nil {
		r.arlList(&authorities)
	}
	r.put("crl/root-arl.crl", artifact.ARL, r.root.list(authorities))
	l := list{number: r.number, this: r.now, next: r.now.Add(72 * time.Hour), revoked: r.revoked, reason: 1}
	if r.subList != nil {
		r.subList(&l)
	}
	r.put("crl/sub.crl", artifact.CRL, r.sub.list(l))
	r.generation(r.root, r.root, []int64{2})
	r.generation(r.sub, r.delegate, r.serials)
	r.commit()
}

// authorityList is the next list of CA certificates of the root, without entries.
func (r *repo) authorityList() list {
	onlyCA := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true,
		Value: []byte{0x30, 3, 0x82, 1, 0xff}}
	return list{number: r.number, this: r.now, next: r.now.AddDate(0, 0, 90), exts: []pkix.Extension{onlyCA}}
}

// revokeSub puts the sub-CA on both lists of the root, at times that may differ, and answers accordingly.
func (r *repo) revokeSub(onCRL, onARL time.Time) {
	r.revoked[2] = onCRL
	r.subList = func(l *list) {
		l.revoked = maps.Clone(l.revoked)
		delete(l.revoked, 2)
	}
	r.arlList = func(l *list) {
		l.revoked, l.reason = map[int64]time.Time{2: onARL}, 1
		r.put("crl/root.crl", artifact.CRL,
			r.root.list(list{number: r.number, this: r.now, next: l.next, revoked: map[int64]time.Time{2: onCRL},
				reason: 1}))
	}
	r.run()
}

// generation makes the bundles of an issuer and their generation file.
func (r *repo) generation(issuer, signer *ca, serials []int64) {
	shards := r.shards
	if issuer == r.root {
		shards = 1
	}
	g := ocspcache.Generation{Issuer: issuer.name, Number: uint64(r.number), ThisUpdate: r.now}
	outs := make([]bytes.Buffer, shards)
	var ws []*ocspcache.BundleWriter
	for i := range outs {
		ws = append(ws, ocspcache.NewBundleWriter(&outs[i], issuer.name, uint16(i)))
	}
	for _, s := range serials {
		for _, h := range []crypto.Hash{crypto.SHA1, crypto.SHA256} {
			der := respond(issuer, signer, h, s, r.revoked[s], r.now, r.now.Add(72*time.Hour))
			if r.respond != nil {
				der = r.respond(s, h, der)
			}
			if der == nil {
				continue
			}
			oct := serialOctets(s)
			k := ocspcache.Key{Hash: h, IssuerKeyHash: artifact.PublicKeyHash(issuer.cert, h), Serial: oct}
			check(ws[ocspcache.ShardOf(oct, shards)].Add(k, der))
		}
	}
	for i, w := range ws {
		sum := must(w.Close())
		r.put("ocsp/bundles/"+sum.Digest.String(), artifact.OCSPBundle, outs[i].Bytes())
		g.Bundles = append(g.Bundles, ocspcache.GenerationBundle{Shard: uint16(i), Digest: sum.Digest, Size: sum.Size,
			Count: sum.Count, NextUpdate: sum.MinNextUpdate})
		if !sum.MinNextUpdate.IsZero() && (g.NextUpdate.IsZero() || sum.MinNextUpdate.Before(g.NextUpdate)) {
			g.NextUpdate = sum.MinNextUpdate
		}
	}
	r.put("ocsp/"+issuer.name+".generation", artifact.OCSPGeneration, g.Body())
}

// publish writes the public copy of the newest state, the way a correct publisher would.
func (r *repo) publish(dir string) {
	ctx := context.Background()
	log := r.writer.Log()
	for line := range must(log.Replay(ctx, log.Size())).All() {
		b := must(log.ReadBlob(ctx, line))
		if line.Kind == artifact.OCSPGeneration {
			g, _, err := ocspcache.ParseGeneration(b)
			check(err)
			b = g.Public(must(log.Prove(ctx, line.Name)))
		}
		write(dir, line.Name, b)
	}
	for f, err := range log.PublicFiles(ctx, 0, log.Size()) {
		check(err)
		write(dir, f.Name, must(f.Bytes()))
	}
	write(dir, "log/checkpoint", log.Checkpoint())
	r.published = log.Size()
}

// publishObjects writes the copy in the layout without a responder.
func (r *repo) publishObjects(dir string) {
	r.publish(dir)
	check(os.RemoveAll(filepath.Join(dir, "ocsp")))
	log := r.writer.Log()
	for line := range must(log.Replay(context.Background(), log.Size())).All() {
		if line.Kind != artifact.OCSPGeneration {
			continue
		}
		g, _, err := ocspcache.ParseGeneration(r.files[line.Name])
		check(err)
		for _, gb := range g.Bundles {
			b := must(ocspcache.ParseBundle(r.files["ocsp/bundles/"+gb.Digest.String()]))
			for k, der := range b.All() {
				write(dir, ocspcache.ObjectName(k), der)
			}
		}
	}
}

// config is a full check of master and public copy.
func (r *repo) config() verify.Config {
	return verify.Config{
		Master: r.master(), Verifier: r.verifier, BaseURL: baseURL, Now: r.clock,
		Policy: &sectiona.Policy{Trust: artifact.NewTrust([]*x509.Certificate{r.root.cert}, nil)},
		Copies: []verify.Copy{{Source: must(verify.Dir(r.public()))}},
	}
}

func (r *repo) check(tb testing.TB, change ...func(*verify.Config)) *report.Report {
	tb.Helper()
	c := r.config()
	for _, f := range change {
		f(&c)
	}
	checked, err := verify.Check(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	bilingual(tb, checked)
	return checked
}

func codesOf(r *report.Report) []string {
	var codes []string
	for _, f := range r.Findings {
		codes = append(codes, string(f.Severity)+" "+f.Code+" "+f.Name)
	}
	return codes
}

// detached makes a detached signature of content.
func detached(by *ca, content []byte) []byte {
	return must(document.SignDetached(context.Background(),
		document.Request{Content: bytes.NewReader(content), Certificate: by.cert, Signer: by.key, SigningTime: start}))
}
