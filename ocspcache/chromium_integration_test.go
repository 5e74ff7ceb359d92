//go:build integration

package ocspcache

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A chromium is a browser with a home and with machine policies of its own.
type chromium struct {
	home, policies string
}

// Chromium asks only where a policy of the machine says so. Soft failure is what
// EnableOnlineRevocationChecks gives; the second policy makes a root that the
// user installed fail hard.
const (
	policySoft = "EnableOnlineRevocationChecks"
	policyHard = "RequireOnlineRevocationChecksForLocalAnchors"
)

// newChromium makes a home whose NSS database trusts the root, and a folder of
// policies with those given switched on.
func newChromium(t *testing.T, r *responder, policies ...string) *chromium {
	t.Helper()
	c := &chromium{home: t.TempDir(), policies: t.TempDir()}
	for _, dir := range []string{c.home + "/.pki/nssdb", c.policies + "/policies/managed"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	db := "sql:" + c.home + "/.pki/nssdb"
	out := run(t, "certutil", "-N", "-d", db, "--empty-password") +
		run(t, "certutil", "-A", "-d", db, "-n", "root", "-t", "C,,", "-i", r.ca.path("root.der"))
	if out != "" {
		t.Fatalf("certutil: %s", out)
	}
	set := make(map[string]bool, len(policies))
	for _, p := range policies {
		set[p] = true
	}
	b, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.policies+"/policies/managed/seihon.json", b, 0o644); err != nil {
		t.Fatal(err)
	}
	return c
}

// load opens a page and returns its DOM, and the browser's log, which has the
// number of the error that refused a connection. The policies are seen by this process alone: it has
// a mount namespace of its own, in which they lie over /etc/chromium.
func (c *chromium) load(t *testing.T, url string) string {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Fatal("chromium not found: run make tools")
	}
	namespace := "--mount"
	if os.Getuid() != 0 {
		namespace = "--mount --map-root-user"
	}
	const script = `mount --bind "$0" /etc/chromium && exec "$@"`
	args := append(strings.Fields(namespace), "sh", "-c", script, c.policies,
		"env", "HOME="+c.home, "XDG_CONFIG_HOME="+c.home+"/config", "XDG_CACHE_HOME="+c.home+"/cache",
		"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--user-data-dir="+t.TempDir(),
		"--timeout=20000", "--dump-dom", url)
	return run(t, "unshare", args...)
}

// serveTLS serves a page with the certificate of a state, and with a staple unless it is nil.
func serveTLS(t *testing.T, r *responder, state string, staple []byte) string {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(r.ca.path(state+".chain.pem"), r.ca.path(state+".key"))
	if err != nil {
		t.Fatal(err)
	}
	cert.OCSPStaple = staple
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter,
			_ *http.Request) {
			fmt.Fprint(w, "<p>the page of the server</p>")
		})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return "https://" + l.Addr().String() + "/"
}

// chromiumClient visits a server of its own for each state; staple gives what that
// server staples, and loads is what it means when the page is shown.
func chromiumClient(t *testing.T, r *responder, name, command, loads string, staple func(state string) []byte,
	policies ...string) client {
	t.Helper()
	browser := newChromium(t, r, policies...)
	return client{
		name: name, command: command,
		run: func(t *testing.T, r *responder, state string) string {
			return browser.load(t, serveTLS(t, r, state, staple(state)))
		},
		verdicts: []verdict{
			says(`net_error -206`, "revoked"), says(`net_error -205`, "unable to check"),
			says(`net_error -204`, "no mechanism"),
			says(`the page of the server`, loads),
		},
	}
}

// testChromium visits TLS servers with Chromium under each policy, and returns its rows of the table.
func testChromium(t *testing.T, r *responder) []string {
	t.Helper()
	none := func(string) []byte { return nil }
	const accepted, unable = "accepted", "unable to check"
	bare := chromiumClient(t, r, "Chromium by itself", "chromium", accepted, none)
	bare.want = map[string]string{"good": accepted, "revoked": accepted, "unknown": accepted, "expired": accepted}
	stapled := chromiumClient(t, r, "Chromium with a staple", "chromium", accepted, r.ca.staple)
	stapled.want = map[string]string{"good": accepted, "revoked": "revoked", "unknown": accepted, "expired": accepted}
	soft := chromiumClient(t, r, "Chromium asking", policySoft, accepted, none, policySoft)
	soft.want = stapled.want
	hard := chromiumClient(t, r, "Chromium insisting", policyHard, "good", none, policySoft, policyHard)
	hard.want = map[string]string{"good": "good", "revoked": "revoked", "unknown": unable, "expired": unable}
	var rows []string
	for _, c := range []client{bare, stapled} {
		cells, asked := c.verdictsOf(t, r)
		if len(asked) > 0 {
			t.Errorf("%s asked without a policy: %s", c.name, asked)
		}
		what := "none"
		if c.name == stapled.name {
			what = "none: reads the server's staple"
		}
		rows = append(rows, tableRow(c.name, c.command, what, cells))
	}
	rows = append(rows, soft.test(t, r), hard.test(t, r))

	for url, want := range map[string]string{"http://" + freeAddress(t) + "/ocsp": unable, "": "no mechanism"} {
		r := &responder{ca: newTestCA(t, url)}
		c := chromiumClient(t, r, "Chromium without a responder", policyHard, "good", none, policySoft, policyHard)
		if got := judge(c.verdicts, c.run(t, r, "good")); got != want {
			t.Errorf("with nobody listening at %q, Chromium says %q, want %q", url, got, want)
		}
	}
	return rows
}

// staple returns what a server would staple for a state: even a response past its
// nextUpdate, and nothing where there is none.
func (ca *testCA) staple(state string) []byte {
	for k, der := range ca.responses() {
		if k.Hash == crypto.SHA1 && bytes.Equal(k.Serial, serialOctets(ca.leaves[state].SerialNumber)) {
			return der
		}
	}
	return nil
}
