package s3store

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"seihon/publish"
)

// TestNoSuchBucket tells a bucket that is not there from a right that is missing: the publisher takes a denied object
// for an absent one, and would go on to write.
func TestNoSuchBucket(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`<?xml version="1.0"?><Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>`))
	}))
	defer srv.Close()
	s, err := Open(t.Context(), Config{Bucket: "nobucket", Region: "us-east-1", Endpoint: srv.URL, PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(t.Context(), publish.CheckpointName)
	if !errors.Is(err, publish.ErrInvalid) || errors.Is(err, publish.ErrDenied) ||
		errors.Is(err, publish.ErrNotFound) || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("got %v", err)
	}
}
