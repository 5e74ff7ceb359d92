//go:build integration

package cmd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const purgeToken = "k3y-of-the-cache"

// startCache starts nginx: a web server of a folder and, on an address of its own, a cache in front of it. A POST with
// the right key goes past the cache to the origin, and what it brings takes the place of what was kept: nginx as it is
// has no other way to forget one path.
func startCache(t *testing.T, folder string) (url string) {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Fatal("nginx not found: run make test, which installs it")
	}
	origin, cache := loopbackAddress(t), loopbackAddress(t)
	dir := t.TempDir()
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	conf := fmt.Sprintf(`%[1]s daemon off; worker_processes 1; pid nginx.pid; error_log error.log;
events {}
http {
  access_log off; client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
  proxy_cache_path cache keys_zone=cache:1m;
  map $request_method $renew { default ""; POST 1; }
  server { listen %[2]s; root %[4]s; add_header Cache-Control "public, max-age=3600"; }
  server {
    listen %[3]s;
    location / {
      set $may "$renew$http_x_purge_key";
      if ($may ~ "^1(?!%[5]s$)") { return 403; }
      proxy_pass http://%[2]s; proxy_method GET; proxy_cache cache; proxy_cache_key $uri; proxy_cache_methods POST; proxy_cache_bypass $renew;
    }
  }
}
`, user, origin, cache, folder, purgeToken)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // ended by our signal
	})
	for range 200 {
		if conn, err := net.Dial("tcp", cache); err == nil {
			conn.Close()
			return "http://" + cache
		}
		time.Sleep(25 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
	t.Fatalf("nginx does not listen on %s: %s", cache, log)
	return ""
}

func loopbackAddress(t *testing.T) string {
	t.Helper()
	addr, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("getting %s: %s, %v", url, resp.Status, err)
	}
	return b
}

// TestPurge has a revocation that a real cache hides for an hour, and makes it seen at once.
func TestPurge(t *testing.T) {
	dir := copyGolden(t)
	url := startCache(t, filepath.Join(dir, "public"))
	conf := filepath.Join(dir, "repository.yaml")
	key := filepath.Join(dir, "secrets/purge.key")
	appendTo(t, conf,
		fmt.Sprintf("    url: %s\n    cdn: {kind: http, method: POST, header: X-Purge-Key, token: {file: "+
			"secrets/purge.key}}\n", url))
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(key, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := func(want int, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), args[0], append(args[1:], "--config", conf)...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != want {
			t.Fatalf("%s: %v, want exit code %d\n%s", strings.Join(args, " "), err, want, out)
		}
		if bytes.Contains(out, []byte("k3y")) {
			t.Errorf("%s shows the key of the cache:\n%s", strings.Join(args, " "), out)
		}
		return string(out)
	}
	write(purgeToken + "\n")
	old := fetch(t, url+"/crl/sub.crl")
	page := fetch(t, url+"/index.html")
	command(0, "signer", "revoke", "--yes", "--issuer", "sub", "--certificate", filepath.Join(dir, "ca/good.pem"),
		"--reason", "keyCompromise")
	command(0, "signer", "run")
	command(0, "publisher", "sync", "--only", "urgent")
	if !bytes.Equal(fetch(t, url+"/crl/sub.crl"), old) {
		t.Fatal("the cache does not hide the new list: the test would prove nothing")
	}
	out := command(0, "publisher", "purge", "--urgent", "--dry-run")
	if !strings.Contains(out, "public: http would forget /crl/sub.crl\n") ||
		!strings.Contains(out, "/ocsp/sub.generation") || strings.Contains(out, "index") {
		t.Errorf("dry run:\n%s", out)
	}
	write("k3y-of-somebody-else")
	if out := command(1, "publisher", "purge", "--urgent"); !strings.Contains(out,
		"403 Forbidden to POST; look at cdn.header and cdn.token") {
		t.Errorf("purge with the wrong key:\n%s", out)
	}
	if !bytes.Equal(fetch(t, url+"/crl/sub.crl"), old) {
		t.Error("a refused purge had an effect")
	}
	write(purgeToken)
	if out := command(0, "publisher", "purge", "--urgent"); !strings.Contains(out,
		"public: http forgot /crl/sub.crl\n") {
		t.Errorf("purge:\n%s", out)
	}
	now, err := os.ReadFile(filepath.Join(dir, "public/crl/sub.crl"))
	if err != nil {
		t.Fatal(err)
	}
	if seen := fetch(t, url+"/crl/sub.crl"); bytes.Equal(seen, old) || !bytes.Equal(seen, now) {
		t.Error("after the purge the cache does not show the new list")
	}
	if !bytes.Equal(fetch(t, url+"/index.html"), page) {
		t.Error("a purge of what is urgent forgot the index page as well")
	}
	command(0, "publisher", "sync")
	purgeIsOnRecord(t, dir, command)
}

// purgeIsOnRecord looks at what the command refuses, and at what it leaves behind.
func purgeIsOnRecord(t *testing.T, dir string, command func(int, ...string) string) {
	t.Helper()
	for _, bad := range [][]string{{}, {"--all", "--urgent"}, {"--name", "/crl/sub.crl"}, {"--name", "ocsp/*"},
		{"--all"}, {"--urgent", "--target", "none"}} {
		command(2, append([]string{"publisher", "purge"}, bad...)...)
	}
	command(0, "publisher", "purge", "--name", "docs/never-was.pdf", "--name", "index.html", "--wait")
	log := command(0, "publisher", "ledger", "tail", "--log", "publication")
	if n := strings.Count(log, `"op":"purge"`); n < 4 || !strings.Contains(log, "docs/never-was.pdf") {
		t.Errorf("the publication log has %d purges:\n%s", n, log)
	}
	command(0, "publisher", "verify", "--source", filepath.Join(dir, "public"))
}

// TestPurgeOfTwo has a distribution that refuses and one that takes the request: the second must not wait for the
// first.
func TestPurgeOfTwo(t *testing.T) {
	dir := copyGolden(t)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if strings.Contains(q.URL.Path, "/EBAD/") {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w,
				"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>")
			return
		}
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, "<Invalidation><Id>I2EXAMPLE</Id><Status>InProgress</Status></Invalidation>")
	}))
	defer api.Close()
	conf := filepath.Join(dir, "repository.yaml")
	appendTo(t, conf, fmt.Sprintf(`    url: http://a.example
    cdn: {kind: cloudfront, distribution: EBAD, endpoint: "%[1]s"}
  - name: second
    directory: second
    layout: objects
    url: http://b.example/pki
    cdn: {kind: cloudfront, distribution: EGOOD, endpoint: "%[1]s"}
`, api.URL))
	cmd := exec.CommandContext(t.Context(), "publisher", "purge", "--urgent", "--json", "--config", conf)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=k3y-secret",
		"AWS_CONFIG_FILE="+os.DevNull)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	var results []struct {
		Target   string
		Paths    []string
		Receipts []struct{ Path, ID string }
		Error    string
	}
	if err := json.Unmarshal(stdout.Bytes(), &results); err != nil || len(results) != 2 ||
		cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("exit code %d, %v:\n%s%s", cmd.ProcessState.ExitCode(), err, &stdout, &stderr)
	}
	bad, good := results[0], results[1]
	if !strings.Contains(bad.Error, "AccessDenied") || len(bad.Receipts) != 0 ||
		!strings.Contains(stderr.String(), "target public: invalidating") {
		t.Errorf("the one that refuses: %+v\n%s", bad, &stderr)
	}
	if want := "/pki/ocsp/*"; good.Error != "" || len(good.Receipts) != len(good.Paths) ||
		good.Paths[len(good.Paths)-1] != want || good.Receipts[0].ID != "I2EXAMPLE" {
		t.Errorf("the one that takes it: %+v, want %q last", good, want)
	}
	if strings.Contains(stdout.String()+stderr.String(), "k3y") {
		t.Errorf("the secret is shown:\n%s%s", &stdout, &stderr)
	}
}

// TestMissingCredentials has one target of two whose cloud nobody gave us access to: the other is published and purged
// all the same, and the message says what to do.
func TestMissingCredentials(t *testing.T) {
	dir := copyGolden(t)
	url := startCache(t, filepath.Join(dir, "public"))
	conf := filepath.Join(dir, "repository.yaml")
	raw, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	const before = "targets:\n"
	text := strings.Replace(string(raw), before, before+`  - name: gcs
    gcs: {bucket: repository-example}
    url: http://g.example
    cdn: {kind: cloud-cdn, project: p, url_map: u}
`, 1)
	text += fmt.Sprintf("    url: %s\n    cdn: {kind: http, method: POST, header: X-Purge-Key, token: {file: "+
		"secrets/purge.key}}\n", url)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secrets/purge.key"), []byte(purgeToken), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(dir, "none.json"))
	for command, want := range map[string]string{"sync": "public: nothing to send",
		"purge --urgent": "public: http forgot /crl/sub.crl"} {
		args := append(strings.Fields(command), "--config", conf)
		cmd := exec.CommandContext(t.Context(), "publisher", args...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), want) ||
			!strings.Contains(string(out), "no Google credentials in") {
			t.Errorf("publisher %s: %v, want exit code 1 and %q\n%s", command, err, want, out)
		}
	}
}

func appendTo(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
