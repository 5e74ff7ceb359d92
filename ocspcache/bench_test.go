package ocspcache

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"testing"
	"time"
)

// A sink takes answers and gives the same header map each time, so that a
// benchmark shows what the handler costs and not what net/http does.
type sink struct {
	header http.Header
	n      int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(b []byte) (int, error) { s.n += len(b); return len(b), nil }

// A replay is a request body that can be read again.
type replay struct {
	bytes.Reader
	content []byte
}

func (r *replay) Close() error { return nil }

// answering returns a function that lets a handler answer one request, each time
// another one.
func answering(b testing.TB, method string, request func(k Key) []byte) (answer func(), w *sink) {
	repo := newRepository(b)
	responses := make(map[*Key][]byte)
	var keys []Key
	for i := range uint64(1000) {
		k := testKey(crypto.SHA1, "sub", i)
		keys = append(keys, k)
		responses[&k] = testResponse(k)
	}
	repo.publish("sub", 4, responses)
	d, err := OpenDirectory(b.Context(), DirectoryConfig{Root: repo.root, Poll: time.Hour, Now: clock})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close() })
	h := mustHandler(b, HandlerConfig{Source: d})
	list := make([]*http.Request, len(keys))
	bodies := make([]*replay, len(keys))
	for i, k := range keys {
		der := request(k)
		bodies[i] = &replay{content: der}
		target := "/ocsp"
		if method == http.MethodGet {
			target = "/ocsp/" + url.QueryEscape(base64.StdEncoding.EncodeToString(der))
		}
		u, err := url.ParseRequestURI(target)
		if err != nil {
			b.Fatal(err)
		}
		list[i] = &http.Request{Method: method, RequestURI: target, URL: u, Header: http.Header{}, Body: bodies[i],
			ContentLength: int64(len(der))}
	}
	w = &sink{header: make(http.Header)}
	i := 0
	return func() {
		bodies[i].Reset(bodies[i].content)
		h.ServeHTTP(w, list[i])
		i = (i + 1) % len(list)
	}, w
}

func benchmarkHandler(b *testing.B, method string) {
	answer, w := answering(b, method, plainRequest)
	b.ReportAllocs()
	for b.Loop() {
		answer()
	}
	if w.n < b.N*200 {
		b.Fatalf("%d bytes in %d answers: these are errors", w.n, b.N)
	}
}

func plainRequest(k Key) []byte { return makeRequest([]Key{k}, nil) }

func BenchmarkHandlerGET(b *testing.B)  { benchmarkHandler(b, http.MethodGet) }
func BenchmarkHandlerPOST(b *testing.B) { benchmarkHandler(b, http.MethodPost) }

// TestHandlerAllocations holds the handler to two allocations before the socket.
func TestHandlerAllocations(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		answer, w := answering(t, method, plainRequest)
		if got := testing.AllocsPerRun(2000, answer); got > 2 {
			t.Errorf("%s: %v allocations, want at most 2", method, got)
		}
		if w.n < 2000*200 {
			t.Errorf("%s: %d bytes in 2001 answers: these are errors", method, w.n)
		}
	}
}

// benchKey makes the key of certificate i, with a serial that looks random.
func benchKey(i uint64, serial *[17]byte, name, key []byte) Key {
	serial[0] = 0x3f
	binary.BigEndian.PutUint64(serial[1:], i*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(serial[9:], i)
	return Key{crypto.SHA1, name, key, serial[:]}
}

// BenchmarkBundleBuild adds responses of 600 bytes and writes the bundle.
func BenchmarkBundleBuild(b *testing.B) {
	const n = 200_000
	ders, keys := benchResponses(n)
	b.ResetTimer()
	for b.Loop() {
		w := NewBundleWriter(io.Discard, "sub", 0)
		for i := range keys {
			if err := w.Add(keys[i], ders[i]); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "responses/s")
	runtime.KeepAlive(ders)
}

func benchResponses(n int) (ders [][]byte, keys []Key) {
	first := testKey(crypto.SHA1, "sub", 1)
	for i := range n {
		k := benchKey(uint64(i), new([17]byte), first.IssuerNameHash, first.IssuerKeyHash)
		keys = append(keys, k)
		ders = append(ders, makeResponse(responseSpec{keys: []Key{k}, this: testNow.Add(-time.Hour),
			next: testNow.Add(71 * time.Hour), size: 400}))
	}
	return ders, keys
}

func BenchmarkBundleLookup(b *testing.B) {
	ders, keys := benchResponses(100_000)
	var buf bytes.Buffer
	w := NewBundleWriter(&buf, "sub", 0)
	for i := range keys {
		if err := w.Add(keys[i], ders[i]); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		b.Fatal(err)
	}
	bundle, err := ParseBundle(buf.Bytes())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, ok := bundle.Lookup(keys[i]); !ok {
			b.Fatal("not found")
		}
		i = (i + 7919) % len(keys)
	}
}
