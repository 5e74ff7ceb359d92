package ocspcache

import (
	"bufio"
	"bytes"
	"crypto"
	"encoding/json"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A recording is a request of a real client, byte for byte.
type recording struct {
	File, Client, Line, Hash, Serial string
	Extensions                       []string
	raw, der                         []byte
	target                           string // what follows the responder's path in a GET
}

// responderPath is where the recording server had its responder.
func (q recording) responderPath() string {
	if strings.HasPrefix(q.Line, "GET /M") {
		return "/"
	}
	return "/ocsp"
}

func (q recording) hash() crypto.Hash {
	return map[string]crypto.Hash{"sha1": crypto.SHA1, "sha256": crypto.SHA256}[q.Hash]
}

// serial returns the recorded serial number as DER content octets.
func (q recording) serial(tb testing.TB) []byte {
	n, ok := new(big.Int).SetString(q.Serial, 0)
	if !ok {
		tb.Fatalf("%s: serial %q", q.File, q.Serial)
	}
	return minimalInteger(append([]byte{0}, n.Bytes()...))
}

// recorded reads the recordings. The DER comes out by means that have nothing to
// do with the code under test for POST, and by decodeGET for GET.
func recorded(tb testing.TB) []recording {
	tb.Helper()
	index, err := os.ReadFile(filepath.Join("testdata", "requests", "index.jsonl"))
	if err != nil {
		tb.Fatal(err)
	}
	var list []recording
	for line := range bytes.Lines(index) {
		var q recording
		if err := json.Unmarshal(line, &q); err != nil {
			tb.Fatal(err)
		}
		if q.raw, err = os.ReadFile(filepath.Join("testdata", "requests", q.File)); err != nil {
			tb.Fatal(err)
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(q.raw)))
		if err != nil {
			tb.Fatalf("%s: %v", q.File, err)
		}
		if r.Method == http.MethodPost {
			q.der, err = io.ReadAll(r.Body)
		} else {
			q.target = strings.TrimPrefix(strings.TrimPrefix(r.RequestURI, "/ocsp"), "/root")
			var buf [maxGETRequest]byte
			q.der, _ = decodeGET(&buf, q.target)
			q.der = slices.Clone(q.der)
		}
		if err != nil || len(q.der) == 0 {
			tb.Fatalf("%s: no request in it: %v", q.File, err)
		}
		list = append(list, q)
	}
	return list
}

func TestRecordedRequestsAreDecoded(t *testing.T) {
	t.Parallel()
	for _, q := range recorded(t) {
		got, err := ParseRequest(q.der)
		if err != nil {
			t.Errorf("%s: %v", q.File, err)
			continue
		}
		nonce := slices.Contains(q.Extensions, "1.3.6.1.5.5.7.48.1.2")
		if got.Key.Hash != q.hash() || !bytes.Equal(got.Key.Serial, q.serial(t)) || got.Nonce != nonce || got.Several {
			t.Errorf("%s: read as %v serial %x, nonce %v", q.File, got.Key.Hash, got.Key.Serial, got.Nonce)
		}
	}
}

// TestRecordedRequestsAreAnswered sends the recorded bytes over real connections
// and compares every answer with the response stored for the recorded CertID.
func TestRecordedRequestsAreAnswered(t *testing.T) {
	t.Parallel()
	repo := newRepository(t)
	responses := make(map[*Key][]byte)
	var keys []Key
	for _, q := range recorded(t) {
		k := Key{Hash: q.hash(), Serial: q.serial(t)}
		parsed, err := ParseRequest(q.der)
		if err != nil {
			t.Fatal(err)
		}
		k.IssuerNameHash, k.IssuerKeyHash = parsed.Key.IssuerNameHash, parsed.Key.IssuerKeyHash
		if !slices.ContainsFunc(keys, k.equal) {
			keys = append(keys, k)
			responses[&k] = testResponse(k)
		}
	}
	repo.publish("sub", 4, responses)
	source := repo.open()
	servers := map[string]string{}
	for _, prefix := range []string{"/", "/ocsp"} {
		servers[prefix] = startHandler(t, mustHandler(t, HandlerConfig{Source: source, OCSPPrefix: prefix}))
	}
	for _, q := range recorded(t) {
		res, body := exchange(t, servers[q.responderPath()], q.raw)
		parsed, err := ParseRequest(q.der)
		if err != nil {
			t.Fatal(err)
		}
		want := testResponse(parsed.Key)
		if res.StatusCode != http.StatusOK || !bytes.Equal(body, want) {
			t.Errorf("%s: answer %d is %x, want %x", q.File, res.StatusCode, body, want)
		}
		checkFresh(t, q.File, res, want, parsed.Nonce && strings.HasPrefix(q.Line, "GET"))
	}
}

// checkFresh compares the header of a stored response with RFC 9919 section 6.
func checkFresh(t *testing.T, name string, res *http.Response, der []byte, unique bool) {
	t.Helper()
	want := map[string]string{
		"Content-Type":  "application/ocsp-response",
		"Last-Modified": "Tue, 24 Nov 2026 05:00:00 GMT",
		"Expires":       "Fri, 27 Nov 2026 05:00:00 GMT",
		"Etag":          `"` + digestOf(der) + `"`,
		"Cache-Control": "max-age=43200, public, no-transform, must-revalidate",
	}
	if unique {
		want["Cache-Control"] = "no-store, no-transform"
	}
	for field, value := range want {
		if got := res.Header.Values(field); len(got) != 1 || got[0] != value {
			t.Errorf("%s: %s is %q, want %q", name, field, got, value)
		}
	}
	for _, field := range []string{"Vary", "Pragma", "Content-Encoding", "Transfer-Encoding", "Set-Cookie"} {
		if got := res.Header.Get(field); got != "" {
			t.Errorf("%s: %s is %q", name, field, got)
		}
	}
	if res.ContentLength != int64(len(der)) {
		t.Errorf("%s: Content-Length is %d, want %d", name, res.ContentLength, len(der))
	}
	if _, err := http.ParseTime(res.Header.Get("Date")); err != nil {
		t.Errorf("%s: Date: %v", name, err)
	}
}

// startHandler serves h on loopback and returns the address.
func startHandler(t *testing.T, h http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

// exchange sends raw bytes and reads one answer.
func exchange(t *testing.T, addr string, raw []byte) (*http.Response, []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(raw); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(string(raw), " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: %v", raw[:min(len(raw), 80)], err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, body
}
