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

	"seihon/publish/storetest/servers"
	"seihon/verify/report"
)

var mediaTypes = map[string]string{".crl": "application/pkix-crl", ".cer": "application/pkix-cert",
	".pdf": "application/pdf", ".p7s": "application/pkcs7-signature", ".html": "text/html; charset=utf-8"}

// TestKilledVerificationGoesOn kills `publisher verify` at work, once with SIGKILL and once with SIGINT, and lets it go
// on: what is on record is not fetched again, and the report says so.
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
	args := []string{"verify", "--quiet", "--json", "--config", filepath.Join(dir, "repository.yaml"), "--source",
		server.URL, "--resume", progress}
	had := 0
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		victim := exec.CommandContext(t.Context(), "publisher", args...)
		must(t, victim.Start())
		for deadline := time.Now().Add(30 * time.Second); len(onRecord(t, progress)) <= had &&
			time.Now().Before(deadline); {
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
	checked := new(report.Report)
	must(t, json.Unmarshal(out, checked))
	taken := int64(0)
	for _, run := range checked.Resumed.Runs {
		taken += run.Objects
	}
	if taken != int64(len(known)) || taken < 2 || checked.Count(report.Critical) > 0 ||
		checked.Copies[0].Objects < taken {
		t.Errorf("resumed %+v of %d on record; copies %+v", checked.Resumed, len(known), checked.Copies)
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

// resumeByTags checks a bucket twice with one progress file, in a repository that has a finding, so that the file is
// kept. The bucket's own tags say what is still the same: one object that is replaced in between is read again, the
// others are not.
func resumeByTags(t *testing.T, conf, url string) {
	t.Helper()
	progress := filepath.Join(t.TempDir(), "progress")
	check := func() *report.Report {
		out, err := exec.CommandContext(t.Context(), "publisher", "verify", "--quiet", "--json", "--config", conf,
			"--source", url, "--list", "--resume", progress).Output()
		checked := new(report.Report)
		if jerr := json.Unmarshal(out, checked); jerr != nil {
			t.Fatalf("verify with a progress file: %v: %v", err, jerr)
		}
		return checked
	}
	check()
	known := int64(len(onRecord(t, progress)))
	first := check()
	if first.Resumed.Again != 0 || len(first.Resumed.Runs) != 1 || first.Resumed.Runs[0].Objects != known ||
		known < 10 {
		t.Errorf("resumed with %d on record: %+v", known, first.Resumed)
	}
	changed := filepath.Join(t.TempDir(), "changed")
	must(t, os.WriteFile(changed, []byte("changed"), 0o644))
	must(t, exec.CommandContext(t.Context(), "curl", "-sSf", "-T", changed, "--user",
		servers.AccessKey+":"+servers.SecretKey, "--aws-sigv4", "aws:amz:"+servers.Region+":s3", "-H",
		"x-amz-content-sha256: UNSIGNED-PAYLOAD", url+"/cert/sub.cer").Run())
	second := check()
	found := false
	for _, f := range second.Findings {
		found = found || f.Code == "copy-different" && f.Name == "cert/sub.cer"
	}
	if !found || second.Resumed.Again != 1 {
		t.Errorf("after a change: %+v, %+v", second.Resumed, second.Findings)
	}
}

// refused checks a bucket that gives nothing to anybody.
func refused(t *testing.T, conf, url string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "publisher", "verify", "--quiet", "--config", conf, "--source", url)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 3 || strings.Count(string(out), "copy-") != 1 ||
		!strings.Contains(string(out), "error copy-forbidden") {
		t.Errorf("verify of a private bucket: %v\n%s", err, out)
	}
}
