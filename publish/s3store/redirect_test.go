package s3store

import (
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"seihon/publish"
	"seihon/publish/storetest"
)

// TestNoRedirectIsFollowed has a store that sends its clients to another host, to
// another port of the same one, and from https to http. Nobody there is asked:
// neither credentials nor requests go anywhere but where the configuration says.
func TestNoRedirectIsFollowed(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_SESSION_TOKEN", "token")
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		elsewhere.Add(1)
		w.Header().Set("ETag", `"tag"`)
	}))
	defer other.Close()
	var status int
	var to string
	redirect := http.HandlerFunc(func(w http.ResponseWriter,
		q *http.Request) {
		http.Redirect(w, q, to+q.URL.Path, status)
	})
	plain, secure := httptest.NewServer(redirect), httptest.NewTLSServer(redirect)
	defer plain.Close()
	defer secure.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}),
		0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	for name, c := range map[string]struct{ from, to string }{
		"another host": {plain.URL, strings.Replace(other.URL, "127.0.0.1", "localhost", 1)},
		"another port": {plain.URL, other.URL},
		"no TLS":       {secure.URL, other.URL},
	} {
		s, err := Open(t.Context(),
			Config{Bucket: "public", Region: "ap-northeast-1", Endpoint: c.from, PathStyle: true})
		if err != nil {
			t.Fatal(err)
		}
		to = c.to
		for _, status = range []int{301, 302, 303, 307, 308} {
			small, large := storetest.Object("a.crl", []byte("x")), storetest.Object("b.crl", make([]byte, shortUpTo+1))
			for what, ask := range map[string]func() error{
				"GET": func() error { _, err := s.Get(t.Context(), "a.crl"); return err },
				"PUT": func() error {
					_, err := s.Put(t.Context(), small,
						publish.Condition{IfAbsent: true})
					return err
				},
				"large PUT": func() error {
					_, err := s.Put(t.Context(), large,
						publish.Condition{IfAbsent: true})
					return err
				},
				"DELETE": func() error { return s.Delete(t.Context(), "a.crl", publish.Condition{IfMatch: "tag"}) },
			} {
				if err := ask(); !errors.Is(err, publish.ErrInvalid) ||
					!strings.Contains(err.Error(), "no redirect is followed") {
					t.Errorf("%s, %d, %s: %v", name, status, what, err)
				}
			}
		}
	}
	if n := elsewhere.Load(); n > 0 {
		t.Errorf("%d requests went where a redirect said", n)
	}
}
