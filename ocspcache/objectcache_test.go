package ocspcache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seihon/public"
)

// settle waits until nothing is asked of the origin.
func (c *objectCache) settle() {
	for {
		c.mu.Lock()
		var one *flight
		for _, f := range c.flights {
			one = f
		}
		c.mu.Unlock()
		if one == nil {
			return
		}
		<-one.done
	}
}

// edge is a Remote with shorter deadlines and a clock of its own.
type edge struct {
	*Remote
	now   atomic.Int64
	cache string
}

func (o *origin) edge(t *testing.T, limits Limits) *edge {
	t.Helper()
	e := &edge{cache: t.TempDir()}
	e.now.Store(testNow.Unix())
	e.open(t, o, limits)
	return e
}

func (e *edge) open(t *testing.T, o *origin, limits Limits) {
	t.Helper()
	r, err := OpenRemote(t.Context(),
		RemoteConfig{BaseURL: o.server.URL, Issuers: []string{"sub"}, CacheDir: e.cache, VerifyGeneration: wantProof,
			Poll: time.Hour, Cache: limits, Now: func() time.Time { return time.Unix(e.now.Load(), 0) }})
	if err != nil {
		t.Fatal(err)
	}
	e.Remote = r
	r.files.patience, r.fetch.grace = time.Second, 3*time.Second
	t.Cleanup(func() { _ = r.Close() })
}

func (e *edge) later(d time.Duration) { e.now.Add(int64(d / time.Second)) }

// read opens an object and reads it; how long it took is part of the answer.
func (e *edge) read(t *testing.T, name string) (string, time.Duration, error) {
	t.Helper()
	began := time.Now()
	o, err := e.Open(t.Context(), name)
	if err != nil {
		return "", time.Since(began), err
	}
	defer o.Close()
	b, err := io.ReadAll(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), time.Since(began), nil
}

// trickle answers with an octet at a time, for as long as anybody listens.
func trickle(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Content-Length", "1000000")
	for range 1_000_000 {
		if _, err := w.Write([]byte("x")); err != nil || r.Context().Err() != nil {
			return true
		}
		_ = http.NewResponseController(w).Flush()
		time.Sleep(10 * time.Millisecond)
	}
	return true
}

// hang answers nothing at all.
func hang(_ http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	return true
}

// TestOriginThatTrickles shows that whatever a slow origin does, a copy answers
// soon, a missing one is said soon, and no refresh lives long.
func TestOriginThatTrickles(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(http.ResponseWriter, *http.Request) bool{"trickles": trickle,
		"hangs": hang} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t)
			o.write("index.html", []byte("first"))
			e := o.edge(t, Limits{})
			if got, _, err := e.read(t, "index.html"); got != "first" || err != nil {
				t.Fatalf("%q %v", got, err)
			}
			o.setFail(fail)
			e.files.longest = time.Second
			e.later(90 * time.Minute) // a little old: at once
			if got, took, err := e.read(t, "index.html"); got != "first" || err != nil || took > 900*time.Millisecond {
				t.Errorf("a copy that is a little old: %q after %s, %v", got, took, err)
			}
			e.later(10 * time.Hour) // much older: soon
			if got, took, err := e.read(t, "index.html"); got != "first" || err != nil || took > 3*time.Second {
				t.Errorf("a copy that is much older: %q after %s, %v", got, took, err)
			}
			if _, took, err := e.read(t, "crl/sub.crl"); err == nil || errors.Is(err, fs.ErrNotExist) ||
				took > 3*time.Second {
				t.Errorf("no copy: %v after %s", err, took)
			}
			f := e.files.start("crl/sub.crl")
			select {
			case <-f.done:
				if !errors.Is(f.err, errTrickles) {
					t.Errorf("the refresh ended with %v", f.err)
				}
			case <-time.After(20 * time.Second):
				t.Error("the refresh goes on for ever")
			}
			e.files.settle()
			if got, err := filepath.Glob(filepath.Join(e.cache, "objects", ".new-*")); err != nil || len(got) > 0 {
				t.Errorf("half-written files are left: %v %v", got, err)
			}
		})
	}
}

// TestQueueIsBounded asks for 300 names of an origin that hangs.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	e := o.edge(t, Limits{})
	e.files.longest = time.Second
	var most, now atomic.Int64
	o.setFail(func(w http.ResponseWriter, r *http.Request) bool {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		return hang(w, r)
	})
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			if _, took, err := e.read(t, fmt.Sprintf("crl/n%d.crl", i)); err == nil || took > 10*time.Second {
				t.Errorf("%v after %s", err, took)
			}
		})
	}
	all.Wait()
	if most.Load() > maxFetches {
		t.Errorf("%d requests at once reached the origin", most.Load())
	}
	began := time.Now()
	if err := e.Close(); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("closing took %s: %v", time.Since(began), err)
	}
}

// TestCacheIsBounded fetches more than fits, and sees the oldest go.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	page := strings.Repeat("x", 1000)
	for i := range 30 {
		o.write(fmt.Sprintf("d%d.html", i), []byte(page))
	}
	onDisk := func(e *edge) (n int, size int64) {
		t.Helper()
		files, err := os.ReadDir(filepath.Join(e.cache, "objects"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			info, err := f.Info()
			if err != nil {
				t.Fatal(err)
			}
			n, size = n+1, size+info.Size()
		}
		return n, size
	}
	for name, test := range map[string]struct {
		limits Limits
		files  int
	}{"files": {Limits{Files: 7}, 7}, "bytes": {Limits{Bytes: 5500}, 5}} {
		t.Run(name, func(t *testing.T) {
			e := o.edge(t, test.limits)
			for i := range 30 {
				if got, _, err := e.read(t, fmt.Sprintf("d%d.html", i)); got != page || err != nil {
					t.Fatalf("%d: %v", i, err)
				}
				if _, _, err := e.read(t, "d0.html"); err != nil { // asked for all the time: stays
					t.Fatal(err)
				}
			}
			if n, size := onDisk(e); n != test.files || size != int64(n)*1000 {
				t.Errorf("%d files with %d bytes are kept", n, size)
			}
			o.requests()
			if _, _, err := e.read(t, "d0.html"); err != nil || len(o.requests()) > 0 {
				t.Errorf("what was asked for all the time is gone: %v", err)
			}
			if _, _, err := e.read(t, "d3.html"); err != nil || len(o.requests()) != 1 {
				t.Errorf("what was asked for long ago was kept, or cannot be had: %v", err)
			}
			// Absent names are remembered, and not without end.
			for i := range 3 * test.files {
				for range 3 {
					if _, _, err := e.read(t, fmt.Sprintf("crl/none%d.crl", i)); !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("none%d: %v", i, err)
					}
				}
			}
			if got := o.requests(); len(got) != 3*test.files {
				t.Errorf("%d absent names asked the origin %d times", 3*test.files, len(got))
			}
			if test.limits.Files > 0 && len(e.files.copies.known) > 2*test.limits.Files {
				t.Errorf("%d names are remembered", len(e.files.copies.known))
			}
		})
	}
	t.Run("restart", func(t *testing.T) { restartedCache(t, o, onDisk) })
}

// restartedCache takes up the files of an earlier process, within new limits.
func restartedCache(t *testing.T, o *origin, onDisk func(*edge) (int, int64)) {
	e := o.edge(t, Limits{})
	for i := range 10 {
		if _, _, err := e.read(t, fmt.Sprintf("d%d.html", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(e.cache, "objects", ".new-1"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e.open(t, o, Limits{Files: 4})
	if n, _ := onDisk(e); n != 4 {
		t.Errorf("%d files are left after the start", n)
	}
	o.setFail(func(w http.ResponseWriter, r *http.Request) bool { w.WriteHeader(500); return true })
	served := 0
	for i := range 10 {
		if _, _, err := e.read(t, fmt.Sprintf("d%d.html", i)); err == nil {
			served++
		}
	}
	if served != 4 {
		t.Errorf("%d of 4 copies are served while the origin is down", served)
	}
	o.setFail(nil)
	// A file that somebody deleted is fetched again.
	if err := os.RemoveAll(filepath.Join(e.cache, "objects")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(e.cache, "objects"), 0o700); err != nil {
		t.Fatal(err)
	}
	e.later(3 * time.Hour)
	for range 2 {
		_, _, _ = e.read(t, "d1.html")
	}
	if _, _, err := e.read(t, "d1.html"); err != nil {
		t.Errorf("after the cache was emptied: %v", err)
	}
}

// TestNamesNobodyAsksAbout keeps invented names away from the origin.
func TestNamesNobodyAsksAbout(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"crl/sub.crl": true, "crl/sub-arl.crl": true, "crl/sub/3.crl": true, "crl/sub/history/17.crl": true,
		"cert/root.cer": true, "cert/cross/bca.p7c": true,
		"docs/cps-1.0.pdf": true, "docs/cps-1.0.pdf.p7s": true, "index.html": true, "log/checkpoint": true,
		"log/manifests/" + strings.Repeat("a", 64): true,
		"log/tile/0/000": true, "log/tile/entries/x001/234.p/17": true, "log/tile/1/000.p/255": true,
		"ocsp/sub.generation":                        true,
		"ocsp/s2/" + strings.Repeat("0", 64) + "/0a": true,
		"crl/x": false, "crl/a/b/c/d.crl": false, "crl/sub.crl.bak": false, "cert/key.pem": false, "docs/a.exe": false,
		"docs": false, "log/tile/0/000.p/256": false,
		"log/tile/64/000": false, "log/tile/0/0": false, "log/manifests/abc": false, "log/checkpoints/3": false,
		"ocsp/s9/00/00": false, "ocsp/x": false, "x.txt": false, "": false,
	} {
		if got := public.Is(name); got != want {
			t.Errorf("public.Is(%q) = %v", name, got)
		}
	}
	o := newOrigin(t)
	e := o.edge(t, Limits{})
	o.requests()
	for i := range 60 {
		if _, _, err := e.read(t, fmt.Sprintf("log/invented/%d", i)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v", err)
		}
	}
	if got := o.requests(); len(got) > 0 {
		t.Errorf("the origin was asked for %q", got)
	}
}
