package ocspcache

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"
)

// makeCRL makes a CA certificate and its CRL with n revocations.
func makeCRL(t *testing.T, n int) (cert, crl []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: testNow.Add(-time.Hour),
		NotAfter: testNow.Add(9000 * time.Hour),
		IsCA:     true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		SubjectKeyId: []byte{1, 2, 3},
	}
	if cert, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key); err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	list := &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: testNow.Add(-time.Hour),
		NextUpdate: testNow.Add(71 * time.Hour)}
	for i := range n {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: big.NewInt(int64(1000 + i)),
				RevocationTime: testNow.Add(-2 * time.Hour)})
	}
	if crl, err = x509.CreateRevocationList(rand.Reader, list, ca, key); err != nil {
		t.Fatal(err)
	}
	return cert, crl
}

func TestSignedObjectsHaveTheirHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cert, crl := makeCRL(t, 3)
	w.repo.write("crl/sub.crl", crl)
	w.repo.write("cert/sub.cer", cert)
	response := ObjectName(w.good)
	w.repo.write(response, testResponse(w.good))
	for _, test := range []struct {
		name, contentType, lastModified, expires, cache string
		content                                         []byte
	}{
		{"crl/sub.crl", "application/pkix-crl", "Tue, 24 Nov 2026 05:00:00 GMT", "Tue, 24 Nov 2026 07:00:00 GMT",
			"max-age=3600", crl},
		{"cert/sub.cer", "application/pkix-cert", "Tue, 24 Nov 2026 05:00:00 GMT", "", "max-age=86400", cert},
		{response, "application/ocsp-response", "Tue, 24 Nov 2026 05:00:00 GMT", "Fri, 27 Nov 2026 05:00:00 GMT",
			"max-age=43200", testResponse(w.good)},
	} {
		res := w.do("GET", "/"+test.name, nil)
		if got := bodyOf(t, res); res.StatusCode != 200 || !bytes.Equal(got, test.content) {
			t.Errorf("%s: %d, %d bytes", test.name, res.StatusCode, len(got))
		}
		for field, want := range map[string]string{"Content-Type": test.contentType, "Last-Modified": test.lastModified,
			"Expires": test.expires, "Etag": `"` + digestOf(test.content) + `"`} {
			if got := res.Header.Get(field); got != want {
				t.Errorf("%s: %s is %q, want %q", test.name, field, got, want)
			}
		}
		if got := res.Header.Get("Cache-Control"); !strings.Contains(got, test.cache) {
			t.Errorf("%s: Cache-Control is %q, want %q in it", test.name, got, test.cache)
		}
	}
	res := w.do("GET", "/crl/sub.crl", nil, "Range", "bytes=10-")
	if got := bodyOf(t, res); res.StatusCode != 206 || !bytes.Equal(got, crl[10:]) {
		t.Errorf("Range of a CRL: %d, %d bytes", res.StatusCode, len(got))
	}
	if res := w.do("GET", "/crl/sub.crl", nil, "If-Modified-Since",
		"Tue, 24 Nov 2026 05:00:00 GMT"); res.StatusCode != 304 {
		t.Errorf("If-Modified-Since: %d", res.StatusCode)
	}
	// Past its nextUpdate a CRL is still given out, since its date speaks for
	// itself, but no cache may keep it.
	w.now = testNow.Add(72 * time.Hour)
	if res := w.do("GET", "/crl/sub.crl", nil); res.StatusCode != 200 ||
		!strings.Contains(res.Header.Get("Cache-Control"), "max-age=0") {
		t.Errorf("stale CRL: %d, %q", res.StatusCode, res.Header.Get("Cache-Control"))
	}
}

// TestLargeObject serves a CRL of some MB to many clients at once over real
// connections, whole and in ranges.
func TestLargeObject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, crl := makeCRL(t, 60_000)
	w.repo.write("crl/big.crl", crl)
	h := mustHandler(t, HandlerConfig{Source: w.source, Now: time.Now})
	addr := startHandler(t, h)
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			from := i * 1000
			raw := "GET /crl/big.crl HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: " +
				"gzip\r\nRange: bytes=" + big.NewInt(int64(from)).String() + "-\r\n\r\n"
			res, body := exchange(t, addr, []byte(raw))
			if res.StatusCode != 206 || !bytes.Equal(body, crl[from:]) || res.Header.Get("Content-Encoding") != "" {
				t.Errorf("range from %d: %d, %d of %d bytes", from, res.StatusCode, len(body), len(crl)-from)
			}
		})
	}
	clients.Wait()
}
