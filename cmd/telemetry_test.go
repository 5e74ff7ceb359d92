//go:build integration

package cmd_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"seihon/publish/storetest/servers"
)

const collectorSecret = "Bearer between-us-and-the-collector"

// withTelemetry returns a copy of the golden repository whose publisher pushes to endpoint.
func withTelemetry(t *testing.T, endpoint, more string) (dir, conf string) {
	t.Helper()
	dir = copyGolden(t)
	conf = filepath.Join(dir, "repository.yaml")
	headers := filepath.Join(dir, "secrets", "otlp")
	must(t, os.WriteFile(headers, []byte("# of our collector\nAuthorization: "+collectorSecret+"\n"), 0o600))
	raw, err := os.ReadFile(conf)
	must(t, err)
	text := string(raw) +
		more +
		fmt.Sprintf("telemetry:\n  endpoint: %s\n  headers_file: secrets/otlp\n  requests: 1\n  interval: 1s\n",
			endpoint)
	must(t, os.WriteFile(conf, []byte(text), 0o600))
	return dir, conf
}

// runs runs the publisher and returns what it wrote and its exit code.
func runs(t *testing.T, conf string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "publisher", append(args, "--config", conf)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestTelemetryOfASync looks at all that a collector receives of one sync: spans and no span for an object even though
// the GCS client would make them, the textfile's figures, the log, and the secret in the header and nowhere else.
func TestTelemetryOfASync(t *testing.T) {
	c := newCollector(t, nil)
	gcs := servers.StartGCS(t)
	servers.MakeGCSBucket(t, gcs, "repository")
	dir, conf := withTelemetry(t, c.URL, "  - {name: gcs, gcs: {bucket: repository}}\n")
	must(t, os.RemoveAll(filepath.Join(dir, "publication")))
	for _, key := range []string{"secrets/publication-log.key", "keys/publication-log.vkey", "publication.head"} {
		must(t, os.Remove(filepath.Join(dir, key)))
	}
	textfile := filepath.Join(dir, "sync.prom")
	stdout, stderr, code := runs(t, conf, "sync", "--new-log", "--reason", "the host was set up anew", "--prometheus",
		textfile)
	if code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	names := c.names()
	want := map[string]int{"publisher sync": 1, "target": 2, "plan": 2, "record": 1, "stage revocations": 1,
		"stage bodies": 1, "stage log": 1}
	for name, n := range want {
		if names[name] != n {
			t.Errorf("%d spans %q, want %d; all: %v", names[name], name, n, names)
		}
	}
	if len(c.spans) > 15 {
		t.Errorf("%d spans for one sync: %v", len(c.spans), names)
	}
	root := c.spans[0]
	for _, s := range c.spans {
		if s.Name == "publisher sync" {
			root = s
		}
	}
	for _, s := range c.spans {
		if !bytes.Equal(s.TraceId, root.TraceId) {
			t.Errorf("span %q is of another trace", s.Name)
		}
		if s.Name == "target" &&
			(!bytes.Equal(s.ParentSpanId, root.SpanId) || attribute(s, "complete") != "true" ||
				attribute(s, "target") == "") {
			t.Errorf("span of a target: %v", s)
		}
	}
	if attribute(root, "exit_code") != "0" {
		t.Errorf("the root says exit code %q", attribute(root, "exit_code"))
	}
	sameFigures(t, c, textfile)
	logged := false
	for _, l := range c.logs {
		if l.Body.GetStringValue() == "beginning a new publication log" {
			logged = bytes.Equal(l.TraceId, root.TraceId) && l.SeverityText == "info"
		}
	}
	if !logged || !strings.Contains(stderr, "beginning a new publication log") {
		t.Errorf("the log's line is not at the collector under the trace, and on stderr: %v\n%s", c.logs, stderr)
	}
	if c.about["service.name"] != "publisher" || c.about["service.namespace"] != "repository.example" ||
		c.about["service.instance.id"] == "" {
		t.Errorf("the resource is %v", c.about)
	}
	for i, h := range c.headers {
		if h.Get("Authorization") != collectorSecret || bytes.Contains(c.bodies[i], []byte(collectorSecret)) {
			t.Errorf("request %d: the header is %q", i, h.Get("Authorization"))
		}
	}
	if strings.Contains(stdout+stderr, "between-us") {
		t.Errorf("the secret was printed:\n%s%s", stdout, stderr)
	}
}

// sameFigures compares every line of a textfile with what the collector has.
func sameFigures(t *testing.T, c *collector, textfile string) {
	t.Helper()
	raw, err := os.ReadFile(textfile)
	must(t, err)
	lines := 0
	for line := range strings.Lines(string(raw)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(line, "#") || !ok {
			continue
		}
		lines++
		want, err := strconv.ParseFloat(value, 64)
		must(t, err)
		if got, ok := c.figures[name]; !ok || got != want {
			t.Errorf("%s is %v at the collector (%v), %v in the textfile", name, got, ok, want)
		}
	}
	if lines < 10 || len(c.figures) != lines {
		t.Errorf("%d figures at the collector, %d in the textfile", len(c.figures), lines)
	}
}

// TestTelemetryOfEachCommand asks each command for its spans, and those that have no business with a network for
// silence.
func TestTelemetryOfEachCommand(t *testing.T) {
	c := newCollector(t, nil)
	dir, conf := withTelemetry(t, c.URL, "")
	raw, err := os.ReadFile(conf)
	must(t, err)
	address, err := freeAddress()
	must(t, err)
	must(t, os.WriteFile(conf, bytes.Replace(raw, []byte("    directory: public\n"),
		[]byte("    directory: public\n    url: http://"+address+"\n    ocsp: true\n"), 1), 0o600))
	server := exec.CommandContext(t.Context(), "publisher", "serve", "--config", conf, "--listen", address)
	server.Cancel = func() error { return server.Process.Signal(interrupt) }
	must(t, server.Start())
	for range 100 {
		if resp, err := http.Get("http://" + address + "/log/checkpoint"); err == nil {
			must(t, resp.Body.Close())
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, row := range []struct {
		command string
		want    []string
	}{
		{"plan", []string{"publisher plan", "target", "plan"}},
		{"probe", []string{"publisher probe", "target"}},
		{"verify",
			[]string{"publisher verify", "verify", "logs", "past", "master", "history", "status", "meaning", "copies",
				"record"}},
		{"status", []string{"publisher status"}},
		{"run", []string{"publisher run", "target", "plan", "verify"}},
	} {
		c.mu.Lock()
		c.spans = nil
		c.mu.Unlock()
		if stdout, stderr, code := runs(t, conf, row.command); code != 0 {
			t.Errorf("%s: exit code %d\n%s%s", row.command, code, stdout, stderr)
		}
		names := c.names()
		for _, want := range row.want {
			if names[want] == 0 {
				t.Errorf("%s: no span %q; all: %v", row.command, want, names)
			}
		}
	}
	must(t, server.Process.Signal(interrupt))
	_ = server.Wait()
	if names := c.names(); names["publisher serve"] != 1 || names["source"] != 1 || names["request"] == 0 {
		t.Errorf("the responder's spans: %v", names)
	}
	responder := false
	for name := range c.figures {
		responder = responder || strings.HasPrefix(name, "seihon_ocsp_")
	}
	if c.figures["seihon_first_expiry_seconds"] == 0 || !responder {
		t.Errorf("the figures of status and responder: %v", c.figures)
	}
	requests := len(c.headers)
	runs(t, conf, "verify", "--offline", "--source", filepath.Join(dir, "public"))
	runs(t, conf, "report")
	if out, err := exec.CommandContext(t.Context(), "signer", "run", "--config", conf).CombinedOutput(); err != nil {
		t.Errorf("signer run: %v\n%s", err, out)
	}
	if len(c.headers) != requests {
		t.Error("verify --offline, report or the signer spoke to the collector")
	}
}

// TestTelemetryThatFails has the same verdict and the same exit code whatever a collector does, and one line about it.
func TestTelemetryThatFails(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	hanging := newCollector(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	echo := newCollector(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "you said "+r.Header.Get("Authorization"), http.StatusBadRequest)
	})
	elsewhere := newCollector(t, nil)
	sends := newCollector(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	nobody, err := freeAddress()
	must(t, err)
	for _, row := range []struct {
		name, endpoint string
		most           time.Duration // added to the command
	}{
		{"down", "http://" + nobody, time.Second},
		{"hanging", hanging.URL, 5 * time.Second},
		{"answers with what it was told", echo.URL, time.Second},
		{"sends elsewhere", sends.URL, time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir, conf := withTelemetry(t, row.endpoint, "")
			plain := filepath.Join(dir, "plain.yaml")
			raw, err := os.ReadFile(conf)
			must(t, err)
			without, _, _ := strings.Cut(string(raw), "telemetry:\n")
			must(t, os.WriteFile(plain, []byte(without), 0o600))
			must(t, os.Remove(filepath.Join(dir, "public", "cert", "root.cer"))) // so that verify finds something
			for _, command := range []string{"sync", "verify"} {
				start := time.Now()
				_, _, want := runs(t, plain, command)
				usual := time.Since(start)
				_, stderr, got := runs(t, conf, command)
				if took := time.Since(start) - usual; took > usual+row.most {
					t.Errorf("%s took %v with this collector and %v without", command, took, usual)
				}
				if got != want || strings.Count(stderr, "telemetry was not delivered") != 1 ||
					strings.Contains(stderr, "between-us") {
					t.Errorf("%s: exit code %d, want %d; stderr:\n%s", command, got, want, stderr)
				}
			}
		})
	}
	if len(elsewhere.headers) > 0 {
		t.Error("a redirect carried the header to another host")
	}
}
