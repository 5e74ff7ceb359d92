//go:build integration

package cmd_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hardPolicy makes Chromium insist on an answer for every certificate below a root that the user installed.
const hardPolicy = `{"EnableOnlineRevocationChecks": true, "RequireOnlineRevocationChecksForLocalAnchors": true}`

// TestChromiumAsksTheResponder visits two TLS servers whose certificates `signer` issued. Chromium asks `publisher
// serve` about them and about the CA that issued them. What it makes of other answers is in docs/clients.md.
func TestChromiumAsksTheResponder(t *testing.T) {
	dir := webRepository(t)
	metrics, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	serve(t, dir, "--metrics", metrics)
	home, policies := t.TempDir(), t.TempDir()
	for _, d := range []string{home + "/.pki/nssdb", policies + "/policies/managed"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(policies+"/policies/managed/seihon.json", []byte(hardPolicy), 0o644); err != nil {
		t.Fatal(err)
	}
	db := "sql:" + home + "/.pki/nssdb"
	run(t, "certutil", "-N", "-d", db, "--empty-password")
	run(t, "certutil", "-A", "-d", db, "-n", "root", "-t", "C,,", "-i", filepath.Join(dir, "ca/root.pem"), "-a")
	asked := 0
	// ERR_CERT_REVOKED
	for _, c := range []struct{ name, says string }{{"web-good", "the page of the server"},
		{"web-revoked", "net_error -206"}} {
		out := visit(t, home, policies, tlsServer(t, dir, c.name))
		if !strings.Contains(out, c.says) {
			t.Errorf("%s: Chromium does not say %q:\n%s", c.name, c.says, out)
		}
		text := fetchText(t, "http://"+metrics+"/metrics")
		answered := 0
		if m := regexp.MustCompile(`seihon_ocsp_requests_total\{answer="successful",hash="sha1",method="GET"\} (\d+)`).FindStringSubmatch(text); m != nil {
			answered, _ = strconv.Atoi(m[1])
		}
		if answered < asked+2 {
			t.Errorf("%s: the responder counts %d answers, and counted %d before; want one about each certificate:\n%s",
				c.name, answered, asked, text)
		}
		asked = answered
	}
}

// webRepository is a copy of the golden repository with two certificates for servers at 127.0.0.1, of which one is
// revoked.
func webRepository(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repo")
	run(t, "cp", "-a", golden, dir)
	t.Chdir(dir)
	const profile = "\nprofiles:\n  subscriber: {kind: subscriber, validity: 90d, key_usage: [digitalSignature], " +
		"extended_key_usage: [serverAuth], allow_alternative_names: true}\n"
	f, err := os.OpenFile("repository.yaml", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(profile); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"web-good", "web-revoked"} {
		run(t, "openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
			"-keyout", "ca/"+name+".key", "-out", "ca/"+name+".csr",
			"-subj", "/C=JP/O=Example/CN="+name, "-addext", "subjectAltName=IP:127.0.0.1")
		run(t, "signer", "issue", "--quiet", "--issuer", "sub", "--csr", "ca/"+name+".csr", "--out", "ca/"+name+".pem")
	}
	run(t, "signer", "revoke", "--yes", "--quiet", "--issuer", "sub", "--certificate", "ca/web-revoked.pem", "--reason",
		"keyCompromise")
	run(t, "signer", "run", "--quiet")
	run(t, "publisher", "sync", "--quiet")
	return dir
}

// tlsServer serves a page with a certificate of the repository, and no staple.
func tlsServer(t *testing.T, dir, name string) string {
	t.Helper()
	var chain []byte
	for _, file := range []string{name, "sub"} {
		b, err := os.ReadFile(filepath.Join(dir, "ca", file+".pem"))
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, b...)
	}
	key, err := os.ReadFile(filepath.Join(dir, "ca", name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	page := http.HandlerFunc(func(w http.ResponseWriter,
		_ *http.Request) {
		fmt.Fprint(w, "<p>the page of the server</p>")
	})
	s := &http.Server{Handler: page, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return "https://" + l.Addr().String() + "/"
}

// visit opens a page in Chromium and returns its DOM and the browser's log. The policies are the browser's alone: it
// runs in a mount namespace of its own, in which they lie over /etc/chromium.
func visit(t *testing.T, home, policies, url string) string {
	t.Helper()
	args := []string{"--mount"}
	if os.Getuid() != 0 {
		args = append(args, "--map-root-user")
	}
	args = append(args, "sh", "-c", `mount --bind "$0" /etc/chromium && exec "$@"`, policies, "env", "HOME="+home,
		"XDG_CONFIG_HOME="+home+"/config", "XDG_CACHE_HOME="+home+"/cache",
		"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--enable-logging=stderr", "--user-data-dir="+t.TempDir(), "--timeout=20000", "--dump-dom",
		url)
	out, err := exec.CommandContext(t.Context(), "unshare", args...).CombinedOutput()
	if err != nil {
		t.Errorf("running Chromium: %v", err)
	}
	return string(out)
}

func fetchText(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
