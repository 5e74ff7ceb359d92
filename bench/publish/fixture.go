package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
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
	issuer    = "sub"
	shardSize = 8192   // responses to a bundle
	entries   = 29_000 // of a CRL of 1 MiB
	validity  = 7 * 24 * time.Hour
)

// epoch is when everything is signed. Steps run on a clock of their own.
var epoch = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// A room is the CA of the benchmark with its keys in files: it stands for a
// signing room whose HSM is not what is measured here.
type room struct {
	s             settings
	CA, Responder []byte // DER
	Keys          [][]byte
	VKeys         []string
	Number        int64

	ca, responder *x509.Certificate
	keys          []crypto.Signer // CA, responder, log ECDSA, log Ed25519
	writer        *ledger.Writer
}

func (s settings) now(number int64) time.Time { return epoch.Add(time.Duration(number) * time.Hour) }

func newRoom(s settings) (*room, error) {
	r := &room{s: s}
	for range 2 {
		k, err := s.newKey()
		if err != nil {
			return nil, err
		}
		r.keys = append(r.keys, k)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	r.keys = append(r.keys, ec, ed)
	for _, k := range r.keys {
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			return nil, err
		}
		r.Keys = append(r.Keys, der)
	}
	return r, errors.Join(r.certify(), r.parse())
}

// newKey makes a key of the CA or of its delegate. Where only requests and their cost are asked for, it is of the kind
// that signs a million responses in seconds.
func (s settings) newKey() (crypto.Signer, error) {
	if s.quick {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return rsa.GenerateKey(rand.Reader, 2048)
}

func (r *room) certify() error {
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Benchmark CA"}, NotBefore: epoch.AddDate(-1, 0, 0),
		NotAfter: epoch.AddDate(9, 0, 0),
		IsCA:     true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	var err error
	if r.CA, err = x509.CreateCertificate(rand.Reader, ca, ca, r.keys[0].Public(), r.keys[0]); err != nil {
		return err
	}
	parent, err := x509.ParseCertificate(r.CA)
	if err != nil {
		return err
	}
	responder := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Benchmark OCSP responder"},
		NotBefore: epoch.AddDate(0, -1, 0), NotAfter: epoch.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		// id-pkix-ocsp-nocheck
		ExtraExtensions: []pkix.Extension{{Id: []int{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}},
	}
	r.Responder, err = x509.CreateCertificate(rand.Reader, responder, parent, r.keys[1].Public(), r.keys[0])
	return err
}

// parse fills in what the fields that are saved stand for.
func (r *room) parse() error {
	var err error
	if r.ca, err = x509.ParseCertificate(r.CA); err != nil {
		return err
	}
	if r.responder, err = x509.ParseCertificate(r.Responder); err != nil {
		return err
	}
	r.keys, r.VKeys = nil, nil
	for i, der := range r.Keys {
		k, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return err
		}
		signer, ok := k.(crypto.Signer)
		if !ok {
			return fmt.Errorf("key %d cannot sign", i)
		}
		r.keys = append(r.keys, signer)
		if i >= 2 {
			vkey, err := ledger.VKey(origin, signer.Public())
			if err != nil {
				return err
			}
			r.VKeys = append(r.VKeys, vkey)
		}
	}
	return nil
}

func (r *room) save() error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(r.s.path("room.json"), b, 0o600)
}

func loadRoom(s settings) (*room, error) {
	b, err := os.ReadFile(s.path("room.json"))
	if err != nil {
		return nil, err
	}
	r := &room{s: s}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, err
	}
	return r, r.parse()
}

func (r *room) writerConfig() (ledger.WriterConfig, error) {
	c := ledger.WriterConfig{Origin: origin, Now: func() time.Time { return r.s.now(r.Number) }}
	for _, k := range r.keys[2:] {
		signer, err := ledger.NewNoteSigner(origin, k)
		if err != nil {
			return c, err
		}
		c.Signers = append(c.Signers, note.Signer(signer))
	}
	return c, nil
}

// makeFixture signs everything once, into a master and into a tree of the same
// public files for the peers.
func makeFixture(ctx context.Context, s settings) error {
	r, err := newRoom(s)
	if err != nil {
		return err
	}
	c, err := r.writerConfig()
	if err != nil {
		return err
	}
	if r.writer, err = ledger.Create(ctx, s.path("master"), c); err != nil {
		return err
	}
	defer r.writer.Close()
	all := make([]int, s.responses)
	lists := make([]int, s.lists)
	for i := range all {
		all[i] = i
	}
	for i := range lists {
		lists[i] = i
	}
	return errors.Join(r.signingRun(ctx, all, lists, time.Time{}), r.save())
}

// makeChange signs one in a hundred responses and CRLs anew. With an odd seed
// the files get the date of the first ones: what changed is not to be seen.
func makeChange(ctx context.Context, s settings) error {
	r, err := loadRoom(s)
	if err != nil {
		return err
	}
	c, err := r.writerConfig()
	if err != nil {
		return err
	}
	if r.writer, err = ledger.OpenWriter(ctx, s.path("master"), c); err != nil {
		return err
	}
	defer r.writer.Close()
	r.Number++
	var responses, lists []int
	for i := s.seed; i < s.responses; i += 100 {
		responses = append(responses, i)
	}
	for i := s.seed; i < s.lists; i += 100 {
		lists = append(lists, i)
	}
	date := time.Time{}
	if s.seed%2 == 1 {
		date = epoch.AddDate(-1, 0, 0)
	}
	return errors.Join(r.signingRun(ctx, responses, lists, date), r.save())
}

// serial is of the length that CAs use. Every other certificate is answered by
// the delegate, whose certificate is in the response: the sizes differ as they
// do in life.
func serial(i int) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	return append([]byte{0x41}, sum[:15]...)
}

// signingRun signs, records in the master, and writes the tree.
func (r *room) signingRun(ctx context.Context, responses, lists []int, date time.Time) error {
	now := r.s.now(r.Number)
	lines, err := r.bundles(ctx, responses, now, date)
	if err != nil {
		return err
	}
	for _, i := range lists {
		line, err := r.list(ctx, i, now, date)
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	if _, err := r.writer.AppendBatch(ctx, lines, ""); err != nil {
		return err
	}
	_, err = r.writer.Commit(ctx)
	return err
}

// sign makes the responses, by object name.
func (r *room) sign(ctx context.Context, which []int, now time.Time) (map[string][]byte, error) {
	out := make(map[string][]byte, len(which))
	for half := range 2 {
		var responder *x509.Certificate
		if half == 1 {
			responder = r.responder
		}
		encoder, err := ocsp.NewEncoder(r.ca, responder, r.keys[half], ocsp.Policy{CertID: ocsp.SHA1})
		if err != nil {
			return nil, err
		}
		jobs := func(yield func(ocsp.Job, error) bool) {
			for _, i := range which {
				if i%2 == half &&
					!yield(ocsp.Job{Status: ocsp.Status{Serial: serial(i)}, ThisUpdate: now,
						NextUpdate: now.Add(validity)}, nil) {
					return
				}
			}
		}
		for encoded, err := range encoder.Batch(ctx, runtime.GOMAXPROCS(0), jobs) {
			if err != nil {
				return nil, err
			}
			for _, e := range encoded {
				out[ocspcache.ObjectName(ocspcache.Key{Hash: e.Hash, IssuerKeyHash: e.IssuerKeyHash,
					Serial: e.Serial})] = e.DER
			}
		}
	}
	return out, nil
}

func (r *room) line(ctx context.Context, name string, kind artifact.Kind, b []byte, number string, this,
	next time.Time) (ledger.Line, error) {
	d, n, err := r.writer.PutBlob(ctx, kind, bytes.NewReader(b))
	return ledger.Line{Name: name, Kind: kind, Digest: d, Size: n, Issuer: issuer, Number: number, NotBefore: this,
		NotAfter: next}, err
}

// list makes the CRL of one partition.
func (r *room) list(ctx context.Context, i int, now, date time.Time) (ledger.Line, error) {
	var b bytes.Buffer
	number := int64(i+1) + r.Number*int64(r.s.lists)
	t := crl.Template{Issuer: r.ca, Number: big.NewInt(number), ThisUpdate: now, NextUpdate: now.Add(validity)}
	_, err := crl.Encode(ctx, &b, t, func(yield func(crl.Entry, error) bool) {
		for n := range entries {
			serial := binary.BigEndian.AppendUint64([]byte{0x41, 0, 0, 0, 0, 0, byte(i >> 8), byte(i)}, uint64(n))
			if !yield(crl.Entry{Serial: serial, Time: epoch, Reason: crl.Absent}, nil) {
				return
			}
		}
	}, r.keys[0], crl.Options{})
	if err != nil {
		return ledger.Line{}, err
	}
	name := fmt.Sprintf("crl/%s/part-%d.crl", issuer, i)
	if err := r.tree(name, b.Bytes(), date); err != nil {
		return ledger.Line{}, err
	}
	return r.line(ctx, name, artifact.CRL, b.Bytes(), fmt.Sprint(number), now, now.Add(validity))
}

// tree writes a file for the peers, if there are any.
func (r *room) tree(name string, b []byte, date time.Time) error {
	if r.s.quick {
		return nil
	}
	path := filepath.Join(r.s.path("tree"), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		return err
	}
	if date.IsZero() || !strings.Contains(name, "/") {
		return nil
	}
	return os.Chtimes(path, date, date)
}
