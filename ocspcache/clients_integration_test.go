//go:build integration

package ocspcache

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// A responder is the handler under test with a record of what clients sent.
type responder struct {
	ca      *testCA
	url     string
	handler http.Handler
	mu      sync.Mutex
	seen    []string
}

func newResponder(t *testing.T) *responder {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &responder{url: "http://" + listener.Addr().String() + "/ocsp"}
	r.ca = newTestCA(t, r.url)
	repo := newRepository(t)
	repo.publish("sub", 2, r.ca.responses())
	repo.publish("root", 1, r.ca.subResponses())
	r.handler = mustHandler(t, HandlerConfig{Source: repo.open(), Now: time.Now})
	startServer(t, ServerConfig{Listener: listener, Handler: r})
	return r
}

// ServeHTTP records a request and passes it on.
func (r *responder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	if req.Method == http.MethodGet {
		var buf [maxGETRequest]byte
		if der, ok := decodeGET(&buf, strings.TrimPrefix(req.RequestURI, "/ocsp")); ok {
			body = der
		}
	}
	what := req.Method + " " + req.Proto
	if q, err := ParseRequest(body); err == nil {
		what += ", " + q.Key.Hash.String()
		if q.Nonce {
			what += ", nonce"
		}
	}
	r.mu.Lock()
	r.seen = append(r.seen, what)
	r.mu.Unlock()
	r.handler.ServeHTTP(w, req)
}

// requests returns what was asked since the last call, each form once.
func (r *responder) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	r.seen = nil
	slices.Sort(seen)
	return slices.Compact(seen)
}

// A client is a program that asks about the certificate of a state.
type client struct {
	name     string
	command  string // as the table shows it
	run      func(t *testing.T, r *responder, state string) string
	verdicts []verdict
	want     map[string]string // state to verdict; the usual ones when nil
}

// A verdict is what a client's output means.
type verdict struct {
	pattern *regexp.Regexp
	means   string
}

func says(pattern, means string) verdict {
	return verdict{regexp.MustCompile("(?s)" + pattern), means}
}

// usual is what a client must make of the four certificates: no answer for one
// that the CA does not know, and none beyond the nextUpdate.
var usual = map[string]string{"good": "good", "revoked": "revoked", "unknown": "unauthorized", "expired": "tryLater"}

// run runs a program and returns what it printed and its exit code.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s not found: run make tools", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		out = fmt.Appendf(out, "\n[%v]", err)
	}
	return string(out)
}

func opensslClient(name string, flags ...string) client {
	return client{
		name: name, command: strings.Join(append([]string{"openssl ocsp"}, flags...), " "),
		run: func(t *testing.T, r *responder, state string) string {
			args := append([]string{"ocsp"}, flags...)
			args = append(args, "-issuer", r.ca.path("sub.pem"), "-cert", r.ca.path(state+".pem"),
				"-CAfile", r.ca.path("chain.pem"), "-url", r.url)
			return run(t, "openssl", args...)
		},
		verdicts: []verdict{
			says(`Response verify OK.*: good`, "good"), says(`Response verify OK.*: revoked`, "revoked"),
			says(`Responder Error: unauthorized`, "unauthorized"), says(`Responder Error: trylater`, "tryLater"),
		},
	}
}

func gnutlsClient(name string, flags ...string) client {
	return client{
		name: name, command: strings.Join(append([]string{"ocsptool --ask"}, flags...), " "),
		run: func(t *testing.T, r *responder, state string) string {
			args := append([]string{"--ask=" + r.url}, flags...)
			args = append(args, "--load-cert", r.ca.path(state+".pem"), "--load-issuer", r.ca.path("sub.pem"),
				"--load-trust", r.ca.path("sub.pem"))
			return run(t, "ocsptool", args...)
		},
		verdicts: []verdict{
			says(`Certificate Status: good.*Verifying OCSP Response: Success`, "good"),
			says(`Certificate Status: revoked.*Verifying OCSP Response: Success`, "revoked"),
			says(`could not read response's nonce`, "refused: no nonce"),
			says(`[Rr]esponse [Ss]tatus: unauthorized`, "unauthorized"),
			says(`[Rr]esponse [Ss]tatus: tryLater`, "tryLater"),
			says(`.`, "no answer"),
		},
	}
}

// nssDatabase makes an NSS database that trusts the root.
func nssDatabase(t *testing.T, r *responder) string {
	t.Helper()
	db := "sql:" + r.ca.path("nss")
	if _, err := os.Stat(r.ca.path("nss")); err == nil {
		return db
	}
	if err := os.Mkdir(r.ca.path("nss"), 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, "certutil", "-N", "-d", db, "--empty-password")
	for name, trust := range map[string]string{"root": "CT,C,C", "sub": ",,", "good": ",,", "revoked": ",,",
		"unknown": ",,", "expired": ",,"} {
		if out := run(t, "certutil", "-A", "-d", db, "-n", name, "-t", trust, "-i",
			r.ca.path(name+".der")); strings.Contains(out, "[exit") {
			t.Fatalf("certutil: %s", out)
		}
	}
	return db
}

func vfychainClient() client {
	return client{
		name: "NSS vfychain", command: "vfychain -pp -g leaf -m ocsp -s failIfNoInfo",
		run: func(t *testing.T, r *responder, state string) string {
			return run(t, "vfychain", "-d", nssDatabase(t, r), "-pp", "-u", "1", "-g", "leaf", "-m", "ocsp", "-s",
				"failIfNoInfo", r.ca.path(state+".der"), r.ca.path("sub.der"))
		},
		// With failIfNoInfo, NSS says "revoked" of every chain about which it got no
		// answer, so the output does not tell why a chain was refused.
		verdicts: []verdict{says(`Chain is good`, "good"), says(`Chain is bad!`, "refused")},
		want:     map[string]string{"good": "good", "revoked": "refused", "unknown": "refused", "expired": "refused"},
	}
}

func ocspclntClient() client {
	return client{
		name: "NSS ocspclnt", command: "ocspclnt -S",
		run: func(t *testing.T, r *responder, state string) string {
			return run(t, "ocspclnt", "-d", nssDatabase(t, r), "-S", state)
		},
		verdicts: []verdict{
			says(`Check of certificate "\w+" succeeded`, "good"), says(`has been revoked`, "revoked"),
			says(`refused this request as unauthorized`, "unauthorized"),
			says(`suggests trying again later`, "tryLater"),
		},
	}
}

func javaClient(name string, properties ...string) client {
	return client{
		name: name, command: strings.Join(append([]string{"java"}, properties...), " ") + " PKIXRevocationChecker",
		run: func(t *testing.T, r *responder, state string) string {
			if _, err := os.Stat(r.ca.path("Check.class")); err != nil {
				if out := run(t, "javac", "-d", r.ca.dir, filepath.Join("testdata", "java", "Check.java")); out != "" {
					t.Fatal(out)
				}
			}
			args := append(slices.Clone(properties), "-cp", r.ca.dir, "Check")
			return run(t, "java", append(args, r.ca.path(state+".pem"), r.ca.path("sub.pem"), r.ca.path("root.pem"))...)
		},
		verdicts: []verdict{
			says(`verdict: good`, "good"), says(`verdict: REVOKED`, "revoked"),
			says(`verdict: .*OCSP response error: UNAUTHORIZED`, "unauthorized"),
			says(`verdict: .*OCSP response error: TRY_LATER`, "tryLater"),
		},
	}
}

// goClient asks with x/crypto, the way Go programs do.
func goClient(method string, hash crypto.Hash) client {
	return client{
		name:    "Go x/crypto " + method + " " + hash.String(),
		command: "ocsp.CreateRequest, net/http, ParseResponseForCert",
		run: func(t *testing.T, r *responder, state string) string {
			der, err := ocsp.CreateRequest(r.ca.leaves[state], r.ca.sub, &ocsp.RequestOptions{Hash: hash})
			if err != nil {
				t.Fatal(err)
			}
			res, err := func() (*http.Response, error) {
				if method == http.MethodPost {
					return http.Post(r.url, "application/ocsp-request", bytes.NewReader(der))
				}
				return http.Get(r.url + "/" + url.PathEscape(base64.StdEncoding.EncodeToString(der)))
			}()
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			parsed, err := ocsp.ParseResponseForCert(bodyOf(t, res), r.ca.leaves[state], r.ca.sub)
			if err != nil {
				return err.Error()
			}
			return fmt.Sprintf("status %d", parsed.Status)
		},
		verdicts: []verdict{
			says(`^status 0$`, "good"), says(`^status 1$`, "revoked"), says(`unauthorized`, "unauthorized"),
			says(`try later`, "tryLater"),
		},
	}
}

// TestLiveClients lets real clients ask about a good, a revoked, an unknown and
// an expired certificate, and keeps docs/clients.md up to date.
func TestLiveClients(t *testing.T) {
	r := newResponder(t)
	var rows []string
	for _, c := range []client{
		opensslClient("OpenSSL"), opensslClient("OpenSSL without nonce", "-no_nonce"),
		opensslClient("OpenSSL SHA-256", "-no_nonce", "-sha256"),
		gnutlsClient("GnuTLS"), withNonce(gnutlsClient("GnuTLS with nonce", "--nonce")),
		vfychainClient(), ocspclntClient(),
		javaClient("Java PKIX"), javaClient("Java PKIX POST", "-Dcom.sun.security.ocsp.useget=false"),
		javaClient("Java PKIX with nonce", "-Djdk.security.certpath.ocspNonce=true"),
		goClient("GET", crypto.SHA1), goClient("GET", crypto.SHA256), goClient("POST", crypto.SHA1),
		goClient("POST", crypto.SHA256),
	} {
		rows = append(rows, c.test(t, r))
	}
	rows = append(rows, testStapling(t, r)...)
	rows = append(rows, testChromium(t, r)...)
	checkClientTable(t, rows)
}

// withNonce expects the one client that insists on its nonce to refuse.
func withNonce(c client) client {
	c.want = make(map[string]string)
	for _, state := range certificateStates {
		c.want[state] = "refused: no nonce"
	}
	return c
}

// test asks about all states and returns the client's row of the table.
func (c client) test(t *testing.T, r *responder) string {
	t.Helper()
	cells, asked := c.verdictsOf(t, r)
	if len(asked) == 0 {
		t.Errorf("%s asked for nothing", c.name)
	}
	return tableRow(c.name, c.command, strings.Join(asked, "; "), cells)
}

// verdictsOf lets the client judge the certificate of each state, and returns what it asked for meanwhile.
func (c client) verdictsOf(t *testing.T, r *responder) (cells, asked []string) {
	t.Helper()
	r.requests()
	want := c.want
	if want == nil {
		want = usual
	}
	for _, state := range certificateStates {
		out := c.run(t, r, state)
		got := judge(c.verdicts, out)
		if got != want[state] {
			t.Errorf("%s, %s certificate: verdict is %q, want %q; it said:\n%s", c.name, state, got, want[state], out)
		}
		cells = append(cells, got)
	}
	return cells, r.requests()
}

func judge(verdicts []verdict, out string) string {
	for _, v := range verdicts {
		if v.pattern.MatchString(out) {
			return v.means
		}
	}
	return "?"
}

func tableRow(name, command, asked string, cells []string) string {
	return fmt.Sprintf("| %s | `%s` | %s | %s |", name, command, asked, strings.Join(cells, " | "))
}

const clientTableHead = `# OCSP clients

Which real clients get the right answer from the keyless responder. TestLiveClients makes this table: it runs each client against
pre-signed responses of a fresh CA with a delegated OCSP signer, about a certificate that is good, one that is revoked, one that the
CA has no record of, and one whose stored response is past its nextUpdate. The test fails on a wrong answer and on a table that is
not what it saw. To write the table again: ` + "`go test -tags integration -run TestLiveClients ./ocspcache -update`" +
	`.

The responder never says *unknown* or *good* about a certificate it has no response for: it answers *unauthorized* (RFC 9919 section
3.2), and *tryLater* instead of a response past its nextUpdate. It never echoes a nonce, since nothing is signed on demand. Clients that
merely send one take the answer; those that insist on it cannot use pre-signed responses at all.

| client | command | requests | good | revoked | unknown | expired |
|---|---|---|---|---|---|---|
`

const clientTableTail = `
- NSS vfychain with ` + "`failIfNoInfo`" +
	` refuses a chain about which it got no answer, in the words that it has for a revoked one.
- nginx asks by GET and staples only what it verified as good; curl judges the staple of a server and never asks itself.
- Forms that other clients send are in the unit tests: BouncyCastle's CertID without NULL and with empty extensions, unescaped base64,
  the URL-safe alphabet, and every recording in ` + "`ocspcache/testdata/requests/`" + `.
- Apache's ` + "`SSLOCSPEnable`" + ` and stunnel's ` + "`OCSPaia`" + ` can insist on a nonce like ` +
	"`ocsptool --nonce`" + `; their
  switches are ` + "`SSLOCSPUseRequestNonce off`" + ` and ` + "`OCSPnonce = no`" + `.
- Chromium says only that it would not load the page, and why: *ERR_CERT_REVOKED*, or *unable to check* for
  ERR_CERT_UNABLE_TO_CHECK_REVOCATION; *accepted* is a page that loads, whether or not anything said that its certificate is good.
  By itself it asks nobody. ` + "`EnableOnlineRevocationChecks`" + ` makes it ask and fail softly;
  ` + "`RequireOnlineRevocationChecksForLocalAnchors`" +
	` makes it insist on an answer for every certificate below a root that the user
  installed: with nobody listening at the responder's address it is *unable to check* too, and a CA certificate that names no
  responder ends in ERR_CERT_NO_REVOCATION_MECHANISM. A staple needs no policy, unless it is past its nextUpdate: then Chromium
  takes it for none. The test gives the browser policies of its own in a mount namespace and leaves the machine's alone.
`

// otherTables are those behind this one: TestAlgorithms of package hsmsign makes them.
const otherTables = "\n# Algorithms\n"

// checkClientTable compares docs/clients.md with what was seen, or writes it.
func checkClientTable(t *testing.T, rows []string) {
	t.Helper()
	path := filepath.Join("..", "docs", "clients.md")
	want := clientTableHead + strings.Join(rows, "\n") + "\n" + clientTableTail
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, others, found := strings.Cut(string(page), otherTables)
	if *update {
		if err := os.WriteFile(path, []byte(want+otherTables+others), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want || !found {
		t.Errorf("%s is not what the clients did; want:\n%s", path, want)
	}
}
