//go:build integration

package cmd_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A proxyRecord is an HTTP proxy that goes nowhere and remembers for which hosts it was asked.
type proxyRecord struct {
	*httptest.Server
	mu    sync.Mutex
	hosts []string
}

func newProxyRecord(t *testing.T) *proxyRecord {
	p := &proxyRecord{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hosts = append(p.hosts, strings.Split(r.Host, ":")[0])
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(p.Close)
	return p
}

// asked are the hosts since the last call.
func (p *proxyRecord) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	hosts := p.hosts
	p.hosts = nil
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// TestProxies runs every command that asks somebody over HTTP: none goes through the proxy that the environment names,
// those of the operator go through that of the configuration, and those that ask what relying parties would ask only
// through that of --proxy.
func TestProxies(t *testing.T) {
	stranger, ours := newProxyRecord(t), newProxyRecord(t)
	target := func(more string) func(string) string {
		return func(conf string) string { return strings.Replace(conf, "targets:\n", "targets:\n"+more+"\n", 1) }
	}
	end := func(more string) func(string) string {
		return func(conf string) string { return conf + more + "\n" }
	}
	room := func(more string) func(string) string {
		return func(conf string) string { return strings.Replace(conf, "signer:\n", "signer:\n  "+more+"\n", 1) }
	}
	cases := []struct {
		host string
		conf func(string) string
		args []string
		open bool // asks what relying parties would ask
	}{
		{"repository.store.invalid",
			target(`  - {name: far, trial: true, s3: {bucket: repository, region: ap-northeast-1, endpoint: "http://store.invalid"}}`), []string{"publisher", "sync", "--target", "far"}, false},
		{"gcs.invalid", target(`  - {name: far, trial: true, gcs: {bucket: repository}}`),
			[]string{"publisher", "sync", "--target", "far"}, false},
		{"cdn.invalid",
			target(`  - {name: far, trial: true, url: "http://far.invalid", directory: far, cdn: {kind: http, endpoint: "http://cdn.invalid"}}`), []string{"publisher", "purge", "--target", "far", "--name", "crl/sub.crl"}, false},
		{"collector.invalid", end(`telemetry: {endpoint: "http://collector.invalid:4318"}`),
			[]string{"publisher", "sync"}, false},
		{"switch.invalid", func(conf string) string {
			return strings.Replace(conf, "\npublication:\n", "\npublication:\n  ping: \"http://switch.invalid/beat\"\n",
				1)
		}, []string{"publisher", "run"}, false},
		{"origin.invalid", end(`serve: {source: "http://origin.invalid", cache: cache, listen: "127.0.0.1:0"}`),
			[]string{"publisher", "serve"}, false},
		{"tsa.invalid", room(`timestamps: [{name: tsa, url: "http://tsa.invalid", roots: ca/root.pem}]`),
			[]string{"signer", "timestamp"}, false},
		{"witness.invalid", nil, []string{"signer", "witness"}, false},
		{"copy.invalid", nil, []string{"publisher", "verify", "--source", "http://copy.invalid"}, true},
		{"copy.invalid", target(`  - {name: far, trial: true, url: "http://copy.invalid", directory: far}`),
			[]string{"publisher", "probe"}, true},
		{"lists.invalid", nil, []string{"publisher", "observe", "--issuer-certificate", "ca/sub.pem", "--crl",
			"http://lists.invalid/a.crl"}, true},
	}
	for _, c := range cases {
		t.Run(strings.Join(c.args[:2], " ")+" "+c.host, func(t *testing.T) {
			dir := copyGolden(t)
			if c.host == "witness.invalid" {
				_, key := startWitness(t)
				c.conf = room(fmt.Sprintf(`witnesses: [{url: "http://witness.invalid", key: %q}]`, key))
			}
			file := filepath.Join(dir, "repository.yaml")
			raw, err := os.ReadFile(file)
			must(t, err)
			text := string(raw)
			if c.conf != nil {
				text = c.conf(text)
				if text == string(raw) {
					t.Fatal("the configuration did not change")
				}
			}
			said := ""
			ask := func(conf string, more ...string) {
				t.Helper()
				must(t, os.WriteFile(file, []byte(conf), 0o600))
				ctx, stop := context.WithTimeout(t.Context(), time.Minute)
				defer stop()
				if c.args[1] == "serve" {
					ctx, stop = context.WithTimeout(t.Context(), 3*time.Second)
					defer stop()
				}
				cmd := exec.CommandContext(ctx, c.args[0],
					append(append(c.args[1:len(c.args):len(c.args)], "--quiet"), more...)...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b",
					"STORAGE_EMULATOR_HOST=gcs.invalid")
				for _, name := range []string{"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy",
					"ALL_PROXY"} {
					cmd.Env = append(cmd.Env, name+"="+stranger.URL)
				}
				out, _ := cmd.CombinedOutput() // whether it succeeds is not the matter here
				said = string(out)
			}
			is := func(p *proxyRecord, want ...string) {
				t.Helper()
				if got := p.asked(); !slices.Equal(got, want) {
					t.Errorf("the proxy was asked for %q, want %q; the command said:\n%s", got, want, said)
				}
			}
			ask(text)
			is(stranger)
			ask(text + "proxy: " + ours.URL + "\n")
			is(stranger)
			if !c.open {
				is(ours, c.host)
				return
			}
			is(ours)
			ask(text, "--proxy", ours.URL)
			is(stranger)
			is(ours, c.host)
		})
	}
}
