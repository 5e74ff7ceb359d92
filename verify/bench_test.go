package verify_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"flag"
	"fmt"
	"math/big"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/artifact"
	"seihon/ocspcache"
)

var benchResponses = flag.Int("responses", 20000, "OCSP responses of BenchmarkResponses")

// bigRepo is a repository with n responses by an RSA-2048 delegate in 16 shards.
func bigRepo(tb testing.TB, n int) *repo {
	tb.Helper()
	r := newRepo(tb)
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	tmpl := *r.delegate.cert
	tmpl.SerialNumber = big.NewInt(77)
	tmpl.SignatureAlgorithm = x509.UnknownSignatureAlgorithm
	der := must(x509.CreateCertificate(rand.Reader, &tmpl, r.sub.cert, key.Public(), r.sub.key))
	d := &ca{"rsa", must(x509.ParseCertificate(der)), key}
	const shards = 16
	outs := make([]bytes.Buffer, shards)
	var ws [shards]*ocspcache.BundleWriter
	for i := range ws {
		ws[i] = ocspcache.NewBundleWriter(&outs[i], "sub", uint16(i))
	}
	keyHash := artifact.PublicKeyHash(r.sub.cert, crypto.SHA1)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := w; i < n; i += runtime.GOMAXPROCS(0) {
				s := int64(1<<40 + i)
				der := produced(r.now, r.sub, d,
					ocsp.Response{SerialNumber: big.NewInt(s), ThisUpdate: r.now, NextUpdate: r.now.Add(72 * time.Hour),
						Certificate: d.cert, IssuerHash: crypto.SHA1})
				oct := serialOctets(s)
				mu.Lock()
				check(ws[ocspcache.ShardOf(oct, shards)].Add(ocspcache.Key{Hash: crypto.SHA1, IssuerKeyHash: keyHash,
					Serial: oct}, der))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	g := ocspcache.Generation{Issuer: "sub", Number: 9, ThisUpdate: r.now, NextUpdate: r.now.Add(72 * time.Hour)}
	for i, w := range ws {
		sum := must(w.Close())
		r.put("ocsp/bundles/"+sum.Digest.String(), artifact.OCSPBundle, outs[i].Bytes())
		g.Bundles = append(g.Bundles, ocspcache.GenerationBundle{Shard: uint16(i), Digest: sum.Digest, Size: sum.Size,
			Count: sum.Count, NextUpdate: sum.MinNextUpdate})
		outs[i] = bytes.Buffer{}
		ws[i] = nil
	}
	r.put("ocsp/sub.generation", artifact.OCSPGeneration, g.Body())
	r.revoked = map[int64]time.Time{}
	r.put("crl/sub.crl", artifact.CRL, r.sub.list(list{number: 9, this: r.now, next: r.now.Add(72 * time.Hour)}))
	r.commit()
	r.files = nil
	r.publish(r.public())
	return r
}

// BenchmarkResponses compares a full check with what the bare signature verifications cost on all processors.
func BenchmarkResponses(b *testing.B) {
	r := bigRepo(b, *benchResponses)
	runtime.GC()
	for b.Loop() {
		start := time.Now()
		report := r.check(b)
		full := time.Since(start)
		if !report.OK {
			b.Fatal(strings.Join(codesOf(report)[:1], "\n"))
		}
		bare := bareVerification(r)
		b.ReportMetric(full.Seconds(), "full-s")
		b.ReportMetric(bare.Seconds(), "bare-s")
		b.ReportMetric(bare.Seconds()/full.Seconds(), "bare/full")
		b.ReportMetric(float64(peakRSS())/(1<<20), "peak-MiB")
	}
}

// bareVerification verifies one signature as often as there are responses.
func bareVerification(r *repo) time.Duration {
	var sample []byte
	for _, p := range bundleNames(r.master() + "/../public") {
		b, err := ocspcache.OpenBundle(p)
		check(err)
		if b.Len() > 100 {
			for _, der := range b.All() {
				sample = bytes.Clone(der)
				break
			}
		}
		b.Close()
	}
	resp := must(artifact.ParseResponse(sample))
	start := time.Now()
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for range *benchResponses / runtime.GOMAXPROCS(0) {
				check(resp.Certificates[0].CheckSignature(resp.SignatureAlgorithm, resp.RawTBS, resp.Signature))
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// peakRSS is the high-water mark of resident memory, in bytes; 0 where the system does not tell.
func peakRSS() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for l := range strings.Lines(string(b)) {
		var kb int64
		if _, err := fmt.Sscanf(l, "VmHWM: %d kB", &kb); err == nil {
			return kb << 10
		}
	}
	return 0
}
