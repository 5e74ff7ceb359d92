//go:build integration

package cmd_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"seihon/verify"
)

var mediaTypes = map[string]string{".crl": "application/pkix-crl", ".cer": "application/pkix-cert", ".pdf": "application/pdf", ".p7s": "application/pkcs7-signature", ".html": "text/html; charset=utf-8"}

// TestKilledVerificationGoesOn kills `publisher verify` at work, once with SIGKILL and once with SIGINT, and lets it go on: what
// is on record is not fetched again, and the report says so.
func TestKilledVerificationGoesOn(t *testing.T) {
	dir := copyGolden(t)
	var mu sync.Mutex
	asked := map[string]int{}
	public := os.DirFS(filepath.Join(dir, "public"))
	delay := 450 * time.Millisecond
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path[1:]]++
		wait := delay
		mu.Unlock()
		time.Sleep(wait)
		if r.URL.Path == "/index.html" { // ServeFileFS would redirect it
			r.URL.Path = "/"
		}
		if t := mediaTypes[path.Ext(r.URL.Path)]; t != "" {
			w.Header().Set("Content-Type", t)
		}
		http.ServeFileFS(w, r, public, r.URL.Path)
	}))
	defer server.Close()
	progress := filepath.Join(t.TempDir(), "progress")
	args := []string{"verify", "--quiet", "--json", "--config", filepath.Join(dir, "repository.yaml"), "--source", server.URL, "--resume", progress}
	had := 0
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		victim := exec.CommandContext(t.Context(), "publisher", args...)
		must(t, victim.Start())
		for deadline := time.Now().Add(30 * time.Second); len(onRecord(t, progress)) <= had && time.Now().Before(deadline); {
			time.Sleep(20 * time.Millisecond)
		}
		had = len(onRecord(t, progress))
		must(t, victim.Process.Signal(signal))
		if err := victim.Wait(); err == nil || signal == syscall.SIGINT && victim.ProcessState.ExitCode() != 130 {
			t.Fatalf("the verification ended by itself or with the wrong code: %v", err)
		}
	}
	known := onRecord(t, progress)
	mu.Lock()
	clear(asked)
	delay = 0
	mu.Unlock()
	out, err := exec.CommandContext(t.Context(), "publisher", args...).Output()
	must(t, err)
	report := new(verify.Report)
	must(t, json.Unmarshal(out, report))
	taken := int64(0)
	for _, run := range report.Resumed.Runs {
		taken += run.Objects
	}
	if taken != int64(len(known)) || taken < 2 || report.Count(verify.Critical) > 0 || report.Copies[0].Objects < taken {
		t.Errorf("resumed %+v of %d on record; copies %+v", report.Resumed, len(known), report.Copies)
	}
	probes := 0 // one object is opened to find out the layout
	for _, name := range known {
		probes += asked[name]
	}
	if probes > 1 {
		t.Errorf("%d requests for what was on record: %v", probes, known)
	}
}

// onRecord lists what a progress file has, in whole lines.
func onRecord(t *testing.T, file string) []string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(raw)) {
		if f := strings.Fields(line); len(f) > 5 && f[0] == "ok" && strings.HasSuffix(line, "\n") {
			names = append(names, f[4])
		}
	}
	return names
}
