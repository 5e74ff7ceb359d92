package ocspcache

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A world is a repository with two issuers behind a handler.
type world struct {
	repo    *repository
	source  *Directory
	handler *Handler
	good    Key // of issuer "sub", fresh
	sha256  Key // the same certificate
	expired Key // of issuer "old", past its nextUpdate
	now     time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		repo: newRepository(t), now: testNow,
		good: testKey(crypto.SHA1, "sub", 1), sha256: testKey(crypto.SHA256, "sub", 1),
		expired: testKey(crypto.SHA1, "old", 1),
	}
	w.repo.publish("sub", 3, map[*Key][]byte{&w.good: testResponse(w.good), &w.sha256: testResponse(w.sha256)})
	w.repo.publish("old", 1, map[*Key][]byte{&w.expired: makeResponse(responseSpec{
		keys: []Key{w.expired}, this: testNow.Add(-72 * time.Hour), next: testNow,
	})})
	w.source = w.repo.open()
	w.handler = mustHandler(t, HandlerConfig{Source: w.source, Now: func() time.Time { return w.now }})
	return w
}

// do sends one request to the handler.
func (w *world) do(method, target string, body []byte, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, bytes.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec.Result()
}

func bodyOf(t *testing.T, res *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func getPath(der []byte) string {
	return "/ocsp/" + url.QueryEscape(base64.StdEncoding.EncodeToString(der))
}

func TestHandlerAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := makeRequest([]Key{w.good}, nil)
	nonce := makeRequest([]Key{w.good}, extensions(extension(oidNonce, false)))
	other := makeRequest([]Key{testKey(crypto.SHA1, "sub", 99)}, nil)
	stranger := w.good
	stranger.IssuerNameHash = make([]byte, 20)
	text := base64.StdEncoding.EncodeToString(good)
	for _, test := range []struct {
		name, method, target string
		body, want           []byte
	}{
		{"GET", "GET", getPath(good), nil, testResponse(w.good)},
		{"GET raw", "GET", "/ocsp/" + text, nil, testResponse(w.good)},
		{"GET double slash", "GET", "/ocsp//" + text, nil, testResponse(w.good)},
		{"GET leading slashes", "GET", "//ocsp///" + text, nil, testResponse(w.good)},
		{"GET absolute form", "GET", "http://ocsp.example" + getPath(good), nil, testResponse(w.good)},
		{"GET with query", "GET", getPath(good) + "?x=1", nil, testResponse(w.good)},
		{"GET below issuer", "GET", "/ocsp/sub/" + text, nil, testResponse(w.good)},
		{"GET nonce", "GET", getPath(nonce), nil, testResponse(w.good)},
		{"GET sha256", "GET", getPath(makeRequest([]Key{w.sha256}, nil)), nil, testResponse(w.sha256)},
		{"HEAD", "HEAD", getPath(good), nil, nil},
		{"POST", "POST", "/ocsp", good, testResponse(w.good)},
		{"POST slash", "POST", "/ocsp/", good, testResponse(w.good)},
		{"POST issuer", "POST", "/ocsp/sub", good, testResponse(w.good)},
		{"POST nonce", "POST", "/ocsp", nonce, testResponse(w.good)},
		{"POST same twice", "POST", "/ocsp", makeRequest([]Key{w.good, w.good}, nil), testResponse(w.good)},
		{"POST several", "POST", "/ocsp", makeRequest([]Key{w.good, w.sha256}, nil), bodyUnauthorized},
		{"GET unknown serial", "GET", getPath(other), nil, bodyUnauthorized},
		{"POST unknown serial", "POST", "/ocsp", other, bodyUnauthorized},
		{"POST issuer name differs", "POST", "/ocsp", makeRequest([]Key{stranger}, nil), bodyUnauthorized},
		{"POST unknown hash", "POST", "/ocsp",
			makeRequest([]Key{{crypto.MD5, make([]byte, 16), make([]byte, 16), []byte{1}}}, nil), bodyUnauthorized},
		{"GET expired", "GET", getPath(makeRequest([]Key{w.expired}, nil)), nil, bodyTryLater},
		{"POST expired", "POST", "/ocsp", makeRequest([]Key{w.expired}, nil), bodyTryLater},
		{"GET garbage", "GET", "/ocsp/MAAA", nil, bodyMalformed},
		{"GET not base64", "GET", "/ocsp/M%00", nil, bodyMalformed},
		{"GET nothing", "GET", "/ocsp", nil, bodyMalformed},
		{"GET slash", "GET", "/ocsp/", nil, bodyMalformed},
		{"POST garbage", "POST", "/ocsp", []byte("hello"), bodyMalformed},
		{"POST nothing", "POST", "/ocsp", nil, bodyMalformed},
		{"POST trailing", "POST", "/ocsp", append(bytes.Clone(good), 0), bodyMalformed},
		{"POST oversize", "POST", "/ocsp", make([]byte, maxPOSTRequest+1), bodyMalformed},
	} {
		res := w.do(test.method, test.target, test.body)
		got := bodyOf(t, res)
		if res.StatusCode != http.StatusOK || !bytes.Equal(got, test.want) {
			t.Errorf("%s: %d with %x, want %x", test.name, res.StatusCode, got, test.want)
		}
		if got := res.Header.Get("Content-Type"); got != "application/ocsp-response" {
			t.Errorf("%s: Content-Type is %q", test.name, got)
		}
		if len(test.want) == 5 {
			if got := res.Header.Get("Cache-Control"); got != "no-cache, no-store, max-age=0" {
				t.Errorf("%s: Cache-Control is %q", test.name, got)
			}
			if res.Header.Get("Etag")+res.Header.Get("Expires")+res.Header.Get("Last-Modified") != "" {
				t.Errorf("%s: an error can be cached: %v", test.name, res.Header)
			}
		}
	}
}

// TestPOSTWithoutALength: a body that does not say how long it is, is read to its end, and not beyond what a request
// may have.
func TestPOSTWithoutALength(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]bool{0: true, 1: true, maxPOSTRequest: true, maxPOSTRequest + 1: false,
		1 << 20: false} {
		r := httptest.NewRequest("POST", "/ocsp", io.NopCloser(bytes.NewReader(make([]byte, size))))
		if r.ContentLength > 0 {
			t.Fatalf("the request says that it has %d octets", r.ContentLength)
		}
		if der, ok := readPOST(new([maxPOSTRequest + 1]byte), r); ok != want || ok && len(der) != size {
			t.Errorf("%d octets: read %d, %v", size, len(der), ok)
		}
	}
}

func TestHandlerMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, method := range []string{"PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND"} {
		for target, allow := range map[string]string{"/ocsp": "GET, HEAD, POST", "/crl/sub.crl": "GET, HEAD"} {
			res := w.do(method, target, nil)
			if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != allow {
				t.Errorf("%s %s: %d, Allow %q", method, target, res.StatusCode, res.Header.Get("Allow"))
			}
		}
	}
	if res := w.do("POST", "/crl/sub.crl", nil); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST to a CRL: %d", res.StatusCode)
	}
}

func TestHandlerConditional(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := getPath(makeRequest([]Key{w.good}, nil))
	etag := `"` + digestOf(testResponse(w.good)) + `"`
	for _, test := range []struct {
		name   string
		header []string
		want   int
	}{
		{"same", []string{"If-None-Match", etag}, 304},
		{"weak", []string{"If-None-Match", "W/" + etag}, 304},
		{"list", []string{"If-None-Match", `"a", W/"b" ,` + etag}, 304},
		{"two fields", []string{"If-None-Match", `"a"`, "If-None-Match", etag}, 304},
		{"star", []string{"If-None-Match", "*"}, 304},
		{"other", []string{"If-None-Match", `"a", "b"`}, 200},
		{"unquoted", []string{"If-None-Match", strings.Trim(etag, `"`)}, 200},
		{"unfinished", []string{"If-None-Match", `"a`}, 200},
		{"empty", []string{"If-None-Match", ""}, 200},
		{"same time", []string{"If-Modified-Since", "Tue, 24 Nov 2026 05:00:00 GMT"}, 304},
		{"later", []string{"If-Modified-Since", "Tue, 24 Nov 2026 05:00:01 GMT"}, 304},
		{"earlier", []string{"If-Modified-Since", "Tue, 24 Nov 2026 04:59:59 GMT"}, 200},
		{"no time", []string{"If-Modified-Since", "yesterday"}, 200},
		{"ETag wins", []string{"If-None-Match", `"a"`, "If-Modified-Since", "Tue, 24 Nov 2026 05:00:00 GMT"}, 200},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			res := w.do(method, target, nil, test.header...)
			if res.StatusCode != test.want {
				t.Errorf("%s %s: %d, want %d", method, test.name, res.StatusCode, test.want)
			}
			if res.Header.Get("Etag") != etag || res.Header.Get("Expires") == "" ||
				res.Header.Get("Cache-Control") == "" {
				t.Errorf("%s %s: header is %v", method, test.name, res.Header)
			}
			if body := bodyOf(t, res); test.want == 304 && len(body) > 0 {
				t.Errorf("%s %s: 304 with a body", method, test.name)
			}
		}
	}
	res := w.do("POST", "/ocsp", makeRequest([]Key{w.good}, nil), "If-None-Match", etag)
	if res.StatusCode != 200 {
		t.Errorf("conditional POST: %d", res.StatusCode)
	}
}

// TestHandlerAge walks through the life of a response: no cache may keep it
// beyond its planned replacement, nor up to its nextUpdate.
func TestHandlerAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, test := range []struct {
		after           time.Duration // since thisUpdate; validity is 72 h
		cadence, margin time.Duration
		want            int64
	}{
		{0, 24 * time.Hour, 0, 12 * 3600},
		{20 * time.Hour, 24 * time.Hour, 0, 4 * 3600},
		{24 * time.Hour, 24 * time.Hour, 0, overdueAge},
		{70 * time.Hour, 24 * time.Hour, 0, overdueAge},
		{72*time.Hour - 61*time.Second, 24 * time.Hour, 0, 1},
		{72*time.Hour - 59*time.Second, 24 * time.Hour, 0, 0},
		{72*time.Hour - time.Second, 24 * time.Hour, 0, 0},
		{30 * time.Hour, 0, 0, 6 * 3600}, // half of the validity
		{40 * time.Hour, 70 * time.Hour, 25 * time.Hour, 7 * 3600},
	} {
		h := mustHandler(t, HandlerConfig{Source: w.source, Cadence: test.cadence, Margin: test.margin})
		this := testNow.Add(-time.Hour)
		s := Stored{ThisUpdate: this.Unix(), NextUpdate: this.Add(72 * time.Hour).Unix()}
		if got := h.age(s, this.Add(test.after).Unix()); got != test.want {
			t.Errorf("%v after thisUpdate, cadence %v: max-age is %d, want %d", test.after, test.cadence, got,
				test.want)
		}
	}
	final := Stored{ThisUpdate: testNow.Unix(), NextUpdate: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()}
	if got := w.handler.age(final, testNow.Unix()); got != 12*3600 {
		t.Errorf("max-age of a final response is %d", got)
	}
	// One second before nextUpdate the answer is given out, at nextUpdate it is not.
	for after, want := range map[time.Duration][]byte{71*time.Hour - time.Second: testResponse(w.good),
		71 * time.Hour: bodyTryLater} {
		w.now = testNow.Add(after)
		if got := bodyOf(t, w.do("POST", "/ocsp", makeRequest([]Key{w.good}, nil))); !bytes.Equal(got, want) {
			t.Errorf("at %v: %x", w.now, got)
		}
	}
}

func TestHandlerRootPrefix(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.repo.write("index.html", []byte("<!doctype html><title>x</title>"))
	w.handler = mustHandler(t, HandlerConfig{Source: w.source, OCSPPrefix: "/"})
	good := makeRequest([]Key{w.good}, nil)
	text := base64.StdEncoding.EncodeToString(good)
	for _, target := range []string{"/" + text, "//" + text, "/" + url.QueryEscape(url.QueryEscape(text)),
		"/%4D" + text[1:]} {
		if got := bodyOf(t, w.do("GET", target, nil)); !bytes.Equal(got, testResponse(w.good)) {
			t.Errorf("GET %s: %x", target, got)
		}
	}
	if got := bodyOf(t, w.do("POST", "/", good)); !bytes.Equal(got, testResponse(w.good)) {
		t.Errorf("POST /: %x", got)
	}
	for _, target := range []string{"/", "/index.html", "/ocsp/sub.generation"} {
		if res := w.do("GET", target, nil); res.StatusCode != 200 ||
			res.Header.Get("Content-Type") == "application/ocsp-response" {
			t.Errorf("GET %s: %d %v", target, res.StatusCode, res.Header)
		}
	}
}

func TestHandlerObjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := []byte("<!doctype html><title>repository</title>")
	w.repo.write("index.html", page)
	w.repo.write("log/checkpoint", []byte("example.org/log\n3\nAAAA\n\n— x y\n"))
	w.repo.write("log/tile/0/x001/234", make([]byte, 8192))
	w.repo.write("docs/.hidden.pdf", page)
	w.repo.write("private.key", page)
	w.repo.write("other/index.html", page)
	g, err := os.ReadFile(filepath.Join(w.repo.root, "ocsp", "sub.generation"))
	if err != nil {
		t.Fatal(err)
	}
	bundles, err := os.ReadDir(filepath.Join(w.repo.root, "ocsp", "bundles"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		target      string
		status      int
		contentType string
		cache       string
	}{
		{"/", 200, "text/html; charset=utf-8", "max-age=3600"},
		{"/index.html", 200, "text/html; charset=utf-8", "max-age=3600"},
		{"/log/checkpoint", 200, "text/plain; charset=utf-8", "max-age="},
		{"/log/tile/0/x001/234", 200, "application/octet-stream", "immutable"},
		{"/ocsp/sub.generation", 200, "text/plain; charset=utf-8", "max-age="},
		{"/ocsp/bundles/" + bundles[0].Name(), 200, "application/octet-stream", "immutable"},
		{"/crl/none.crl", 404, "", "no-store"},
		{"/docs/.hidden.pdf", 404, "", "no-store"},
		{"/private.key", 404, "", "no-store"},
		{"/other/index.html", 404, "", "no-store"},
		{"/log", 404, "", "no-store"},
		{"/log/", 404, "", "no-store"},
		{"/log/tile", 404, "", "no-store"},
		{"/log/tile/../checkpoint", 404, "", "no-store"},
		{"/log/%2e%2e/index.html", 404, "", "no-store"},
		{"/log%2fcheckpoint", 200, "text/plain; charset=utf-8", ""},
		{"/log/checkpoint/x", 404, "", "no-store"},
		{"/index.html/", 404, "", "no-store"},
		{"/ocsp/bundles/xyz", 404, "", "no-store"},
		{"/healthz", 200, "application/json", "no-store"},
		{"/readyz", 503, "application/json", "no-store"},
	} {
		res := w.do("GET", test.target, nil, "Accept-Encoding", "gzip, br")
		if res.StatusCode != test.status {
			t.Errorf("GET %s: %d, want %d", test.target, res.StatusCode, test.status)
		}
		if test.contentType != "" && res.Header.Get("Content-Type") != test.contentType {
			t.Errorf("GET %s: Content-Type %q, want %q", test.target, res.Header.Get("Content-Type"), test.contentType)
		}
		if got := res.Header.Get("Cache-Control"); !strings.Contains(got, test.cache) {
			t.Errorf("GET %s: Cache-Control %q, want %q", test.target, got, test.cache)
		}
		if res.Header.Get("Content-Encoding")+res.Header.Get("Location") != "" {
			t.Errorf("GET %s: encoded or redirected: %v", test.target, res.Header)
		}
		if test.status == 200 && test.contentType != "application/json" && res.Header.Get("Etag") == "" {
			t.Errorf("GET %s: no ETag", test.target)
		}
	}
	if got := bodyOf(t, w.do("GET", "/ocsp/sub.generation", nil)); !bytes.Equal(got, g) {
		t.Errorf("generation is served as %q", got)
	}
	etag := `"` + digestOf(page) + `"`
	if res := w.do("GET", "/", nil, "If-None-Match", etag); res.StatusCode != 304 {
		t.Errorf("conditional GET: %d", res.StatusCode)
	}
	if res := w.do("HEAD", "/", nil); res.StatusCode != 200 || len(bodyOf(t, res)) != 0 ||
		res.ContentLength != int64(len(page)) {
		t.Errorf("HEAD: %d, %d bytes announced", res.StatusCode, res.ContentLength)
	}
	res := w.do("GET", "/index.html", nil, "Range", "bytes=2-9", "If-Range", etag)
	if got := bodyOf(t, res); res.StatusCode != 206 || string(got) != "doctype " ||
		res.Header.Get("Content-Range") != fmt.Sprintf("bytes 2-9/%d", len(page)) {
		t.Errorf("Range: %d %q %v", res.StatusCode, got, res.Header)
	}
	if res := w.do("GET", "/index.html", nil, "Range", "bytes=1000-"); res.StatusCode != 416 {
		t.Errorf("Range behind the end: %d", res.StatusCode)
	}
	// A new content under the name is seen at once.
	w.repo.write("index.html", []byte("new"))
	if got := bodyOf(t, w.do("GET", "/", nil)); string(got) != "new" {
		t.Errorf("after a change: %q", got)
	}
}

func TestHandlerWithholdsKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.repo.write("docs/policy.pdf", []byte(testPrivateKey))
	if res := w.do("GET", "/docs/policy.pdf", nil); res.StatusCode != 404 ||
		strings.Contains(string(bodyOf(t, res)), "PRIVATE") {
		t.Errorf("a private key was given out: %d", res.StatusCode)
	}
}

func TestHandlerRefusesConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]HandlerConfig{
		"no source": {},
		"max age":   {Source: new(Directory), MaxAge: -1},
		"cadence":   {Source: new(Directory), Cadence: -1},
	} {
		if _, err := NewHandler(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
