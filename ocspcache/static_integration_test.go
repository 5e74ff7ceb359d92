//go:build integration

package ocspcache

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var functionPath = filepath.Join("..", "terraform", "functions", "ocsp-get.js")

// A viewerRequest is what the CDN gives to the function.
type viewerRequest struct {
	Method string `json:"method"`
	URI    string `json:"uri"`
}

// A viewerResult is what the function returns: a request with another URI, or an
// answer.
type viewerResult struct {
	URI        string `json:"uri"`
	StatusCode int    `json:"statusCode"`
	Body       struct {
		Encoding string `json:"encoding"`
		Data     string `json:"data"`
	} `json:"body"`
	Headers map[string]struct {
		Value string `json:"value"`
	} `json:"headers"`
}

// runFunction runs the function in Node, without anything that CloudFront lacks.
func runFunction(t *testing.T, requests []viewerRequest) []viewerResult {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node not found: run make tools")
	}
	const script = `
		const fs = require('fs'), vm = require('vm');
		const context = vm.createContext({});
		vm.runInContext(fs.readFileSync(process.argv[1], 'utf8'), context);
		const requests = JSON.parse(fs.readFileSync(0, 'utf8'));
		console.log(JSON.stringify(requests.map(r => context.handler({request: {method: r.method, uri: r.uri, querystring: {}, headers: {}}}))));`
	in, err := json.Marshal(requests)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, "-e", script, functionPath)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v: %s", err, out)
	}
	var results []viewerResult
	if err := json.Unmarshal(out, &results); err != nil || len(results) != len(requests) {
		t.Fatalf("node answered %d of %d requests: %v", len(results), len(requests), err)
	}
	return results
}

// wantFunction is what the handler's own rules make of a GET request.
func wantFunction(t *testing.T, uri string) (name string, body []byte) {
	t.Helper()
	h := &Handler{prefix: "ocsp"}
	rest, ok := h.ocspPath(&http.Request{Method: http.MethodGet}, strings.TrimLeft(uri, "/"))
	if !ok {
		return uri, nil
	}
	var buf [maxGETRequest]byte
	der, ok := decodeGET(&buf, rest)
	if !ok {
		return "", bodyMalformed
	}
	q, err := ParseRequest(der)
	switch {
	case err != nil:
		return "", bodyMalformed
	case q.Several || q.Key.Hash == 0:
		return "", bodyUnauthorized
	}
	return "/" + ObjectName(q.Key), nil
}

// compareFunction runs GET requests through the function and the handler's rules.
func compareFunction(t *testing.T, uris []string) {
	t.Helper()
	requests := make([]viewerRequest, len(uris))
	for i, uri := range uris {
		requests[i] = viewerRequest{http.MethodGet, uri}
	}
	for i, got := range runFunction(t, requests) {
		name, body := wantFunction(t, uris[i])
		data, err := base64.StdEncoding.DecodeString(got.Body.Data)
		if err != nil || got.URI != name || !bytes.Equal(data, body) {
			t.Errorf("GET %s: function says %q %x, responder %q %x", uris[i], got.URI, data, name, body)
		}
		if body != nil && (got.StatusCode != 200 || got.Headers["content-type"].Value != "application/ocsp-response" ||
			got.Headers["cache-control"].Value != valueUncacheable[0] || got.Body.Encoding != "base64") {
			t.Errorf("GET %s: answer is %+v", uris[i], got)
		}
	}
}

// TestFunctionOnRecordedRequests sends the recorded requests, those of POST
// clients in the form of a GET, through the function.
func TestFunctionOnRecordedRequests(t *testing.T) {
	if info, err := os.Stat(functionPath); err != nil || info.Size() > 10<<10 {
		t.Errorf("function has more than the 10 KB that CloudFront takes, or is not there: %v", err)
	}
	var uris []string
	for _, q := range recorded(t) {
		text := base64.StdEncoding.EncodeToString(q.der)
		uris = append(uris, "/ocsp/"+text, "/ocsp/"+url.QueryEscape(text),
			"/ocsp//"+url.QueryEscape(url.QueryEscape(text)),
			"/ocsp/"+base64.RawURLEncoding.EncodeToString(q.der), "/ocsp/"+strings.ReplaceAll(text, "+", "%20"))
		if method, rest, _ := strings.Cut(q.Line, " "); method == http.MethodGet && q.responderPath() == "/ocsp" {
			uri, _, _ := strings.Cut(rest, " ")
			uris = append(uris, uri)
			parsed, err := ParseRequest(q.der)
			if err != nil {
				t.Fatal(err)
			}
			if name, _ := wantFunction(t, uri); name != "/"+ObjectName(parsed.Key) {
				t.Errorf("%s: the rules lead to %q", q.File, name)
			}
		}
	}
	compareFunction(t, uris)
}

// TestFunctionAgreesWithResponder compares the two on thousands of broken and odd
// requests.
func TestFunctionAgreesWithResponder(t *testing.T) {
	uris := []string{"/", "/ocsp", "/ocsp/", "/index.html", "/crl/sub.crl", "/ocsp/sub.generation", "/ocsp/bundles/00",
		"/ocsp/s1/00/01", "/ocspx/MA",
		"/ocsp/M", "/ocsp/MA", "/ocsp/%", "/ocsp/%4", "/ocsp/%zz", "/ocsp/%%34%31", "/ocsp/MA=MA", "/ocsp/MA%3D%3D%3D",
		"/ocsp/" + strings.Repeat("M", 1368), "/ocsp/" + strings.Repeat("M", 9000)}
	k1, k2 := testKey(crypto.SHA1, "sub", 1), testKey(crypto.SHA256, "sub", 2)
	zero := k1
	zero.Serial = append([]byte{0, 0}, k1.Serial...)
	negative := k1
	negative.Serial = []byte{0xff, 0xff, 0x80}
	ders := [][]byte{
		makeRequest([]Key{k1}, nil), makeRequest([]Key{k2}, nil), makeRequest([]Key{k1, k2}, nil),
		makeRequest([]Key{k1, k1}, nil), makeRequest(nil, nil),
		makeRequest([]Key{zero}, nil), makeRequest([]Key{negative}, nil),
		makeRequest([]Key{{crypto.MD5, make([]byte, 16), make([]byte, 16), []byte{1}}}, nil),
		makeRequest([]Key{testKey(crypto.SHA256, "sub", 3)}, extensions(extension(oidNonce, true))),
		makeRequest([]Key{k1}, extensions(extension("\x2a\x03", false))),
		makeRequest([]Key{k1}, extensions(extension("\x2a\x03", true))),
	}
	for _, q := range recorded(t) {
		ders = append(ders, q.der)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 4000 {
		der := bytes.Clone(ders[i%len(ders)])
		if i >= len(ders) {
			for range 1 + random.IntN(3) {
				der[random.IntN(min(len(der), 24+random.IntN(120)))] = byte(random.IntN(256))
			}
			if random.IntN(8) == 0 {
				der = der[:random.IntN(len(der)+1)]
			}
		}
		uris = append(uris, "/ocsp/"+url.QueryEscape(base64.StdEncoding.EncodeToString(der)))
	}
	compareFunction(t, uris)
}

func TestFunctionMethods(t *testing.T) {
	good := getPath(makeRequest([]Key{testKey(crypto.SHA1, "sub", 1)}, nil))
	results := runFunction(t,
		[]viewerRequest{{"POST", "/ocsp"}, {"PUT", good}, {"HEAD", good}, {"OPTIONS", "/crl/x.crl"}})
	for i, want := range []int{405, 405, 0, 0} {
		if results[i].StatusCode != want {
			t.Errorf("request %d: status %d, want %d", i, results[i].StatusCode, want)
		}
	}
	if results[0].Headers["allow"].Value != "GET, HEAD" {
		t.Errorf("405 allows %q", results[0].Headers["allow"].Value)
	}
}
