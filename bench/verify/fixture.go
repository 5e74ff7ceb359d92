package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/hsmsign/crl"
	"seihon/hsmsign/ocsp"
	"seihon/ledger"
	"seihon/ocspcache"
)

const (
	origin    = "bench.example.jp/master"
	shardSize = 8192
	entries   = 29_000 // of a CRL of 1 MiB
	validity  = 7 * 24 * time.Hour
)

var epoch = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// A fixture is what the steps need beside the files.
type fixture struct {
	CA    []byte
	VKeys []string
	Bare  []byte // one response, for the bare signature verifications
}

func (s settings) path(name string) string { return filepath.Join(s.dir, name) }

func loadFixture(s settings) (*fixture, error) {
	b, err := os.ReadFile(s.path("fixture.json"))
	if err != nil {
		return nil, err
	}
	f := new(fixture)
	return f, json.Unmarshal(b, f)
}

// A maker signs a repository with keys in memory: signing is not what is measured here.
type maker struct {
	s      settings
	f      fixture
	key    crypto.Signer
	ca     *x509.Certificate
	writer *ledger.Writer
	lines  []ledger.Line
}

func makeFixture(ctx context.Context, s settings) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	m := &maker{s: s}
	if err := m.begin(ctx); err != nil {
		return err
	}
	defer m.writer.Close()
	if err := m.artifact(ctx, "cert/ca.cer", artifact.CACertificate, m.ca.Raw, "1", m.ca.NotBefore,
		m.ca.NotAfter); err != nil {
		return err
	}
	if err := m.artifact(ctx, "docs/cps-1.pdf", artifact.Document, []byte("%PDF-1.7\n%%EOF\n"), "", time.Time{},
		time.Time{}); err != nil {
		return err
	}
	for i := range s.lists {
		if err := m.list(ctx, i); err != nil {
			return err
		}
	}
	if err := m.responses(ctx, s.responses+s.bundled); err != nil {
		return err
	}
	if _, err := m.writer.AppendBatch(ctx, m.lines, ""); err != nil {
		return err
	}
	if _, err := m.writer.Commit(ctx); err != nil {
		return err
	}
	if err := m.publish(ctx); err != nil {
		return err
	}
	return m.save()
}

// save keeps what the steps need.
func (m *maker) save() error {
	b, err := json.Marshal(m.f)
	if err != nil {
		return err
	}
	return os.WriteFile(m.s.path("fixture.json"), b, 0o600)
}

// newKey makes the key of the CA, which signs everything.
func newKey(name string) (crypto.Signer, error) {
	switch name {
	case "rsa2048":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "p256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return nil, fmt.Errorf("the key is %q, must be p256 or rsa2048", name)
}

func (m *maker) begin(ctx context.Context) error {
	key, err := newKey(m.s.key)
	if err != nil {
		return err
	}
	m.key = key
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Benchmark CA"},
		NotBefore: epoch.AddDate(-1, 0, 0), NotAfter: epoch.AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	if m.f.CA, err = x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key); err != nil {
		return err
	}
	if m.ca, err = x509.ParseCertificate(m.f.CA); err != nil {
		return err
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	signer, err := ledger.NewNoteSigner(origin, ec)
	if err != nil {
		return err
	}
	m.f.VKeys = []string{signer.String()}
	m.writer, err = ledger.Create(ctx, m.s.path("master"),
		ledger.WriterConfig{Origin: origin, Signers: []note.Signer{signer}, Now: func() time.Time { return epoch }})
	return err
}

func (m *maker) artifact(ctx context.Context, name string, kind artifact.Kind, b []byte, number string, from,
	to time.Time) error {
	d, n, err := m.writer.PutBlob(ctx, kind, bytes.NewReader(b))
	m.lines = append(m.lines,
		ledger.Line{Name: name, Kind: kind, Digest: d, Size: n, Number: number, NotBefore: from, NotAfter: to})
	return err
}

func (m *maker) list(ctx context.Context, i int) error {
	var b bytes.Buffer
	t := crl.Template{Issuer: m.ca, Number: big.NewInt(int64(i + 1)), ThisUpdate: epoch,
		NextUpdate: epoch.Add(validity)}
	_, err := crl.Encode(ctx, &b, t, func(yield func(crl.Entry, error) bool) {
		for n := range entries {
			serial := binary.BigEndian.AppendUint64([]byte{0x42, 0, 0, 0, 0, 0, byte(i >> 8), byte(i)}, uint64(n))
			if !yield(crl.Entry{Serial: serial, Time: epoch, Reason: crl.Absent}, nil) {
				return
			}
		}
	}, m.key, crl.Options{})
	if err != nil {
		return err
	}
	return m.artifact(ctx, fmt.Sprintf("crl/ca/part-%d.crl", i), artifact.CRL, b.Bytes(), fmt.Sprint(i+1), epoch,
		epoch.Add(validity))
}

func serial(i int) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	return append([]byte{0x41}, sum[:15]...)
}

// responses signs n responses and puts them into bundles, shard by shard, so that only one shard is in memory.
func (m *maker) responses(ctx context.Context, n int) error {
	shards := (n + shardSize - 1) / shardSize
	members := make([][]int, shards)
	for i := range n {
		k := ocspcache.ShardOf(serial(i), shards)
		members[k] = append(members[k], i)
	}
	encoder, err := ocsp.NewEncoder(m.ca, nil, m.key, ocsp.Policy{CertID: ocsp.SHA1})
	if err != nil {
		return err
	}
	g := &ocspcache.Generation{Issuer: "ca", Number: 1, ThisUpdate: epoch, NextUpdate: epoch.Add(validity)}
	for shard, which := range members {
		var b bytes.Buffer
		w := ocspcache.NewBundleWriter(&b, "ca", uint16(shard))
		jobs := func(yield func(ocsp.Job, error) bool) {
			for _, i := range which {
				if !yield(ocsp.Job{Status: ocsp.Status{Serial: serial(i)}, ThisUpdate: epoch,
					NextUpdate: epoch.Add(validity)}, nil) {
					return
				}
			}
		}
		for encoded, err := range encoder.Batch(ctx, runtime.GOMAXPROCS(0), jobs) {
			if err != nil {
				return err
			}
			for _, e := range encoded {
				m.f.Bare = e.DER
				if err := w.Add(ocspcache.Key{Hash: e.Hash, IssuerKeyHash: e.IssuerKeyHash, Serial: e.Serial},
					e.DER); err != nil {
					return err
				}
			}
		}
		sum, err := w.Close()
		if err != nil {
			return err
		}
		if err := m.artifact(ctx, "ocsp/bundles/"+sum.Digest.String(), artifact.OCSPBundle, b.Bytes(),
			fmt.Sprint(shard), sum.MaxThisUpdate, sum.MinNextUpdate); err != nil {
			return err
		}
		g.Bundles = append(g.Bundles, ocspcache.GenerationBundle{Shard: uint16(shard), Digest: sum.Digest,
			Size: sum.Size, Count: sum.Count, NextUpdate: sum.MinNextUpdate})
	}
	return m.artifact(ctx, "ocsp/ca.generation", artifact.OCSPGeneration, g.Body(), "1", epoch, epoch.Add(validity))
}

// publish writes the public copy and, for rclone, a second tree of the same files.
func (m *maker) publish(ctx context.Context) error {
	log := m.writer.Log()
	objects := m.s.bundled == 0
	for _, line := range m.lines {
		b, err := log.ReadBlob(ctx, line)
		if err != nil {
			return err
		}
		switch {
		case line.Kind == artifact.OCSPBundle && objects:
			if err := m.expand(b); err != nil {
				return err
			}
			continue
		case line.Kind == artifact.OCSPGeneration && objects:
			continue
		case line.Kind == artifact.OCSPGeneration:
			g, _, err := ocspcache.ParseGeneration(b)
			if err != nil {
				return err
			}
			proof, err := log.Prove(ctx, line.Name)
			if err != nil {
				return err
			}
			b = g.Public(proof)
		}
		if err := m.write(line.Name, b); err != nil {
			return err
		}
	}
	for f, err := range log.PublicFiles(ctx, 0, log.Size()) {
		if err != nil {
			return err
		}
		b, err := f.Bytes()
		if err != nil {
			return err
		}
		if err := m.write(f.Name, b); err != nil {
			return err
		}
	}
	return m.write("log/checkpoint", log.Checkpoint())
}

func (m *maker) expand(bundle []byte) error {
	b, err := ocspcache.ParseBundle(bundle)
	if err != nil {
		return err
	}
	for k, der := range b.All() {
		if err := m.write(ocspcache.ObjectName(k), der); err != nil {
			return err
		}
	}
	return nil
}

func (m *maker) write(name string, b []byte) error {
	trees := []string{"public", "tree"}
	if m.s.bundled > 0 {
		trees = trees[:1]
	}
	for _, tree := range trees {
		path := filepath.Join(m.s.path(tree), filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(path, epoch, epoch); err != nil {
			return err
		}
	}
	return nil
}
