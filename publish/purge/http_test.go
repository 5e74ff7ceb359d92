package purge_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seihon/publish/purge"
)

const cacheToken = "Bearer k3y-of-the-cache"

func tokenFile(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return file
}

// cache is an HTTP cache that forgets; script answers the first requests of each path.
type cache struct {
	mu     sync.Mutex
	script []int
	seen   map[string]int
	purged []string
}

func (c *cache) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if q.Method != "PURGE" || q.Header.Get("Authorization") != cacheToken || q.Host != "repository.example" {
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte("you sent " + q.Header.Get("Authorization"))) // a server may repeat what it got
		return
	}
	n := c.seen[q.URL.Path]
	c.seen[q.URL.Path]++
	if n < len(c.script) && c.script[n] != 0 {
		w.WriteHeader(c.script[n])
		return
	}
	c.purged = append(c.purged, q.URL.Path)
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script []int
		token  string
		want   string
		tries  int
	}{
		"at once":    {nil, cacheToken, "", 1},
		"throttled":  {[]int{429, 503}, cacheToken, "", 3},
		"not cached": {[]int{404}, cacheToken, "", 1},
		"never well": {[]int{502, 502, 502}, cacheToken,
			`purging "/crl/sub.crl": giving up after 3 tries: the cache answered 502 Bad Gateway to PURGE`, 3},
		"wrong token":    {nil, "Bearer wrong", "403 Forbidden to PURGE; look at cdn.header and cdn.token", 0},
		"does not purge": {[]int{405}, cacheToken, "405 Method Not Allowed to PURGE; look at cdn.method", 1},
		"redirected":     {[]int{302}, cacheToken, "302 Found", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits, logs := quick()
			server := &cache{script: c.script, seen: map[string]int{}}
			srv := httptest.NewServer(server)
			defer srv.Close()
			h, err := purge.OpenHTTP(purge.HTTPConfig{
				Endpoint: srv.URL + "/", Host: "repository.example", Method: "PURGE", Header: "Authorization",
				Token: purge.Token{File: tokenFile(t, c.token+"\n", 0o600)}, Limits: limits,
			})
			if err != nil {
				t.Fatal(err)
			}
			receipts, err := h.Purge(t.Context(), []string{"/crl/sub.crl"})
			silent(t, c.token, logs, err)
			if server.seen["/crl/sub.crl"] != c.tries {
				t.Errorf("%d requests, want %d", server.seen["/crl/sub.crl"], c.tries)
			}
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || len(receipts) != 0 {
					t.Errorf("receipts %v, error %v, want %q", receipts, err, c.want)
				}
				return
			}
			if err != nil || !slices.Equal(receipts, []purge.Receipt{{Path: "/crl/sub.crl", Done: true}}) ||
				h.Wait(t.Context(), receipts) != nil {
				t.Errorf("receipts %v, error %v", receipts, err)
			}
		})
	}
}

// TestHTTPOneBadPath purges the others and says which one is left.
func TestHTTPOneBadPath(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/b" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer srv.Close()
	limits, _ := quick()
	h, err := purge.OpenHTTP(purge.HTTPConfig{Endpoint: srv.URL, Method: "POST", Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	receipts, err := h.Purge(t.Context(), []string{"/a", "/b", "/c"})
	if err == nil || !strings.Contains(err.Error(), `"/b"`) || len(receipts) != 2 {
		t.Errorf("receipts %v, error %v", receipts, err)
	}
}

func TestHTTPHangs(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))
	defer srv.Close()
	defer close(done)
	limits, _ := quick()
	limits.RequestTimeout, limits.Attempts = 50*time.Millisecond, 2
	h, err := purge.OpenHTTP(purge.HTTPConfig{Endpoint: srv.URL, Method: "PURGE", Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Purge(t.Context(), []string{"/a"}); err == nil ||
		!strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("error = %v", err)
	}
}

func TestHTTPWildcards(t *testing.T) {
	t.Parallel()
	everything := make(chan string, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter,
		q *http.Request) {
		everything <- q.URL.Path
	}))
	defer srv.Close()
	limits, _ := quick()
	for name, c := range map[string]struct {
		conf  purge.HTTPConfig
		paths []string
		want  string
	}{
		"none": {purge.HTTPConfig{}, []string{"/ocsp/*"},
			"takes no wildcards; name what it should forget with --name"},
		"all is not a folder": {purge.HTTPConfig{All: srv.URL + "/service/1/purge_all"}, []string{"/ocsp/*"},
			"takes no wildcards"},
		"all":      {purge.HTTPConfig{All: srv.URL + "/service/1/purge_all"}, []string{"/*", "/a"}, ""},
		"wildcard": {purge.HTTPConfig{Wildcard: true}, []string{"/ocsp/*"}, ""},
	} {
		c.conf.Endpoint, c.conf.Method, c.conf.Limits = srv.URL, "PURGE", limits
		h, err := purge.OpenHTTP(c.conf)
		if err != nil {
			t.Fatal(err)
		}
		paths, err := h.Fold(c.paths)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error = %v, want %q", name, err, c.want)
		}
		if err != nil {
			continue
		}
		if _, err := h.Purge(t.Context(), paths); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got, want := <-everything, map[bool]string{true: "/service/1/purge_all", false: "/ocsp/*"}[c.conf.All != ""]
		if got != want {
			t.Errorf("%s: asked for %s, want %s", name, got, want)
		}
	}
}

func TestToken(t *testing.T) {
	const secret = "s3cret-value"
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if err := os.WriteFile(filepath.Join(dir, "cdn"), []byte(secret), 0o440); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		token purge.Token
		want  string
	}{
		"file":                 {purge.Token{File: tokenFile(t, secret+"\n", 0o600)}, ""},
		"credential":           {purge.Token{Credential: "cdn"}, ""},
		"open to others":       {purge.Token{File: tokenFile(t, secret, 0o644)}, "mode 0644; make it 0600"},
		"empty":                {purge.Token{File: tokenFile(t, "\n", 0o600)}, "its length is 0"},
		"two lines":            {purge.Token{File: tokenFile(t, secret+"\nX-Evil: 1", 0o600)}, "no header can carry"},
		"too long":             {purge.Token{File: tokenFile(t, strings.Repeat("x", 5000), 0o600)}, "is longer than"},
		"missing":              {purge.Token{File: filepath.Join(dir, "none")}, "no such file"},
		"credential elsewhere": {purge.Token{Credential: "../x"}, "not the name of a credential"},
	} {
		_, err := purge.OpenHTTP(purge.HTTPConfig{Header: "X-Key", Token: c.token})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error = %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the secret is in the error: %v", name, err)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	_, err := purge.OpenHTTP(purge.HTTPConfig{Header: "X-Key", Token: purge.Token{Credential: "cdn"}})
	if err == nil || !strings.Contains(err.Error(), "LoadCredential=cdn") || errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v", err)
	}
}
