package publish_test

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
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/publish"
	"seihon/sectiona"
)

var epoch = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// validity is that of everything the room signs: longer than any test's story.
const validity = 10 * 24 * time.Hour

const origin = "ca.example.jp/master"

// A world is a signing room: a CA, its master, and a clock that moves an hour
// with each signing run.
type world struct {
	t       testing.TB
	now     time.Time
	dir     string
	key     *ecdsa.PrivateKey
	ca      *x509.Certificate
	signers []note.Signer
	v       *ledger.Verifier
	w       *ledger.Writer
	run     int64
	revoked map[int64]bool
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: epoch, dir: filepath.Join(t.TempDir(), "master"), revoked: map[int64]bool{}}
	w.key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, NotBefore: epoch.AddDate(-1, 0, 0),
		NotAfter: epoch.AddDate(10, 0, 0),
		IsCA:     true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, w.key.Public(), w.key))(t)
	w.ca = must(x509.ParseCertificate(der))(t)
	w.logKeys()
	writer, err := ledger.Create(t.Context(), w.dir, w.writerConfig())
	if err != nil {
		t.Fatal(err)
	}
	w.w = writer
	t.Cleanup(func() { w.w.Close() })
	return w
}

func (w *world) logKeys() {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	var vkeys []string
	for _, k := range []crypto.Signer{must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(w.t), ed} {
		w.signers = append(w.signers, must(ledger.NewNoteSigner(origin, k))(w.t))
		vkeys = append(vkeys, must(ledger.VKey(origin, k.Public()))(w.t))
	}
	w.v = must(ledger.NewVerifier(origin, vkeys...))(w.t)
}

func (w *world) writerConfig() ledger.WriterConfig {
	return ledger.WriterConfig{Origin: origin, Signers: w.signers, Now: func() time.Time { return w.now }}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// log opens the master as it is now; the result does not move with it.
func (w *world) log() *ledger.Log {
	w.t.Helper()
	return must(ledger.Open(context.Background(), w.dir, w.v))(w.t)
}

// line stores bytes in the master and returns their line.
func (w *world) line(name string, kind artifact.Kind, b []byte, number string) ledger.Line {
	w.t.Helper()
	d, n, err := w.w.PutBlob(context.Background(), kind, bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	return ledger.Line{
		Name: name, Kind: kind, Digest: d, Size: n, Issuer: "sub", Number: number,
		NotBefore: w.now, NotAfter: w.now.Add(validity), History: strings.HasPrefix(name, "crl/sub/history/"),
	}
}

// commit appends one batch, signs, and lets an hour pass.
func (w *world) commit(lines ...ledger.Line) *ledger.Log {
	w.t.Helper()
	if len(lines) > 0 {
		if _, err := w.w.AppendBatch(context.Background(), lines, ""); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := w.w.Commit(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	return w.log()
}

func (w *world) withdraw(names ...ledger.WithdrawnName) {
	w.t.Helper()
	if err := w.w.Append(context.Background(), &ledger.Entry{Withdraw: &ledger.Withdraw{Names: names}}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) crl(number int64) []byte {
	w.t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: w.now, NextUpdate: w.now.Add(validity)}
	for serial := range w.revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: big.NewInt(serial), RevocationTime: epoch})
	}
	return must(x509.CreateRevocationList(rand.Reader, template, w.ca, w.key))(w.t)
}

func (w *world) response(serial int64) []byte {
	w.t.Helper()
	r := ocsp.Response{
		Status: ocsp.Good, SerialNumber: big.NewInt(serial), ThisUpdate: w.now, NextUpdate: w.now.Add(validity),
		IssuerHash: crypto.SHA1,
	}
	if w.revoked[serial] {
		r.Status, r.RevokedAt = ocsp.Revoked, epoch
	}
	return w.dated(must(ocsp.CreateResponse(w.ca, w.ca, r, w.key))(w.t))
}

func (w *world) ocspKey(serial int64) ocspcache.Key {
	return ocspcache.Key{Hash: crypto.SHA1, IssuerKeyHash: artifact.PublicKeyHash(w.ca, crypto.SHA1),
		Serial: big.NewInt(serial).Bytes()}
}

// bundles makes a generation from responses by serial, in shards.
func (w *world) bundles(number uint64, shards int, responses map[int64][]byte) []ledger.Line {
	w.t.Helper()
	g := &ocspcache.Generation{Issuer: "sub", Number: number, ThisUpdate: w.now, NextUpdate: w.now.Add(validity)}
	var lines []ledger.Line
	for shard := range shards {
		var b bytes.Buffer
		bw := ocspcache.NewBundleWriter(&b, "sub", uint16(shard))
		for serial, der := range responses {
			if ocspcache.ShardOf(big.NewInt(serial).Bytes(), shards) != shard {
				continue
			}
			if err := bw.Add(w.ocspKey(serial), der); err != nil {
				w.t.Fatal(err)
			}
		}
		sum, err := bw.Close()
		if err != nil {
			w.t.Fatal(err)
		}
		line := w.line("ocsp/bundles/"+sum.Digest.String(), artifact.OCSPBundle, b.Bytes(), "")
		line.NotBefore, line.NotAfter = sum.MaxThisUpdate, sum.MinNextUpdate
		lines = append(lines, line)
		g.Bundles = append(g.Bundles, ocspcache.GenerationBundle{
			Shard: uint16(shard), Digest: sum.Digest, Size: sum.Size, Count: sum.Count, NextUpdate: sum.MinNextUpdate,
		})
	}
	return append(lines, w.line("ocsp/sub.generation", artifact.OCSPGeneration, g.Body(), fmt.Sprint(number)))
}

// signingRun does what the room does every hour: a CRL, and a generation of
// three responses in two shards of which the changed serial is new.
func (w *world) signingRun(responses map[int64][]byte, changed ...int64) *ledger.Log {
	w.t.Helper()
	w.run++
	for _, serial := range changed {
		responses[serial] = w.response(serial)
	}
	lines := w.bundles(uint64(w.run), 2, responses)
	crl := w.crl(w.run)
	lines = append(lines, w.line("crl/sub.crl", artifact.CRL, crl, fmt.Sprint(w.run)),
		w.line(fmt.Sprintf("crl/sub/history/%d.crl", w.run), artifact.CRL, crl, fmt.Sprint(w.run)))
	if w.run == 1 {
		lines = append(lines, w.line("cert/sub.cer", artifact.CACertificate, w.ca.Raw, ""))
	}
	lines = append(lines, w.line("index.html", artifact.IndexPage, fmt.Appendf(nil,
		"<!doctype html>\n<title>Repository</title>\n<p>CRL number %d.\n", w.run), ""))
	return w.commit(dedupe(lines)...)
}

// dedupe drops repeated names: an unchanged bundle is named once per batch.
func dedupe(lines []ledger.Line) []ledger.Line {
	seen := map[string]bool{}
	var out []ledger.Line
	for _, l := range lines {
		if !seen[l.Name] {
			out = append(out, l)
		}
		seen[l.Name] = true
	}
	return out
}

func (w *world) policy() *sectiona.Policy {
	return &sectiona.Policy{Trust: artifact.NewTrust([]*x509.Certificate{w.ca}, nil),
		Now: func() time.Time { return w.now }}
}

func (w *world) config(log *ledger.Log, targets ...publish.Target) publish.Config {
	return publish.WithRandom(publish.Config{Master: log, Policy: w.policy(), Targets: targets,
		Now: func() time.Time { return w.now }}, func() float64 { return 0 })
}

func target(name string, layout publish.Layout, s publish.Store) publish.Target {
	return publish.Target{TargetConfig: publish.TargetConfig{Name: name, Layout: layout}, Store: s}
}

// sync runs a sync of one target that must not fail.
func (w *world) sync(c publish.Config) *publish.TargetResult {
	w.t.Helper()
	r := w.trySync(c)
	if r.Err != nil {
		w.t.Fatalf("syncing: %v", r.Err)
	}
	return r
}

func (w *world) trySync(c publish.Config) *publish.TargetResult {
	w.t.Helper()
	r, err := publish.Sync(context.Background(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	return &r.Targets[0]
}

// verify checks, by its own reading of the master, that a store holds exactly
// what a target at the size of log must hold. It shares no code with the
// planner: it starts from the state, not from the changes.
func (w *world) verify(m *memStore, log *ledger.Log, layout publish.Layout) error {
	want, err := wanted(log, layout)
	if err != nil {
		return err
	}
	for name, digest := range want {
		got := m.get(name)
		if got == nil {
			return fmt.Errorf("%s is missing", name)
		}
		if strings.HasSuffix(name, ".generation") {
			g, proof, err := ocspcache.ParseGeneration(got)
			if err != nil {
				return err
			}
			if line, _, err := ledger.VerifyProof(proof, w.v); err != nil || line.Digest != artifact.Sum(g.Body()) {
				return fmt.Errorf("%s: proof: %v", name, err)
			}
			got = g.Body()
		}
		if artifact.Sum(got) != digest {
			return fmt.Errorf("%s holds other bytes", name)
		}
	}
	if got := m.get(publish.CheckpointName); !bytes.Equal(got, log.Checkpoint()) {
		return fmt.Errorf("the checkpoint is %q", got)
	}
	return nil
}

// wanted lists names and digests of a complete target, the checkpoint apart.
func wanted(log *ledger.Log, layout publish.Layout) (map[string]artifact.Digest, error) {
	ctx := context.Background()
	state, err := log.State(ctx, log.Size())
	if err != nil {
		return nil, err
	}
	want := map[string]artifact.Digest{}
	current, err := currentBundles(log, state)
	if err != nil {
		return nil, err
	}
	for line := range state.All() {
		if line.Kind == artifact.OCSPBundle && !current[line.Digest] {
			continue // superseded: may be there or not
		}
		if layout != publish.Objects || !strings.HasPrefix(line.Name, "ocsp/") {
			want[line.Name] = line.Digest
			continue
		}
		if line.Kind != artifact.OCSPGeneration {
			continue
		}
		body, err := log.ReadBlob(ctx, line)
		if err != nil {
			return nil, err
		}
		g, _, err := ocspcache.ParseGeneration(body)
		if err != nil {
			return nil, err
		}
		for _, gb := range g.Bundles {
			b, err := ocspcache.OpenBundle(filepath.Join(log.Dir(), "bundles", gb.Digest.String()))
			if err != nil {
				return nil, err
			}
			for k, der := range b.All() {
				want[ocspcache.ObjectName(k)] = artifact.Sum(der)
			}
			b.Close()
		}
	}
	for f, err := range log.PublicFiles(ctx, 0, log.Size()) {
		if err != nil {
			return nil, err
		}
		want[f.Name] = f.Digest
	}
	return want, nil
}

func currentBundles(log *ledger.Log, state *ledger.State) (map[artifact.Digest]bool, error) {
	current := map[artifact.Digest]bool{}
	for line := range state.All() {
		if line.Kind != artifact.OCSPGeneration {
			continue
		}
		body, err := log.ReadBlob(context.Background(), line)
		if err != nil {
			return nil, err
		}
		g, _, err := ocspcache.ParseGeneration(body)
		if err != nil {
			return nil, err
		}
		for _, b := range g.Bundles {
			current[b.Digest] = true
		}
	}
	return current, nil
}

func readLine(t testing.TB, w *world, log *ledger.Log, state *ledger.State, name string) []byte {
	t.Helper()
	line, ok := state.Get(name)
	if !ok {
		t.Fatalf("the master has no %s", name)
	}
	return must(log.ReadBlob(context.Background(), line))(t)
}

func ocspName(w *world, serial int64) string { return ocspcache.ObjectName(w.ocspKey(serial)) }

func flip(t testing.TB, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
