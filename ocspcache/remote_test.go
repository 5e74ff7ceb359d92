package ocspcache

import (
	"bytes"
	"crypto"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/public"
)

// An origin is a bucket that serves a repository, counts the requests and can be
// made to fail.
type origin struct {
	*repository
	server *httptest.Server
	mu     sync.Mutex
	log    []string
	fail   func(w http.ResponseWriter, r *http.Request) bool
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	o := &origin{repository: newRepository(t)}
	o.server = httptest.NewServer(o)
	t.Cleanup(o.server.Close)
	return o
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	fail := o.fail
	o.log = append(o.log, r.URL.Path)
	o.mu.Unlock()
	if fail != nil && fail(w, r) {
		return
	}
	content, err := os.ReadFile(filepath.Join(o.root, filepath.FromSlash(r.URL.Path)))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", `"`+digestOf(content)+`"`)
	http.ServeContent(w, r, "", testNow, bytes.NewReader(content))
}

// requests returns the paths asked for since the last call.
func (o *origin) requests() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	log := o.log
	o.log = nil
	return log
}

func (o *origin) setFail(fail func(http.ResponseWriter, *http.Request) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fail = fail
}

func wantProof(_, proof []byte) error {
	if string(proof) != "proof\n" {
		return errors.New("generation is not in the ledger")
	}
	return nil
}

func (o *origin) follow(t *testing.T, cache string, now func() time.Time) *Remote {
	t.Helper()
	r, err := OpenRemote(t.Context(), RemoteConfig{BaseURL: o.server.URL, Issuers: []string{"sub"}, CacheDir: cache,
		VerifyGeneration: wantProof, Poll: time.Hour, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestRemoteFollows(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	a, b := testKey(crypto.SHA1, "sub", 1), testKey(crypto.SHA1, "sub", 2)
	o.publish("sub", 4, map[*Key][]byte{&a: testResponse(a)})
	r := o.follow(t, t.TempDir(), clock)
	if _, got := find(r, a); got != Found {
		t.Fatalf("first generation: %v", got)
	}
	o.requests()
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := o.requests(); len(got) != 1 {
		t.Errorf("looking without a change asked for %q", got)
	}
	o.publish("sub", 4, map[*Key][]byte{&a: testResponse(a), &b: testResponse(b)})
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := o.requests(); len(got) != 2 {
		t.Errorf("one changed shard asked for %q", got)
	}
	for _, k := range []Key{a, b} {
		if _, got := find(r, k); got != Found {
			t.Errorf("second generation, serial %x: %v", k.Serial, got)
		}
	}
	files, err := os.ReadDir(filepath.Join(r.cfg.CacheDir, "bundles"))
	if err != nil || len(files) != 4 {
		t.Errorf("%d bundles are cached, want 4: %v", len(files), err)
	}
}

func TestRemoteKeepsLastGood(t *testing.T) {
	t.Parallel()
	a, b := testKey(crypto.SHA1, "sub", 1), testKey(crypto.SHA1, "sub", 2)
	both := map[*Key][]byte{&a: testResponse(a), &b: testResponse(b)}
	whole := func(body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasPrefix(r.URL.Path, "/ocsp/bundles/") {
				_, _ = w.Write([]byte(body))
				return true
			}
			return false
		}
	}
	for _, test := range []struct {
		name  string
		offer func(*origin)
		want  string
	}{
		{"down", func(o *origin) { o.server.Close() }, "refused"},
		{"server error", func(o *origin) {
			o.setFail(func(w http.ResponseWriter, r *http.Request) bool { w.WriteHeader(500); return true })
		}, "500"},
		{"generation gone", func(o *origin) {
			o.setFail(func(w http.ResponseWriter, r *http.Request) bool { w.WriteHeader(403); return true })
		}, "403"},
		{"redirect", func(o *origin) {
			o.setFail(func(w http.ResponseWriter, r *http.Request) bool {
				http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
				return true
			})
		}, "301"},
		{"rollback", func(o *origin) {
			o.write("ocsp/sub.generation", o.generation("sub", 4, 1, both).Public([]byte("proof\n")))
		}, "goes backwards"},
		{"forged", func(o *origin) {
			o.write("ocsp/sub.generation", o.generation("sub", 9, 1, both).Public([]byte("forged\n")))
		}, "not in the ledger"},
		{"other bundle", func(o *origin) { o.publish("sub", 1, both); o.setFail(whole("something else")) }, "SHA-256"},
		{"endless bundle", func(o *origin) {
			o.publish("sub", 1, both)
			o.setFail(whole(strings.Repeat("x", 1<<20)))
		}, "SHA-256"},
		{"bundle gone", func(o *origin) {
			g := o.publish("sub", 1, both)
			_ = os.Remove(filepath.Join(o.root, public.Bundle(g.Bundles[0].Digest)))
		}, "404"},
		{"answer breaks off", func(o *origin) {
			o.setFail(func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Content-Length", "1000")
				_, _ = w.Write([]byte("seihon"))
				return true
			})
		}, "EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t)
			o.number = 4
			o.publish("sub", 1, map[*Key][]byte{&a: testResponse(a)}) // generation 5
			cache := t.TempDir()
			r := o.follow(t, cache, clock)
			test.offer(o)
			if err := r.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Reload: %v, want %q", err, test.want)
			}
			if _, got := find(r, a); got != Found {
				t.Errorf("the last good generation is gone: %v", got)
			}
			if _, got := find(r, b); got != Missing {
				t.Errorf("the refused generation is used: %v", got)
			}
			left, err := filepath.Glob(filepath.Join(cache, "*", ".new-*"))
			if err != nil || len(left) > 0 {
				t.Errorf("half-written files are left: %q, %v", left, err)
			}
			// The state outlives the process, and with it the refusal.
			again := o.follow(t, copyDir(t, cache), clock)
			if _, got := find(again, a); got != Found {
				t.Errorf("after a restart the last good generation is gone: %v", got)
			}
			if _, got := find(again, b); got != Missing {
				t.Errorf("after a restart the refused generation is used: %v", got)
			}
		})
	}
}

func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestRemoteRepairsItsCache(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	a := testKey(crypto.SHA1, "sub", 1)
	g := o.publish("sub", 1, map[*Key][]byte{&a: testResponse(a)})
	cache := t.TempDir()
	o.follow(t, cache, clock)
	cache = copyDir(t, cache)
	path := filepath.Join(cache, "bundles", g.Bundles[0].Digest.String())
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-1] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	r := o.follow(t, cache, clock)
	if der, got := find(r, a); got != Found || !bytes.Equal(der, testResponse(a)) {
		t.Errorf("after damage in the cache: %v", got)
	}
}

func TestRemoteObjects(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	a := testKey(crypto.SHA1, "sub", 1)
	g := o.publish("sub", 1, map[*Key][]byte{&a: testResponse(a)})
	o.write("index.html", []byte("first"))
	now := testNow
	r := o.follow(t, t.TempDir(), func() time.Time { return now })
	w := &world{handler: mustHandler(t, HandlerConfig{Source: r})}
	o.requests()
	get := func(want int, body string) {
		t.Helper()
		res := w.do("GET", "/", nil)
		if got := string(bodyOf(t, res)); res.StatusCode != want || body != "" && got != body {
			t.Errorf("GET: %d %q, want %d %q", res.StatusCode, got, want, body)
		}
	}
	asked := func(want ...string) {
		t.Helper()
		if got := o.requests(); !slices.Equal(got, want) {
			t.Errorf("origin was asked for %q, want %q", got, want)
		}
	}
	get(200, "first")
	get(200, "first")
	asked("/index.html")
	o.write("index.html", []byte("second"))
	get(200, "first")
	asked()
	now = now.Add(time.Hour)
	get(200, "first") // at once; the origin is asked meanwhile
	r.files.settle()
	get(200, "second")
	asked("/index.html")
	now = now.Add(2 * time.Hour)
	get(200, "second") // 304 from the origin, whom a copy this old waits for
	asked("/index.html")
	now = now.Add(2 * time.Hour)
	o.setFail(func(w http.ResponseWriter, r *http.Request) bool { w.WriteHeader(502); return true })
	get(200, "second")
	get(200, "second")
	asked("/index.html")
	if res := w.do("GET", "/crl/sub.crl", nil); res.StatusCode != 503 {
		t.Errorf("no copy and no origin: %d", res.StatusCode)
	}
	o.setFail(nil)
	now = now.Add(time.Hour)
	o.requests()
	for range 3 {
		if res := w.do("GET", "/crl/sub.crl", nil); res.StatusCode != 404 {
			t.Errorf("no such object: %d", res.StatusCode)
		}
	}
	asked("/crl/sub.crl")
	for _, target := range []string{"/other/x", "/ocsp/bundles/" + strings.Repeat("0", 64), "/ocsp/bundles/x",
		"/.git/config"} {
		if res := w.do("GET", target, nil); res.StatusCode != 404 {
			t.Errorf("GET %s: %d", target, res.StatusCode)
		}
	}
	asked()
	res := w.do("GET", "/ocsp/bundles/"+g.Bundles[0].Digest.String(), nil)
	if got := artifact.Sum(bodyOf(t, res)); res.StatusCode != 200 || got != g.Bundles[0].Digest {
		t.Errorf("bundle: %d, %s", res.StatusCode, got)
	}
}

func TestRemoteConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]RemoteConfig{
		"no URL":    {VerifyGeneration: wantProof},
		"scheme":    {BaseURL: "ftp://example.org", VerifyGeneration: wantProof},
		"no verify": {BaseURL: "http://127.0.0.1:1"},
		"issuer":    {BaseURL: "http://127.0.0.1:1", VerifyGeneration: wantProof, Issuers: []string{"../x"}},
	} {
		cfg.CacheDir = t.TempDir()
		if r, err := OpenRemote(t.Context(), cfg); err == nil {
			_ = r.Close()
			t.Errorf("%s: no error", name)
		}
	}
	r, err := OpenRemote(t.Context(), RemoteConfig{BaseURL: "http://127.0.0.1:1", VerifyGeneration: wantProof,
		Issuers: []string{"sub"}, CacheDir: t.TempDir(), Poll: time.Hour})
	if err != nil {
		t.Fatalf("an origin that is down must not keep the responder from starting: %v", err)
	}
	defer r.Close()
	if _, err := r.Open(t.Context(), "index.html"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("origin is down, Open says %v", err)
	}
}
