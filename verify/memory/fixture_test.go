package memory_test

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
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/artifact"
	encoder "seihon/hsmsign/ocsp"
	"seihon/ocspcache"
	"seihon/verify/memory"
)

var day0 = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func days(n float64) time.Time { return day0.Add(time.Duration(n * 24 * float64(time.Hour))) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A record is a history that a test tells day by day.
type record struct {
	t        *testing.T
	ca       *x509.Certificate
	key      crypto.Signer
	override ed25519.PrivateKey
	in       memory.Input
	blobs    map[artifact.Digest][]byte
	byName   map[string]int
	index    int64
	number   int64
}

func newRecord(t *testing.T) *record {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"},
		NotBefore: days(-10),
		NotAfter:  days(5000), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCRLSign | x509.KeyUsageCertSign}
	r := &record{t: t, key: key, blobs: map[artifact.Digest][]byte{}, byName: map[string]int{}}
	r.ca = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))))
	trust := artifact.NewTrust([]*x509.Certificate{r.ca}, nil)
	_, r.override, _ = ed25519.GenerateKey(rand.Reader)
	dir := t.TempDir()
	r.in = memory.Input{
		Withdrawn: map[string]memory.Withdrawal{},
		Keys:      []ed25519.PublicKey{r.override.Public().(ed25519.PublicKey)},
		Read: func(_ context.Context, a memory.Artifact) ([]byte, error) {
			if b, ok := r.blobs[a.Digest]; ok {
				return b, nil
			}
			return nil, errors.New("not there")
		},
		BundlePath: func(d artifact.Digest) string {
			path := filepath.Join(dir, d.String())
			if b, ok := r.blobs[d]; ok {
				if err := os.WriteFile(path, b, 0o600); err != nil {
					panic(err)
				}
			}
			return path
		},
		Issuer: func(l *artifact.RevocationList) (string, bool) {
			c, err := trust.CheckCRL(l)
			if err != nil {
				return "", false
			}
			return c.Subject.CommonName, true
		},
		Named: func(name string) []string {
			if name == "sub" {
				return []string{"Test CA"}
			}
			return nil
		},
		Ends:    func(string) time.Time { return days(5000) },
		Workers: 2,
	}
	return r
}

// A row is one entry of a list or one answer.
type row struct {
	serial  int64
	at      float64 // day of the revocation
	reason  int
	invalid float64 // day; 0: none
	status  string  // of an answer: "" is revoked
}

func (r *record) store(name string, kind artifact.Kind, number int64, b []byte) {
	d := artifact.Sum(b)
	r.blobs[d] = b
	a := memory.Artifact{Name: name, Kind: kind, Number: fmt.Sprint(number), Digest: d, Index: r.index}
	all := &r.in.Lists
	if kind == artifact.OCSPGeneration {
		all = &r.in.Generations
	}
	i, ok := r.byName[name]
	if !ok {
		i = len(*all)
		r.byName[name] = i
		*all = append(*all, nil)
	}
	(*all)[i] = append((*all)[i], a)
}

// list makes the next list under a name, a day after the last entry of the log.
func (r *record) list(name string, rows ...row) { r.listWith(name, nil, rows...) }

func (r *record) listWith(name string, change func(*x509.RevocationList), rows ...row) {
	r.index++
	r.number++
	template := &x509.RevocationList{Number: big.NewInt(r.number), ThisUpdate: days(float64(r.index)),
		NextUpdate: days(float64(r.index) + 3)}
	for _, e := range rows {
		entry := x509.RevocationListEntry{SerialNumber: big.NewInt(e.serial), RevocationTime: days(e.at),
			ReasonCode: e.reason}
		if e.invalid != 0 {
			value := []byte("\x18\x0f" + days(e.invalid).Format("20060102150405Z"))
			entry.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 24}, Value: value}}
		}
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, entry)
	}
	kind := artifact.CRL
	if change != nil {
		change(template)
		for _, e := range template.ExtraExtensions {
			if e.Id.String() == "2.5.29.27" {
				kind = artifact.DeltaCRL
			}
		}
	}
	r.store(name, kind, r.number, must(x509.CreateRevocationList(rand.Reader, template, r.ca, r.key)))
}

// deltaOf makes a list a delta to a base.
func deltaOf(base int64) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		l.ExtraExtensions = append(l.ExtraExtensions,
			pkix.Extension{Id: []int{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, byte(base)}})
	}
}

// within gives a list a distribution point, from hexadecimal DER.
func within(der string) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		l.ExtraExtensions = append(l.ExtraExtensions,
			pkix.Extension{Id: []int{2, 5, 29, 28}, Critical: true, Value: must(hex.DecodeString(der))})
	}
}

// answers makes the next generation.
func (r *record) answers(shards int, hashes []crypto.Hash, rows ...row) {
	r.index++
	r.number++
	this := days(float64(r.index))
	outs := make([]bytes.Buffer, shards)
	var writers []*ocspcache.BundleWriter
	for i := range outs {
		writers = append(writers, ocspcache.NewBundleWriter(&outs[i], "sub", uint16(i)))
	}
	for _, h := range hashes {
		for _, e := range rows {
			serial := artifact.SerialBytes(&x509.Certificate{SerialNumber: big.NewInt(e.serial)})
			k := ocspcache.Key{Hash: h, IssuerKeyHash: artifact.PublicKeyHash(r.ca, h), Serial: serial}
			if err := writers[ocspcache.ShardOf(serial, shards)].Add(k, r.respond(h, e, this)); err != nil {
				panic(err)
			}
		}
	}
	g := ocspcache.Generation{Issuer: "sub", Number: uint64(r.number), ThisUpdate: this,
		NextUpdate: this.Add(72 * time.Hour)}
	for i, w := range writers {
		sum := must(w.Close())
		r.blobs[sum.Digest] = outs[i].Bytes()
		g.Bundles = append(g.Bundles, ocspcache.GenerationBundle{Shard: uint16(i), Digest: sum.Digest, Size: sum.Size,
			Count: sum.Count, NextUpdate: sum.MinNextUpdate})
	}
	r.store("ocsp/sub.generation", artifact.OCSPGeneration, r.number, g.Body())
}

func (r *record) respond(h crypto.Hash, e row, this time.Time) []byte {
	out := ocsp.Response{Status: ocsp.Revoked, SerialNumber: big.NewInt(e.serial), ThisUpdate: this,
		NextUpdate: this.Add(72 * time.Hour), IssuerHash: h,
		RevokedAt: days(e.at), RevocationReason: e.reason}
	switch e.status {
	case "good":
		out.Status = ocsp.Good
	case "unknown":
		out.Status = ocsp.Unknown
	case "never":
		policy := map[crypto.Hash]encoder.CertID{crypto.SHA1: encoder.SHA1, crypto.SHA256: encoder.SHA256}[h]
		enc := must(encoder.NewEncoder(r.ca, nil, r.key, encoder.Policy{CertID: policy}))
		status := encoder.Status{Serial: big.NewInt(e.serial).Bytes(), State: encoder.NeverIssued}
		return must(enc.Sign(context.Background(), status, this, out.NextUpdate))[0].DER
	}
	return must(ocsp.CreateResponse(r.ca, r.ca, out, r.key))
}

// expiry enters a statement.
func (r *record) expiry(serial int64, day float64) {
	r.index++
	r.in.Statements = append(r.in.Statements,
		memory.Statement{Index: r.index, Issuer: "sub", Serial: fmt.Sprintf("%x", serial), NotAfter: days(day)})
}

// certificate makes the verifier know a certificate.
func (r *record) certificate(serial int64, day float64) {
	r.in.Certificates = append(r.in.Certificates,
		memory.Certificate{Issuer: "Test CA", Serial: big.NewInt(serial).Bytes(), NotAfter: days(day),
			Name: "cert/x.cer"})
}

// permit enters an override, signed by key.
func (r *record) permit(key ed25519.PrivateKey, allow string, changes ...memory.Change) {
	r.index++
	body := "seihon/override/v1\ndigest " + artifact.Sum(nil).String() + "\nallow " + allow +
		"\nreason ticket 4711\nexpires " + days(400).Format("20060102T150405Z") + "\n"
	text := body + "signature " + base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(body))) + "\n"
	r.in.Overrides = append(r.in.Overrides,
		memory.Override{Index: r.index, Time: days(float64(r.index)), Issuer: "sub", Text: text, Changes: changes})
}

func (e row) String() string {
	reason, invalid := "-", "-"
	if e.reason > 0 {
		reason = fmt.Sprint(e.reason)
	}
	if e.invalid != 0 {
		invalid = days(e.invalid).Format("20060102T150405Z")
	}
	return fmt.Sprintf("revoked %s %s %s", days(e.at).Format("20060102T150405Z"), reason, invalid)
}

// check runs the check.
func (r *record) check() *memory.Memory {
	m := memory.New(r.in)
	if err := m.Check(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return m
}
