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
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/public"
)

// find looks a key up in the source's current view.
func find(s Source, k Key) ([]byte, Finding) {
	v := s.Acquire()
	defer v.Release()
	stored, finding := v.Lookup(k)
	return bytes.Clone(stored.DER), finding
}

func TestDirectoryFollowsGenerations(t *testing.T) {
	t.Parallel()
	repo := newRepository(t)
	d := repo.open()
	a, b := testKey(crypto.SHA1, "sub", 1), testKey(crypto.SHA1, "sub", 2)
	if _, got := find(d, a); got != Missing {
		t.Fatalf("empty directory: %v", got)
	}
	repo.publish("sub", 2, map[*Key][]byte{&a: testResponse(a)})
	if err := d.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if der, got := find(d, a); got != Found || !bytes.Equal(der, testResponse(a)) {
		t.Errorf("first generation: %v", got)
	}
	if _, got := find(d, b); got != Missing {
		t.Errorf("not published yet: %v", got)
	}
	repo.publish("sub", 4, map[*Key][]byte{&a: testResponse(a), &b: testResponse(b)})
	if err := d.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, k := range []Key{a, b} {
		if _, got := find(d, k); got != Found {
			t.Errorf("second generation, serial %x: %v", k.Serial, got)
		}
	}
	v := d.Acquire()
	defer v.Release()
	if s := v.Issuers(testNow); len(s) != 1 || s[0].Generation != 2 || s[0].Responses != 2 || s[0].Fresh != 2 {
		t.Errorf("state is %+v", s)
	}
}

// TestDirectoryRefuses offers generations that must not be used: each is refused
// with its reason, and the good one stays in use.
func TestDirectoryRefuses(t *testing.T) {
	t.Parallel()
	a, b := testKey(crypto.SHA1, "sub", 1), testKey(crypto.SHA1, "sub", 2)
	both := map[*Key][]byte{&a: testResponse(a), &b: testResponse(b)}
	for _, test := range []struct {
		name  string
		offer func(*repository)
		want  string
	}{
		{"rollback", func(r *repository) {
			g := r.generation("sub", 4, 1, both)
			r.write("ocsp/sub.generation", g.Public([]byte("proof\n")))
		}, "goes backwards"},
		{"fork", func(r *repository) {
			g := r.generation("sub", 5, 1, both)
			r.write("ocsp/sub.generation", g.Public([]byte("proof\n")))
		}, "two different generations 5"},
		{"proof", func(r *repository) {
			g := r.generation("sub", 6, 1, both)
			r.write("ocsp/sub.generation", g.Public([]byte("forged\n")))
		}, "not in the ledger"},
		{"no proof", func(r *repository) {
			r.write("ocsp/sub.generation", r.generation("sub", 6, 1, both).Body())
		}, "not in the ledger"},
		{"other issuer", func(r *repository) {
			r.write("ocsp/sub.generation", r.generation("other", 6, 1, both).Public([]byte("proof\n")))
		}, `speaks of issuer "other"`},
		{"not a generation", func(r *repository) { r.write("ocsp/sub.generation", []byte("hello\n")) },
			"five lines of head"},
		{"missing bundle", func(r *repository) {
			g := r.generation("sub", 6, 1, both)
			r.write("ocsp/sub.generation", g.Public([]byte("proof\n")))
			if err := os.Remove(filepath.Join(r.root, public.Bundle(g.Bundles[0].Digest))); err != nil {
				r.tb.Fatal(err)
			}
		}, "no such file"},
		{"flipped byte", func(r *repository) {
			g := r.generation("sub", 6, 1, both)
			r.write("ocsp/sub.generation", g.Public([]byte("proof\n")))
			r.damage(g.Bundles[0].Digest, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
		}, "has SHA-256"},
		{"cut off bundle", func(r *repository) {
			g := r.generation("sub", 6, 1, both)
			r.write("ocsp/sub.generation", g.Public([]byte("proof\n")))
			r.damage(g.Bundles[0].Digest, func(b []byte) []byte { return b[:len(b)-1] })
		}, "cut off"},
		{"other bundle", func(r *repository) {
			g := r.generation("sub", 6, 1, both)
			g.Bundles[0].Count = 17
			r.write("ocsp/sub.generation", g.Public([]byte("proof\n")))
		}, "the generation says"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			repo := newRepository(t)
			repo.number = 4
			repo.publish("sub", 1, map[*Key][]byte{&a: testResponse(a)}) // generation 5
			d, err := OpenDirectory(t.Context(), DirectoryConfig{Root: repo.root, Poll: time.Hour, Now: clock,
				VerifyGeneration: func(body, proof []byte) error {
					if string(proof) != "proof\n" {
						return errors.New("generation is not in the ledger")
					}
					return nil
				}})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			test.offer(repo)
			if err := d.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Reload: %v, want %q", err, test.want)
			}
			if _, got := find(d, a); got != Found {
				t.Errorf("the last good generation is gone: %v", got)
			}
			if _, got := find(d, b); got != Missing {
				t.Errorf("the refused generation is used: %v", got)
			}
			repo.number = 6
			repo.publish("sub", 1, both)
			if err := d.Reload(t.Context()); err != nil {
				t.Errorf("a good generation after it: %v", err)
			}
			if _, got := find(d, b); got != Found {
				t.Errorf("a good generation after it is not used: %v", got)
			}
		})
	}
}

// damage changes a bundle file under its name.
func (r *repository) damage(d artifact.Digest, change func([]byte) []byte) {
	r.tb.Helper()
	name := public.Bundle(d)
	content, err := os.ReadFile(filepath.Join(r.root, name))
	if err != nil {
		r.tb.Fatal(err)
	}
	r.write(name, change(content))
}

// TestReloadUnderLoad swaps generations while requests look up: every lookup sees
// one whole generation, and no file stays mapped.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	repo := newRepository(t)
	a, b := testKey(crypto.SHA1, "sub", 1), testKey(crypto.SHA1, "sub", 2)
	repo.publish("sub", 2, map[*Key][]byte{&a: testResponse(a), &b: testResponse(b)})
	d := repo.open()
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				v := d.Acquire()
				for _, k := range []Key{a, b} {
					s, got := v.Lookup(k)
					runtime.Gosched()
					if got != Found || artifact.Sum(s.DER) != artifact.Digest(s.Digest) {
						t.Errorf("serial %x: %v", k.Serial, got)
					}
				}
				v.Release()
			}
		})
	}
	for i := range 40 {
		extra := testKey(crypto.SHA1, "sub", uint64(100+i))
		repo.publish("sub",
			2+i%3, map[*Key][]byte{&a: testResponse(a), &b: testResponse(b), &extra: testResponse(extra)})
		if err := d.Reload(t.Context()); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	clients.Wait()
	if maps, err := os.ReadFile("/proc/self/maps"); err == nil {
		if n := bytes.Count(maps, []byte(repo.root)); n > 4 {
			t.Errorf("%d bundle files are still mapped", n)
		}
	}
}

func TestOldBundlesStayUntilReleased(t *testing.T) {
	t.Parallel()
	repo := newRepository(t)
	a := testKey(crypto.SHA1, "sub", 1)
	repo.publish("sub", 1, map[*Key][]byte{&a: testResponse(a)})
	d := repo.open()
	v := d.Acquire()
	old, _ := v.Lookup(a)
	bundle := v.issuers[0].bundles[0]
	newer := makeResponse(responseSpec{keys: []Key{a}, this: testNow, next: testNow.Add(80 * time.Hour)})
	repo.publish("sub", 1, map[*Key][]byte{&a: newer})
	if err := d.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(old.DER, testResponse(a)) {
		t.Error("response changed under a request")
	}
	if der, _ := find(d, a); !bytes.Equal(der, newer) {
		t.Error("new response is not given out")
	}
	if bundle.refs.Load() != 1 {
		t.Errorf("old bundle is used by %d views, want 1", bundle.refs.Load())
	}
	v.Release()
	if bundle.refs.Load() != 0 || bundle.release != nil {
		t.Error("old bundle is still open")
	}
}

// TestCutOffWhileInUse cuts a mapped file off: the answer is tryLater, and the
// process lives.
func TestCutOffWhileInUse(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("other systems do not let a mapped file be cut off, or not in the same way")
	}
	t.Parallel()
	w := newWorld(t)
	v := w.source.Acquire()
	for _, set := range v.issuers {
		for _, b := range set.bundles {
			if err := os.Truncate(b.path, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	v.Release()
	if got := bodyOf(t, w.do("POST", "/ocsp", makeRequest([]Key{w.good}, nil))); !bytes.Equal(got, bodyTryLater) {
		t.Errorf("answer is %x", got)
	}
	if res := w.do("GET", "/healthz", nil); res.StatusCode != 200 {
		t.Errorf("healthz: %d", res.StatusCode)
	}
}

// TestLateAudit damages a bundle that is too large to be checked before its use:
// its answers are withheld once that is found.
func TestLateAudit(t *testing.T) {
	t.Parallel()
	repo := newRepository(t)
	responses := make(map[*Key][]byte)
	a := testKey(crypto.SHA1, "sub", 0)
	for i := range uint64(520) {
		k := testKey(crypto.SHA1, "sub", i)
		responses[&k] = makeResponse(responseSpec{keys: []Key{k}, this: testNow.Add(-time.Hour),
			next: testNow.Add(time.Hour), size: maxResponse - 300})
	}
	g := repo.publish("sub", 1, responses)
	repo.damage(g.Bundles[0].Digest, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	d := repo.open()
	d.audits.Wait()
	if _, got := find(d, a); got != Unavailable {
		t.Errorf("lookup in a damaged bundle: %v", got)
	}
	h := mustHandler(t, HandlerConfig{Source: d})
	w := &world{handler: h}
	if got := bodyOf(t, w.do("POST", "/ocsp", makeRequest([]Key{a}, nil))); !bytes.Equal(got, bodyTryLater) {
		t.Errorf("answer is %x", got)
	}
	if res := w.do("GET", "/readyz", nil); res.StatusCode != 503 ||
		!strings.Contains(string(bodyOf(t, res)), "damaged") {
		t.Errorf("readyz: %d", res.StatusCode)
	}
}

func TestDirectoryOpen(t *testing.T) {
	t.Parallel()
	if _, err := OpenDirectory(t.Context(), DirectoryConfig{Root: filepath.Join(t.TempDir(), "none")}); !errors.Is(err,
		fs.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	repo := newRepository(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	repo.write("crl/x.crl", []byte("x"))
	if err := os.Symlink(secret, filepath.Join(repo.root, "crl", "leak.crl")); err != nil {
		t.Fatal(err)
	}
	d := repo.open()
	if o, err := d.Open(t.Context(), "crl/leak.crl"); err == nil {
		_ = o.Close()
		t.Error("a symbolic link led out of the directory")
	}
	for _, name := range []string{"", ".", "..", "../x", "crl", "crl/", "/crl/x.crl", "crl//x.crl", "crl/../crl/x.crl",
		"crl/x.crl\x00", `crl\x.crl`, strings.Repeat("crl/", 200) + "x"} {
		if o, err := d.Open(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
			if err == nil {
				_ = o.Close()
			}
			t.Errorf("Open(%q): %v", name, err)
		}
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	fresh := IssuerState{Issuer: "sub", Generation: 3, ThisUpdate: testNow.Add(-time.Hour),
		NextUpdate: testNow.Add(time.Hour), Responses: 10, Fresh: 10}
	with := func(change func(*IssuerState)) []IssuerState { s := fresh; change(&s); return []IssuerState{s} }
	for _, test := range []struct {
		name   string
		limits Readiness
		states []IssuerState
		want   string
	}{
		{"good", Readiness{Issuers: []string{"sub"}, Coverage: 1, Remaining: time.Minute, Age: 2 * time.Hour},
			[]IssuerState{fresh}, ""},
		{"nothing asked, nothing there", Readiness{}, nil, ""},
		{"no issuer", Readiness{Issuers: []string{"root"}}, []IssuerState{fresh}, "root: no generation"},
		{"expired", Readiness{}, with(func(s *IssuerState) { s.Fresh = 9 }), "9 of 10 responses are fresh"},
		{"covered", Readiness{Coverage: 0.9}, with(func(s *IssuerState) { s.Fresh = 9 }), ""},
		{"soon", Readiness{Remaining: 2 * time.Hour}, []IssuerState{fresh}, "less than 2h0m0s away"},
		{"old", Readiness{Age: time.Minute}, []IssuerState{fresh}, "longer than 1m0s ago"},
		{"damaged", Readiness{Coverage: 0.1}, with(func(s *IssuerState) { s.Damaged = 1 }), "1 bundles are damaged"},
		{"empty", Readiness{Remaining: time.Hour},
			with(func(s *IssuerState) { s.Responses, s.Fresh, s.NextUpdate = 0, 0, time.Time{} }), ""},
	} {
		got := strings.Join(test.limits.problems(test.states, testNow), "; ")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestAliasesAreServed asks for a list by the path that stands in older certificates, as clients write it.
func TestAliasesAreServed(t *testing.T) {
	t.Parallel()
	repo := newRepository(t)
	list := []byte("the content of a list")
	repo.write("crl/sub.crl", list)
	aliases := public.NewAliases([]public.Alias{{Name: "CertEnroll/Sub CA+.crl", Artifact: "crl/sub.crl"}})
	directory, err := OpenDirectory(t.Context(),
		DirectoryConfig{Root: repo.root, Poll: time.Hour, Now: clock, Aliases: aliases})
	if err != nil {
		t.Fatal(err)
	}
	defer directory.Close()
	origin := httptest.NewServer(http.FileServer(http.Dir(repo.root)))
	defer origin.Close()
	remote, err := OpenRemote(t.Context(),
		RemoteConfig{BaseURL: origin.URL, CacheDir: t.TempDir(), Poll: time.Hour, Now: clock, Aliases: aliases,
			VerifyGeneration: func([]byte, []byte) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	for _, source := range []Source{directory, remote} {
		h, err := NewHandler(HandlerConfig{Source: source, Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]int{"/CertEnroll/Sub%20CA+.crl": 200, "/CertEnroll/Sub%20CA%2B.crl": 200,
			"/CertEnroll/Sub%20CA%20.crl": 404, "/crl/sub.crl": 200} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if w.Code != want || want == 200 && w.Body.String() != string(list) {
				t.Errorf("%T: %s: %d, %q", source, path, w.Code, w.Body)
			}
		}
	}
}
