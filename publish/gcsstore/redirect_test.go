package gcsstore

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"seihon/publish"
	"seihon/publish/credentials"
	"seihon/publish/storetest"
)

// bearer gives its token to every host, as the transport of the Google libraries does.
type bearer struct{}

func (bearer) RoundTrip(q *http.Request) (*http.Response, error) {
	q = q.Clone(q.Context())
	q.Header.Set("Authorization", "Bearer token")
	return http.DefaultTransport.RoundTrip(q)
}

// TestNoRedirectIsFollowed has a store that sends its clients elsewhere. Nobody
// there is asked, although the transport would give its token to every host.
func TestNoRedirectIsFollowed(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	status := 0
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, strings.Replace(other.URL, "127.0.0.1", "localhost", 1)+q.URL.Path, status)
	}))
	defer store.Close()
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(store.URL, "http://"))
	s, err := Open(t.Context(), Config{Bucket: "public"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	token := &http.Client{Transport: credentials.Stay(bearer{})}
	for _, status = range []int{301, 302, 303, 307, 308} {
		for what, ask := range map[string]func() error{
			"GET": func() error { _, err := s.Get(t.Context(), "a.crl"); return err },
			"PUT": func() error {
				_, err := s.Put(t.Context(), storetest.Object("a.crl", []byte("x")), publish.Condition{IfAbsent: true})
				return err
			},
			"DELETE":     func() error { return s.Delete(t.Context(), "a.crl", publish.Condition{IfMatch: "1"}) },
			"with token": func() error { _, err := token.Get(store.URL); return err },
		} {
			if err := ask(); !errors.Is(err, publish.ErrInvalid) ||
				!strings.Contains(err.Error(), "no redirect is followed") {
				t.Errorf("%d, %s: %v", status, what, err)
			}
		}
	}
	if n := elsewhere.Load(); n > 0 {
		t.Errorf("%d requests went where a redirect said", n)
	}
}
