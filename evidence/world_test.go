package evidence

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"os"
	"slices"
	"testing"
	"time"

	digitorus "github.com/digitorus/timestamp"
	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/hsmsign/ocsp"
	"seihon/ledger"
	"seihon/ledger/timestamp"
	"seihon/ocspcache"
)

const (
	origin = "ca.example.jp/master"
	day    = 24 * time.Hour
)

var start = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)

// on is a day of the simulation, and an hour of it.
func on(d, h int) time.Time { return start.Add(time.Duration(d)*day + time.Duration(h)*time.Hour) }

// A subject is a certificate of the simulation and what becomes of it.
type subject struct {
	cert  *x509.Certificate
	lists []change // in the order of their days
}

// A change is from which day on the lists say what of it.
type change struct {
	from    int
	revoked bool
	at      time.Time
	reason  int
	invalid time.Time
}

// A world is ten years of a CA.
type world struct {
	t   *testing.T
	dir string
	now time.Time
	w   *ledger.Writer

	root, sub, sub2          *x509.Certificate
	rootKey, subKey, sub2Key *ecdsa.PrivateKey
	delegate                 *x509.Certificate
	delegateKey              *ecdsa.PrivateKey
	delegateYear             int
	encoder                  *ocsp.Encoder
	serials                  int64
	subjects                 map[string]*subject

	tsa, tsaRoot *x509.Certificate
	tsaKey       *ecdsa.PrivateKey
	oldKeys      *ledger.Verifier
	keys         *ledger.Verifier
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func (w *world) certify(name string, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer, from,
	to time.Time, tune func(*x509.Certificate)) *x509.Certificate {
	w.serials++
	c := &x509.Certificate{SerialNumber: big.NewInt(0x8000 + w.serials),
		Subject: pkix.Name{Country: []string{"JP"}, CommonName: name}, NotBefore: from, NotAfter: to}
	if tune != nil {
		tune(c)
	}
	if parent == nil {
		parent = c
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, parent, pub, key))))
}

func ca(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
}

func noteSigners() ([]note.Signer, *ledger.Verifier) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	a, b := must(ledger.NewNoteSigner(origin, newKey())), must(ledger.NewNoteSigner(origin, ed))
	return []note.Signer{a, b}, must(ledger.NewVerifier(origin, a.String(), b.String()))
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: memory(t), now: start, subjects: map[string]*subject{}}
	w.rootKey, w.subKey, w.sub2Key, w.tsaKey = newKey(), newKey(), newKey(), newKey()
	end := start.AddDate(20, 0, 0)
	w.root = w.certify("Root", nil, w.rootKey.Public(), w.rootKey, start, end, ca)
	w.sub = w.certify("Sub", w.root, w.subKey.Public(), w.rootKey, start, end, ca)
	w.sub2 = w.certify("Sub", w.root, w.sub2Key.Public(), w.rootKey, on(1800, 0), end, ca)
	w.tsaRoot = w.certify("TSA Root", nil, w.tsaKey.Public(), w.tsaKey, start, end, ca)
	eku := must(asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}}))
	w.tsa = w.certify("TSA", w.tsaRoot, w.tsaKey.Public(), w.tsaKey, start, end, func(c *x509.Certificate) {
		c.KeyUsage, c.ExtraExtensions = x509.KeyUsageDigitalSignature,
			[]pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: eku}}
	})
	for name, years := range map[string][2]int{"steady": {0, 10}, "revoked": {0, 5}, "held": {0, 10},
		"backdated": {0, 5}, "late": {6, 10}, "gone": {0, 2}} {
		w.subjects[name] = &subject{cert: w.certify(name, w.sub, w.rootKey.Public(), w.subKey,
			start.AddDate(years[0], 0, 0), start.AddDate(years[1], 0, 0), nil)}
	}
	w.subjects["second"] = &subject{cert: w.certify("second", w.sub2, w.rootKey.Public(), w.sub2Key, on(2000, 0),
		on(3600, 0), nil)}
	w.subjects["revoked"].lists = []change{{from: 1000, revoked: true, at: on(999, 15), reason: 1, invalid: on(990, 0)}}
	w.subjects["held"].lists = []change{{from: 700, revoked: true, at: on(699, 9), reason: 6}, {from: 720}}
	w.subjects["backdated"].lists = []change{{from: 1500, revoked: true, at: on(1400, 12), reason: 4}}
	w.subjects["late"].lists = []change{{from: 3000, revoked: true, at: on(2999, 23), reason: 5, invalid: on(2950, 0)}}
	w.subjects["gone"].lists = []change{{from: 400, revoked: true, at: on(399, 1), reason: 9}}
	signers, keys := noteSigners()
	w.keys = keys
	w.w = must(ledger.Create(t.Context(), w.dir,
		ledger.WriterConfig{Origin: origin, Signers: signers, Now: func() time.Time { return w.now }}))
	t.Cleanup(func() { w.w.Close() })
	return w
}

// memory is a folder that forgets, where there is one: ten years of fsync take minutes.
func memory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "seihon-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// put stores an artifact and gives its line.
func (w *world) put(l ledger.Line, content []byte) ledger.Line {
	var err error
	if l.Digest, l.Size, err = w.w.PutBlob(w.t.Context(), l.Kind, bytes.NewReader(content)); err != nil {
		w.t.Fatal(err)
	}
	return l
}

func (w *world) batch(lines ...ledger.Line) {
	slices.SortFunc(lines, func(a, b ledger.Line) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	if _, err := w.w.AppendBatch(w.t.Context(), lines, ""); err != nil {
		w.t.Fatal(err)
	}
}

// commit signs a checkpoint and has it time-stamped.
func (w *world) commit(stamp bool) {
	if _, err := w.w.Commit(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if !stamp {
		return
	}
	l := w.w.Log()
	sum := sha256.Sum256(l.Checkpoint())
	q := &digitorus.Timestamp{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Time: w.now,
		Policy: asn1.ObjectIdentifier{1, 2, 3}, SerialNumber: big.NewInt(l.Size()),
		AddTSACertificate: true, Certificates: []*x509.Certificate{w.tsaRoot}}
	token := must(q.CreateResponseWithOpts(w.tsa, w.tsaKey, crypto.SHA256))
	if _, err := w.w.PutToken(l.Size(), "tsa", token); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) certificate(name string, c *x509.Certificate, kind artifact.Kind) ledger.Line {
	return w.put(ledger.Line{Name: "cert/" + name + ".cer", Kind: kind, Issuer: "root", Number: c.SerialNumber.Text(16),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter}, c.Raw)
}

func (w *world) list(issuer string, c *x509.Certificate, key crypto.Signer, number int64,
	entries []x509.RevocationListEntry, valid time.Duration) ledger.Line {
	next := w.now.Add(valid)
	der := must(x509.CreateRevocationList(rand.Reader,
		&x509.RevocationList{Number: big.NewInt(number), ThisUpdate: w.now, NextUpdate: next,
			RevokedCertificateEntries: entries}, c, key))
	return w.put(ledger.Line{Name: "crl/" + issuer + ".crl", Kind: artifact.CRL, Issuer: issuer,
		Number: big.NewInt(number).String(), NotBefore: w.now, NotAfter: next}, der)
}

// state is what the lists of a day say of a subject; expired ones are left out
// after one more list.
func (s *subject) state(d int) (change, bool) {
	if on(d, 0).Before(s.cert.NotBefore) || on(d-1, 0).After(s.cert.NotAfter) {
		return change{}, false
	}
	var c change
	for _, l := range s.lists {
		if d >= l.from {
			c = l
		}
	}
	return c, true
}

func (w *world) entries(d int) []x509.RevocationListEntry {
	var out []x509.RevocationListEntry
	for name, s := range w.subjects {
		c, ok := s.state(d)
		if !ok || !c.revoked || name == "second" {
			continue
		}
		e := x509.RevocationListEntry{SerialNumber: s.cert.SerialNumber, RevocationTime: c.at, ReasonCode: c.reason}
		if !c.invalid.IsZero() {
			e.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 24},
				Value: must(asn1.MarshalWithParams(c.invalid, "generalized"))}}
		}
		out = append(out, e)
	}
	return out
}

// responses makes the bundle and the generation of a day; the delegate is another one each year.
func (w *world) responses(d int) []ledger.Line {
	if year := d / 365; w.delegate == nil || year != w.delegateYear {
		w.delegateYear, w.delegateKey = year, newKey()
		w.delegate = w.certify("Sub OCSP", w.sub, w.delegateKey.Public(), w.subKey, w.now.Add(-time.Hour),
			w.now.Add(400*day), func(c *x509.Certificate) {
				c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageDigitalSignature,
					[]x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
			})
		w.encoder = must(ocsp.NewEncoder(w.sub, w.delegate, w.delegateKey, ocsp.Policy{CertID: "sha256"}))
	}
	next := w.now.Add(3 * day)
	var out bytes.Buffer
	b := ocspcache.NewBundleWriter(&out, "sub", 0)
	for name, s := range w.subjects {
		c, ok := s.state(d)
		if !ok || on(d, 0).After(s.cert.NotAfter) || name == "second" {
			continue
		}
		status := ocsp.Status{Serial: artifact.SerialBytes(s.cert), State: ocsp.Good}
		if c.revoked {
			status.State, status.RevokedAt, status.Reason = ocsp.Revoked, c.at, c.reason
		}
		for _, r := range must(w.encoder.Sign(w.t.Context(), status, w.now, next)) {
			if err := b.Add(ocspcache.Key{Hash: r.Hash, IssuerKeyHash: r.IssuerKeyHash, Serial: r.Serial},
				r.DER); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	sum := must(b.Close())
	g := ocspcache.Generation{Issuer: "sub", Number: uint64(d + 1), ThisUpdate: w.now, NextUpdate: sum.MinNextUpdate,
		Bundles: []ocspcache.GenerationBundle{{Digest: sum.Digest, Size: sum.Size, Count: sum.Count,
			NextUpdate: sum.MinNextUpdate}}}
	return []ledger.Line{
		w.put(ledger.Line{Name: "ocsp/bundles/" + sum.Digest.String(), Kind: artifact.OCSPBundle, Issuer: "sub",
			Number: "0", NotBefore: sum.MaxThisUpdate, NotAfter: sum.MinNextUpdate}, out.Bytes()),
		w.put(ledger.Line{Name: "ocsp/sub.generation", Kind: artifact.OCSPGeneration, Issuer: "sub",
			Number: big.NewInt(int64(d + 1)).String(), NotBefore: w.now, NotAfter: next}, g.Body()),
	}
}

const lastDay = 3650

// run lives through the years up to a day: lists every day, responses every
// other day, a second key of the CA in the fifth year, new keys of the log at a day.
func (w *world) run(last, rotation int) *ledger.Log {
	w.batch(w.certificate("root", w.root, artifact.CACertificate), w.certificate("sub", w.sub, artifact.CACertificate))
	for d := 1; d <= last; d++ {
		w.now = on(d, 6)
		lines := []ledger.Line{w.list("sub", w.sub, w.subKey, int64(d), w.entries(d), 2*day)}
		if d%2 == 0 {
			lines = append(lines, w.responses(d)...)
		}
		if d == 1800 {
			lines = append(lines, w.certificate("sub-g2", w.sub2, artifact.CACertificate))
		}
		if d >= 1800 && d%7 == 0 {
			lines = append(lines, w.list("sub-g2", w.sub2, w.sub2Key, int64(d), nil, 10*day))
		}
		w.batch(lines...)
		if d == rotation {
			w.commit(true)
			signers, keys := noteSigners()
			if _, err := w.w.RotateKeys(w.t.Context(), signers, "yearly"); err != nil {
				w.t.Fatal(err)
			}
			w.oldKeys, w.keys = w.keys, keys
		}
		if d%30 == 0 || d == last {
			w.commit(d%60 == 0)
		}
	}
	return must(ledger.Open(w.t.Context(), w.dir, w.keys))
}

func (w *world) config() Config {
	return Config{Trust: artifact.NewTrust([]*x509.Certificate{w.root}, nil),
		Now: func() time.Time { return on(lastDay, 12) }}
}

func (w *world) pins() Pins {
	return Pins{Log: w.keys, Anchors: []*x509.Certificate{w.root},
		Authorities: []timestamp.Authority{{Name: "tsa", Anchors: []*x509.Certificate{w.tsaRoot}}}}
}
