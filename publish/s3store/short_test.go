package s3store

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"seihon/publish"
	"seihon/publish/storetest"
)

// TestShortWay shows which buckets take the short way, and to which URL.
func TestShortWay(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for _, tc := range []struct {
		c    Config
		base string // "" means the SDK's own way
	}{
		{Config{Bucket: "public", Region: "ap-northeast-1"}, "https://public.s3.ap-northeast-1.amazonaws.com/"},
		{Config{Bucket: "public.example.jp", Region: "ap-northeast-3"},
			"https://s3.ap-northeast-3.amazonaws.com/public.example.jp/"},
		{Config{Bucket: "public", Region: "auto", Endpoint: "http://127.0.0.1:7070", PathStyle: true},
			"http://127.0.0.1:7070/public/"},
		{Config{Bucket: "public--apne1-az4--x-s3", Region: "ap-northeast-1"}, ""},
		{Config{Bucket: "arn:aws:s3:ap-northeast-1:123456789012:accesspoint/public", Region: "ap-northeast-1"}, ""},
	} {
		s, err := Open(t.Context(), tc.c)
		if err != nil {
			t.Errorf("%s: %v", tc.c.Bucket, err)
			continue
		}
		got := ""
		if s.short != nil {
			got = s.short.base
		}
		if got != tc.base {
			t.Errorf("%s: %q, want %q", tc.c.Bucket, got, tc.base)
		}
	}
}

// TestShortRequest compares the headers of the short way with those of the SDK.
func TestShortRequest(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	var got []*http.Request
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		got = append(got, q)
		w.Header().Set("ETag", `"tag"`)
	}))
	defer srv.Close()
	now := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	s, err := Open(t.Context(), Config{
		Bucket: "public", Region: "ap-northeast-1", Endpoint: srv.URL, PathStyle: true, Owner: "123456789012",
		Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	o := storetest.Object("ocsp/x=%2B~.crl", []byte("bytes"))
	for _, put := range []func() (publish.Receipt, error){
		func() (publish.Receipt, error) { return s.short.put(t.Context(), o, publish.Condition{IfMatch: "old"}) },
		func() (publish.Receipt, error) { return s.putSingle(t.Context(), o, publish.Condition{IfMatch: "old"}) },
	} {
		if r, err := put(); err != nil || r.ETag != "tag" {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if a, b := got[0].URL.EscapedPath(), got[1].URL.EscapedPath(); a != b {
		t.Errorf("path %q, the SDK's is %q", a, b)
	}
	for _, h := range []string{
		"Content-Type", "Cache-Control", "Expires", "If-Match", "If-None-Match", "Content-Length",
		"X-Amz-Checksum-Sha256", "X-Amz-Content-Sha256", "X-Amz-Expected-Bucket-Owner",
	} {
		if a, b := got[0].Header.Get(h), got[1].Header.Get(h); a != b {
			t.Errorf("%s: %q, the SDK's is %q", h, a, b)
		}
	}
	if want := "AWS4-HMAC-SHA256 Credential=key/20261124/ap-northeast-1/s3/aws4_request"; len(got[0].Header.Get("Authorization")) < len(want) || got[0].Header.Get("Authorization")[:len(want)] != want {
		t.Errorf("signed as %q", got[0].Header.Get("Authorization"))
	}
}
