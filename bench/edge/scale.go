package main

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/artifact"
	"seihon/ocspcache"
)

const (
	scaleShards  = 64
	lookupSample = 200_000
)

// scale measures what does not need a network: the handler alone, building, and
// a set of ten million responses.
func scale(ctx context.Context, o options, dir string, b *board) error {
	t, err := newTemplate()
	if err != nil {
		return err
	}
	if err := handlerAlone(dir, t, b); err != nil {
		return err
	}
	if err := reloadUnderLoad(ctx, filepath.Join(dir, "reload"), t, b); err != nil {
		return err
	}
	if err := build(t, b); err != nil {
		return err
	}
	return open(ctx, filepath.Join(dir, "scale"), t, o.scale, b)
}

// A template makes responses without signing: one signed response whose serial
// is replaced. The signatures are wrong, which nobody looks at here.
type template struct {
	der       []byte
	serial    int // where the serial stands
	name, key []byte
}

const templateSerial = 0x5e11a15e11a15e11

func newTemplate() (*template, error) {
	dir, err := os.MkdirTemp("", "bench-edge-ca")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ca, key, err := fixture{dir}.makeCA()
	if err != nil {
		return nil, err
	}
	var serial [17]byte
	serial[0] = 0x3f
	binary.BigEndian.PutUint64(serial[1:], templateSerial)
	now := time.Now().UTC().Truncate(time.Second)
	der, err := ocsp.CreateResponse(ca, ca, ocsp.Response{
		SerialNumber: new(big.Int).SetBytes(serial[:]), IssuerHash: crypto.SHA1, ThisUpdate: now.Add(-time.Hour),
		NextUpdate: now.Add(71 * time.Hour),
	}, key)
	if err != nil {
		return nil, err
	}
	t := &template{der: der, name: artifact.NameHash(ca, crypto.SHA1), key: artifact.PublicKeyHash(ca, crypto.SHA1)}
	if t.serial = bytes.Index(der, serial[:]); t.serial < 0 {
		return nil, errors.New("the response does not contain its serial")
	}
	return t, nil
}

// response writes the response of certificate i into der and returns its key,
// whose serial lies in der.
func (t *template) response(der []byte, i uint64) ocspcache.Key {
	copy(der, t.der)
	at := t.serial
	binary.BigEndian.PutUint64(der[at+1:], i*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(der[at+9:], i)
	return ocspcache.Key{Hash: crypto.SHA1, IssuerNameHash: t.name, IssuerKeyHash: t.key, Serial: der[at : at+17]}
}

// handlerAlone measures the handler before the socket.
func handlerAlone(dir string, t *template, b *board) error {
	root := filepath.Join(dir, "alone")
	keys, ders := t.many(1000)
	if err := publish(root, 1, 4, keys, ders); err != nil {
		return err
	}
	source, err := ocspcache.OpenDirectory(context.Background(), ocspcache.DirectoryConfig{Root: root, Poll: time.Hour})
	if err != nil {
		return err
	}
	defer source.Close()
	handler, err := ocspcache.NewHandler(ocspcache.HandlerConfig{Source: source})
	if err != nil {
		return err
	}
	var requests []*http.Request
	for _, k := range keys {
		request, err := (&ocsp.Request{HashAlgorithm: crypto.SHA1, IssuerNameHash: k.IssuerNameHash,
			IssuerKeyHash: k.IssuerKeyHash, SerialNumber: new(big.Int).SetBytes(k.Serial)}).Marshal()
		if err != nil {
			return err
		}
		requests = append(requests,
			httptest.NewRequest(http.MethodGet, "/ocsp/"+url.QueryEscape(base64.StdEncoding.EncodeToString(request)),
				nil))
	}
	best := testing.BenchmarkResult{}
	for range 5 { // the least disturbed run
		r := testing.Benchmark(func(b *testing.B) {
			w := &sink{header: make(http.Header)}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				handler.ServeHTTP(w, requests[i%len(requests)])
			}
			if w.n < 200*b.N {
				b.Fatal("the answers are errors")
			}
		})
		if best.N == 0 || r.NsPerOp() < best.NsPerOp() {
			best = r
		}
	}
	fmt.Println("handler GET:", best.String(), best.MemString())
	b.atMost("edge-handler-ns", float64(best.NsPerOp()), 1500)
	b.atMost("edge-handler-allocations", float64(best.AllocsPerOp()), 2)
	return nil
}

// many makes n responses.
func (t *template) many(n int) (keys []ocspcache.Key, ders [][]byte) {
	all := make([]byte, n*len(t.der))
	for i := range n {
		der := all[i*len(t.der):][:len(t.der)]
		keys, ders = append(keys, t.response(der, uint64(i))), append(ders, der)
	}
	return keys, ders
}

// A sink takes answers.
type sink struct {
	header http.Header
	n      int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(b []byte) (int, error) { s.n += len(b); return len(b), nil }

// reloadUnderLoad publishes generations while clients ask: none may be dropped.
func reloadUnderLoad(ctx context.Context, root string, t *template, b *board) error {
	keys, ders := t.many(2000)
	if err := publish(root, 1, 4, keys, ders); err != nil {
		return err
	}
	source, err := ocspcache.OpenDirectory(ctx, ocspcache.DirectoryConfig{Root: root, Poll: 10 * time.Millisecond})
	if err != nil {
		return err
	}
	defer source.Close()
	handler, err := ocspcache.NewHandler(ocspcache.HandlerConfig{Source: source})
	if err != nil {
		return err
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	var answered, dropped atomic.Int64
	end, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			for i := c; end.Err() == nil; i += 8 {
				k := keys[i%len(keys)]
				request, err := (&ocsp.Request{HashAlgorithm: crypto.SHA1, IssuerNameHash: k.IssuerNameHash,
					IssuerKeyHash: k.IssuerKeyHash, SerialNumber: new(big.Int).SetBytes(k.Serial)}).Marshal()
				if err != nil {
					dropped.Add(1)
					return
				}
				if ask(client, server.URL+"/ocsp", request, ders[i%len(ders)]) {
					answered.Add(1)
				} else {
					dropped.Add(1)
				}
			}
		})
	}
	generations := uint64(1)
	for end.Err() == nil {
		generations++
		if err := publish(root, generations, 4+int(generations%3), keys, ders); err != nil {
			return err
		}
	}
	clients.Wait()
	fmt.Printf("reload: %d answers during %d generations, %d dropped\n", answered.Load(), generations, dropped.Load())
	b.atMost("edge-reload-dropped", float64(dropped.Load()), 0)
	return nil
}

func ask(client *http.Client, url string, request, want []byte) bool {
	res, err := client.Post(url, "application/ocsp-request", bytes.NewReader(request))
	if err != nil {
		return false
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	return err == nil && bytes.Equal(got, want)
}

// build measures writing bundles on all processors, without signing and disk.
func build(t *template, b *board) error {
	const perShard = 150_000
	workers := runtime.GOMAXPROCS(0)
	keys, ders := t.many(perShard)
	best, bestCPU := 0.0, 0.0
	for range 8 { // the least disturbed run
		var failed atomic.Pointer[error]
		start, cpu := time.Now(), processorTime()
		var wg sync.WaitGroup
		for shard := range 2 * workers {
			wg.Go(func() {
				w := ocspcache.NewBundleWriter(io.Discard, "bench", uint16(shard))
				for i, k := range keys {
					if err := w.Add(k, ders[i]); err != nil {
						failed.Store(&err)
						return
					}
				}
				if _, err := w.Close(); err != nil {
					failed.Store(&err)
				}
			})
		}
		wg.Wait()
		if err := failed.Load(); err != nil {
			return *err
		}
		best = max(best, float64(2*workers*perShard)/time.Since(start).Seconds())
		bestCPU = max(bestCPU, float64(2*workers*perShard)/(processorTime()-cpu).Seconds())
	}
	fmt.Printf("build: %.0f responses/s of %d bytes on %d processors, %.0f in a second of processor time\n", best,
		len(t.der), workers, bestCPU)
	b.atLeast("edge-build-responses-per-second", best, 1_000_000)
	return nil
}

// processorTime is what this process has used so far: on a busy host it tells more
// than the clock on the wall.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// open writes a large bundle set, opens it and looks responses up.
func open(ctx context.Context, root string, t *template, n int, b *board) error {
	start := time.Now()
	if err := writeScale(ctx, root, t, n); err != nil {
		return err
	}
	fmt.Printf("scale: %d responses in %d bundles written in %v\n", n, scaleShards,
		time.Since(start).Round(time.Millisecond))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start = time.Now()
	source, err := ocspcache.OpenDirectory(ctx, ocspcache.DirectoryConfig{Root: root, Poll: time.Hour})
	if err != nil {
		return err
	}
	elapsed := time.Since(start)
	defer source.Close()
	runtime.ReadMemStats(&after)
	b.atMost("edge-open-milliseconds", millis(elapsed), 50)
	p50, p99, err := lookups(source, t, n)
	if err != nil {
		return err
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	heap := float64(after.HeapInuse) / (1 << 20)
	fmt.Printf("scale: open %v, heap %.1f MiB (%.1f MiB before), lookup p50 %v p99 %v\n", elapsed, heap,
		float64(before.HeapInuse)/(1<<20), p50, p99)
	b.atMost("edge-open-heap-mib", heap, 64)
	b.atMost("edge-lookup-p99-microseconds", float64(p99)/1e3, 5)
	return nil
}

// lookups measures single lookups of random keys, warm: each was looked up once
// before, so its pages are in memory.
func lookups(source ocspcache.Source, t *template, n int) (p50, p99 time.Duration, err error) {
	random := rand.New(rand.NewPCG(1, 2))
	asked := make([]uint64, min(n, lookupSample))
	for i := range asked {
		asked[i] = random.Uint64N(uint64(n))
	}
	view := source.Acquire()
	defer view.Release()
	times := make([]time.Duration, len(asked))
	der := make([]byte, len(t.der))
	total := 0
	for round := range 2 {
		for i, c := range asked {
			k := t.response(der, c)
			start := time.Now()
			stored, found := view.Lookup(k)
			if found != ocspcache.Found {
				return 0, 0, fmt.Errorf("certificate %d is not found", c)
			}
			times[i] = time.Since(start)
			total += int(stored.DER[len(stored.DER)-1]) // touch it, as an answer would
		}
		if round == 0 {
			time.Sleep(100 * time.Millisecond)
		}
	}
	slices.Sort(times)
	runtime.KeepAlive(total)
	return times[len(times)/2], times[len(times)*99/100], nil
}

// writeScale writes a generation of n responses, two bundles at a time.
func writeScale(ctx context.Context, root string, t *template, n int) error {
	g := &ocspcache.Generation{Issuer: "bench", Number: 1, ThisUpdate: time.Now().UTC().Truncate(time.Second),
		Bundles: make([]ocspcache.GenerationBundle, scaleShards)}
	shardOf := make([]uint8, n)
	der := make([]byte, len(t.der))
	for i := range n {
		shardOf[i] = uint8(ocspcache.ShardOf(t.response(der, uint64(i)).Serial, scaleShards))
	}
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	errs := make([]error, scaleShards)
	for shard := range scaleShards {
		if ctx.Err() != nil {
			break // the files of 10 million responses shall not be left behind
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			g.Bundles[shard], errs[shard] = writeShard(root, t, shard, shardOf)
		})
	}
	wg.Wait()
	g.NextUpdate = g.Bundles[0].NextUpdate
	return errors.Join(ctx.Err(), errors.Join(errs...),
		write(filepath.Join(root, "ocsp", "bench.generation"), g.Body()))
}

func writeShard(root string, t *template, shard int, shardOf []uint8) (ocspcache.GenerationBundle, error) {
	path := filepath.Join(root, "ocsp", "bundles", fmt.Sprintf("new-%d", shard))
	der := make([]byte, len(t.der))
	s, err := writeBundle(path, uint16(shard), func(add func(ocspcache.Key, []byte) error) error {
		for i, at := range shardOf {
			if int(at) != shard {
				continue
			}
			if err := add(t.response(der, uint64(i)), der); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return ocspcache.GenerationBundle{}, err
	}
	u := ocspcache.GenerationBundle{Shard: uint16(shard), Digest: s.Digest, Size: s.Size, Count: s.Count,
		NextUpdate: s.MinNextUpdate}
	return u, os.Rename(path, filepath.Join(filepath.Dir(path), s.Digest.String()))
}
