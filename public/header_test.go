package public

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
)

var testNow = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

func maxAgeOf(t *testing.T, h Header) time.Duration {
	t.Helper()
	_, s, ok := strings.Cut(h.CacheControl, "max-age=")
	s, _, _ = strings.Cut(s, ",")
	n, err := strconv.Atoi(s)
	if !ok || err != nil {
		t.Fatalf("Cache-Control %q has no max-age", h.CacheControl)
	}
	return time.Duration(n) * time.Second
}

// TestHeaderNeverOutlivesNextUpdate walks through the life of a list: whenever a cache takes a copy, it expires in
// time.
func TestHeaderNeverOutlivesNextUpdate(t *testing.T) {
	t.Parallel()
	for _, k := range []artifact.Kind{artifact.CRL, artifact.ARL, artifact.DeltaCRL, artifact.OCSPResponse,
		artifact.OCSPGeneration} {
		for _, validity := range []time.Duration{time.Minute, time.Hour, 48 * time.Hour, 365 * 24 * time.Hour} {
			for age := time.Duration(0); age <= validity+time.Hour; age += validity / 7 {
				next := testNow.Add(validity)
				now := testNow.Add(age)
				h := HeaderFor(k, testNow, next, now, validity/2)
				if m := maxAgeOf(t, h); m > 0 && !now.Add(m).Before(next) || m < 0 {
					t.Errorf("%s of %v, %v old: %s", k, validity, age, h.CacheControl)
				}
			}
		}
	}
}

func TestHeaderTable(t *testing.T) {
	t.Parallel()
	next := testNow.Add(72 * time.Hour)
	for _, c := range []struct {
		kind          artifact.Kind
		next          time.Time
		cadence       time.Duration
		contentType   string
		age           time.Duration
		expires, fits bool
	}{
		{artifact.CRL, next, 24 * time.Hour, "application/pkix-crl", time.Hour, true, false},
		{artifact.CRL, next, 72*time.Hour - time.Minute, "application/pkix-crl", time.Minute, true, false},
		{artifact.CRL, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), time.Hour, "application/pkix-crl",
			24 * time.Hour, false, false},
		{artifact.OCSPResponse, next, 24 * time.Hour, "application/ocsp-response", 12 * time.Hour, true, false},
		{artifact.CACertificate, next.AddDate(9, 0, 0), 0, "application/pkix-cert", 24 * time.Hour, false, false},
		{artifact.OCSPBundle, next, time.Hour, "application/octet-stream", 365 * 24 * time.Hour, false, true},
		{artifact.Manifest, time.Time{}, 0, "text/plain; charset=utf-8", 365 * 24 * time.Hour, false, true},
		{artifact.Checkpoint, time.Time{}, 0, "text/plain; charset=utf-8", time.Minute, false, false},
		{artifact.Document, time.Time{}, 0, "application/pdf", 7 * 24 * time.Hour, false, false},
		{artifact.CertificateBundle, time.Time{}, 0, "application/pkcs7-mime", 24 * time.Hour, false, false},
	} {
		h := HeaderFor(c.kind, testNow, c.next, testNow, c.cadence)
		if h.ContentType != c.contentType || maxAgeOf(t, h) != c.age || h.Expires.IsZero() == c.expires ||
			strings.Contains(h.CacheControl, "immutable") != c.fits {
			t.Errorf("%s: %+v", c.kind, h)
		}
	}
	for k, want := range map[artifact.Kind]time.Time{artifact.CRL: testNow.Add(time.Hour),
		artifact.OCSPResponse: next} {
		if h := HeaderFor(k, testNow, next, testNow, 24*time.Hour); !h.Expires.Equal(want.Truncate(time.Second)) {
			t.Errorf("%s expires at %v, want %v", k, h.Expires, want)
		}
	}
	if h := HeaderFor(artifact.PrivateKey, testNow, next, testNow, 0); h.CacheControl != "no-store" {
		t.Errorf("a private key may be cached: %+v", h)
	}
}
