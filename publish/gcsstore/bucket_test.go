package gcsstore

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"seihon/publish"
)

// TestNoSuchBucket tells a bucket that is not there from an object that is not: with the words of GCS, in the JSON of
// its API and in the plain text that comes instead of an object's bytes.
func TestNoSuchBucket(t *testing.T) {
	for _, c := range []struct {
		body string
		want error
	}{
		{`{"error": {"code": 404, "message": "The specified bucket does not exist.", "errors": [{"message": "The specified bucket does not exist.", "domain": "global", "reason": "notFound"}]}}`, publish.ErrInvalid},
		{"The specified bucket does not exist.", publish.ErrInvalid},
		{"No such object: nobucket/log/checkpoint", publish.ErrNotFound},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(c.body))
		}))
		t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(srv.URL, "http://"))
		s, err := Open(t.Context(), Config{Bucket: "nobucket"})
		if err != nil {
			t.Fatal(err)
		}
		for _, sentinel := range []error{publish.ErrInvalid, publish.ErrNotFound, publish.ErrDenied} {
			if _, err := s.Get(t.Context(), publish.CheckpointName); errors.Is(err, sentinel) != (sentinel == c.want) {
				t.Errorf("%s: got %v, want %v", c.body, err, c.want)
			}
		}
		s.Close()
		srv.Close()
	}
}
