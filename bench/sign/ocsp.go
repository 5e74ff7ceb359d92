package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	xocsp "golang.org/x/crypto/ocsp"
	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/bench/bar"
	"seihon/hsmsign/ocsp"
	"seihon/hsmsign/token"
	"seihon/ledger"
	"seihon/ocspcache"
)

// shardSize is how many responses go into one bundle.
const shardSize = 8192

// ocspBars are the ratios to raw C_Sign that responses must reach.
var ocspBars = []struct {
	algorithm string
	want      float64
}{{"rsa2048", 0.88}, {"p256", 0.45}}

// ocspPart makes a token with the keys of delegated signers and compares the ways to responses.
func ocspPart(ctx context.Context, s settings) ([]bar.Bar, error) {
	if err := makeToken(ctx, s); err != nil {
		return nil, fmt.Errorf("preparing the token: %w", err)
	}
	contenders := []string{"raw", "seihon", "xcrypto"}
	fmt.Printf("signatures/s, and processor time of each; %d sessions, SoftHSM\n", s.sessions)
	fmt.Printf("%-8s %18s %18s %18s %10s %10s\n", "key", "raw C_Sign", "seihon", "x/crypto", "seihon/raw", "x/raw")
	var bars []bar.Bar
	for _, b := range ocspBars {
		rates, cpu := map[string][]float64{}, map[string][]float64{}
		for range s.rounds {
			for _, c := range contenders {
				r, err := measure(ctx, s, "ocsp/"+c+"/"+b.algorithm)
				if err != nil {
					return nil, err
				}
				rate, err := strconv.ParseFloat(r.out, 64)
				if err != nil {
					return nil, fmt.Errorf("reading the rate of %s: %w", c, err)
				}
				rates[c] = append(rates[c], rate)
				cpu[c] = append(cpu[c], float64(r.cpu.Microseconds())/(rate*s.time.Seconds()))
			}
		}
		ours, other := ratio(rates["seihon"], rates["raw"]), ratio(rates["xcrypto"], rates["raw"])
		fmt.Printf("%-8s", b.algorithm)
		for _, c := range contenders {
			fmt.Printf(" %8.0f %6.0f µs", median(rates[c]), median(cpu[c]))
		}
		fmt.Printf(" %10.3f %10.3f\n", ours, other)
		bars = append(bars, bar.AtLeast("sign-ocsp-"+b.algorithm, ours, b.want))
	}
	return bars, nil
}

// ocspChild measures one contender with one key and prints the rate of signatures.
func ocspChild(ctx context.Context, s settings, which string) error {
	contender, algorithm, _ := strings.Cut(which, "/")
	rate := map[string]func(context.Context, settings, string) (float64, error){"raw": rawRate, "seihon": seihonRate,
		"xcrypto": xcryptoRate}[contender]
	if rate == nil {
		return fmt.Errorf("no contender %q", which)
	}
	r, err := rate(ctx, s, algorithm)
	if err == nil {
		fmt.Println(r)
	}
	return err
}

// responder opens the token and the key of a delegated signer.
type responder struct {
	ca, cert *x509.Certificate
	token    *token.Token
	key      *token.Key
}

func openResponder(ctx context.Context, s settings, algorithm string) (*responder, error) {
	var (
		r   responder
		err error
	)
	if r.ca, err = readCertificate(s.path("ca.pem")); err != nil {
		return nil, err
	}
	if r.cert, err = readCertificate(s.path(algorithm + ".pem")); err != nil {
		return nil, err
	}
	if r.token, err = token.Open(ctx, tokenConfig(s)); err != nil {
		return nil, err
	}
	if r.key, err = r.token.Signer(ctx, token.KeySpec{Label: algorithm}); err != nil {
		return nil, errors.Join(err, r.token.Close())
	}
	return &r, nil
}

// workers keep every session busy while the processors encode.
func workers(s settings) int { return s.sessions + runtime.GOMAXPROCS(0) }

// seihonRate signs certificate after certificate, a SHA-1 and a SHA-256 response each, until the time is over, with
// everything that the signing room does to them: bundles in the master, a manifest, and a signed checkpoint.
func seihonRate(ctx context.Context, s settings, algorithm string) (float64, error) {
	r, err := openResponder(ctx, s, algorithm)
	if err != nil {
		return 0, err
	}
	defer r.token.Close()
	encoder, err := ocsp.NewEncoder(r.ca, r.cert, r.key, ocsp.Policy{})
	if err != nil {
		return 0, err
	}
	log, err := createLog(ctx, s, r.token)
	if err != nil {
		return 0, err
	}
	defer log.Close()

	begin := time.Now()
	m := &master{ctx: ctx, log: log}
	signatures := 0
	for out, err := range encoder.Batch(ctx, workers(s), func(yield func(ocsp.Job, error) bool) {
		for i := uint64(0); time.Since(begin) < s.time; i++ {
			status := ocsp.Status{Serial: binary.BigEndian.AppendUint64([]byte{0x41, 0, 0, 0, 0, 0, 0, 1}, i)}
			if !yield(ocsp.Job{Status: status, ThisUpdate: now, NextUpdate: now.Add(72 * time.Hour)}, nil) {
				return
			}
		}
	}) {
		if err != nil {
			return 0, err
		}
		for _, o := range out {
			if err := m.add(o); err != nil {
				return 0, err
			}
		}
		signatures += len(out)
	}
	if err := m.commit(); err != nil {
		return 0, err
	}
	return float64(signatures) / time.Since(begin).Seconds(), nil
}

// master puts responses into bundles and the bundles into a log.
type master struct {
	ctx   context.Context
	log   *ledger.Writer
	out   bytes.Buffer
	w     *ocspcache.BundleWriter
	count int
	lines []ledger.Line
}

func (m *master) add(o ocsp.Encoded) error {
	if m.w == nil {
		m.out.Reset()
		m.w = ocspcache.NewBundleWriter(&m.out, issuerName, uint16(len(m.lines)))
	}
	if err := m.w.Add(ocspcache.Key{Hash: o.Hash, IssuerKeyHash: o.IssuerKeyHash, Serial: o.Serial},
		o.DER); err != nil {
		return err
	}
	if m.count++; m.count < shardSize {
		return nil
	}
	return m.store()
}

// store ends the current bundle.
func (m *master) store() error {
	if m.w == nil {
		return nil
	}
	sum, err := m.w.Close()
	if err != nil {
		return err
	}
	digest, size, err := m.log.PutBlob(m.ctx, artifact.OCSPBundle, bytes.NewReader(m.out.Bytes()))
	if err != nil {
		return err
	}
	m.lines = append(m.lines,
		ledger.Line{Name: "ocsp/bundles/" + digest.String(), Kind: artifact.OCSPBundle, Digest: digest, Size: size,
			NotBefore: sum.MaxThisUpdate, NotAfter: sum.MinNextUpdate, Issuer: issuerName,
			Number: strconv.Itoa(len(m.lines))})
	m.w, m.count = nil, 0
	return nil
}

func (m *master) commit() error {
	if err := m.store(); err != nil {
		return err
	}
	if _, err := m.log.AppendBatch(m.ctx, m.lines, "benchmark"); err != nil {
		return err
	}
	_, err := m.log.Commit(m.ctx)
	return err
}

// createLog makes a master log signed by keys of the token.
func createLog(ctx context.Context, s settings, t *token.Token) (*ledger.Writer, error) {
	signers, err := logSigners(ctx, t)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(s.dir, "master-")
	if err != nil {
		return nil, err
	}
	return ledger.Create(ctx, dir, logConfig(signers))
}

const logOrigin = "example.jp/benchmark"

func logSigners(ctx context.Context, t *token.Token) ([]note.Signer, error) {
	var signers []note.Signer
	for _, label := range []string{"p256", "ed25519"} {
		key, err := t.Signer(ctx, token.KeySpec{Label: label})
		if err != nil {
			return nil, err
		}
		signer, err := ledger.NewNoteSigner(logOrigin, key)
		if err != nil {
			return nil, err
		}
		signers = append(signers, signer)
	}
	return signers, nil
}

func logConfig(signers []note.Signer) ledger.WriterConfig {
	return ledger.WriterConfig{Origin: logOrigin, Signers: signers, Index: true, Now: func() time.Time { return now }}
}

// xcryptoRate signs the same responses with x/crypto, without bundle and ledger.
func xcryptoRate(ctx context.Context, s settings, algorithm string) (float64, error) {
	r, err := openResponder(ctx, s, algorithm)
	if err != nil {
		return 0, err
	}
	defer r.token.Close()
	var next atomic.Int64
	return rate(workers(s), s.time, func(int) error {
		n := next.Add(1)
		template := xocsp.Response{Status: xocsp.Good,
			SerialNumber: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(0x41), 120), big.NewInt(n/2)),
			ThisUpdate:   now, NextUpdate: now.Add(72 * time.Hour), Certificate: r.cert, IssuerHash: crypto.SHA1}
		if n%2 == 0 {
			template.IssuerHash = crypto.SHA256
		}
		_, err := xocsp.CreateResponse(r.ca, r.cert, template, r.key)
		return err
	})
}

// rate lets callers work until the time is over and returns how often per second they did.
func rate(callers int, d time.Duration, work func(caller int) error) (float64, error) {
	var (
		done  atomic.Int64
		group sync.WaitGroup
		errs  = make([]error, callers)
	)
	begin := time.Now()
	for caller := range callers {
		group.Go(func() {
			for time.Since(begin) < d && errs[caller] == nil {
				if errs[caller] = work(caller); errs[caller] == nil {
					done.Add(1)
				}
			}
		})
	}
	group.Wait()
	return float64(done.Load()) / time.Since(begin).Seconds(), errors.Join(errs...)
}

// issueResponder issues the certificate of a delegated signer.
func issueResponder(s settings, name string, ca *x509.Certificate, caKey crypto.Signer, public crypto.PublicKey) error {
	_, err := issue(s, name, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{Country: []string{"JP"}, CommonName: "Benchmark OCSP signer"},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
	}, ca, public, caKey)
	return err
}
