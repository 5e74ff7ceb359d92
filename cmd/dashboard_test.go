//go:build integration

package cmd_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"seihon/verify/status"
)

// dashboard starts the page of a repository and returns its address, and what ends it: by SIGINT, as Ctrl-C does.
func dashboard(t *testing.T, conf string, args ...string) (url string, end func() int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "publisher",
		append([]string{"dashboard", "--quiet", "--config", conf, "--listen", "127.0.0.1:0"}, args...)...)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	url, _, _ = strings.Cut(line, " ")
	return url, func() int {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
		return cmd.ProcessState.ExitCode()
	}
}

// TestDashboard compares the page with what `publisher status` says in its other forms, in both languages, and ends it.
func TestDashboard(t *testing.T) {
	dir := copyGolden(t)
	conf := filepath.Join(dir, "repository.yaml")
	url, end := dashboard(t, conf)
	file := filepath.Join(dir, "status.html")
	js, stderr, _ := runs(t, conf, "status", "--quiet", "--json", "--html", file, "--lang", "ja")
	var s, served status.Status
	if err := json.Unmarshal([]byte(js), &s); err != nil {
		t.Fatalf("%v\n%s%s", err, js, stderr)
	}
	must(t, json.Unmarshal([]byte(fetchText(t, url+"status.json")), &served))
	for _, l := range served.ShelfLife {
		for _, page := range []string{fetchText(t, url+"?lang=ja"), fetchText(t, url+"?lang=en"),
			string(read(t, file))} {
			if !strings.Contains(page, ">"+l.Name+"<") ||
				!strings.Contains(page, l.NextUpdate.UTC().Format("2006-01-02T15:04:05Z")) {
				t.Errorf("a page lacks %s, until %s", l.Name, l.NextUpdate)
			}
		}
	}
	if s.Size != served.Size || len(s.ShelfLife) != len(served.ShelfLife) || len(s.ShelfLife) == 0 ||
		len(s.Targets) != 1 {
		t.Errorf("status says %+v, the page %+v", s, served)
	}
	if metrics := fetchText(t, url+"metrics"); !strings.Contains(metrics, "seihon_first_expiry_seconds ") {
		t.Errorf("the figures are\n%s", metrics)
	}
	if page := fetchText(t, url+"?lang=ja"); !strings.Contains(page, `lang="ja"`) || !strings.Contains(page, "公開状況") {
		t.Error("the page is not in Japanese")
	}
	if code := end(); code != 0 {
		t.Errorf("Ctrl-C ends it with exit code %d", code)
	}
}

// TestDashboardWithoutAMaster shows that nothing is known, and goes on when the master is back.
func TestDashboardWithoutAMaster(t *testing.T) {
	dir := copyGolden(t)
	must(t, os.Rename(filepath.Join(dir, "master"), filepath.Join(dir, "elsewhere")))
	url, end := dashboard(t, filepath.Join(dir, "repository.yaml"))
	if page := fetchText(t, url+"?lang=en"); !strings.Contains(page, "UNKNOWN") || !strings.Contains(page, "master") {
		t.Errorf("without a master the page says\n%s", page)
	}
	if code := end(); code != 0 {
		t.Errorf("Ctrl-C ends it with exit code %d", code)
	}
}

// TestStatusReplacesAnOlderPage wants no page to stay that looks as if all were known, when the status cannot be found
// out any more.
func TestStatusReplacesAnOlderPage(t *testing.T) {
	dir := copyGolden(t)
	conf, file := filepath.Join(dir, "repository.yaml"), filepath.Join(dir, "status.html")
	for _, c := range []struct {
		lose string
		code int
		says string
	}{{"master", 5, "master"}, {"repository.yaml", 2, "repository.yaml"}} {
		_, stderr, _ := runs(t, conf, "status", "--quiet", "--html", file, "--lang", "en")
		if page := string(read(t, file)); !strings.Contains(page, "crl/") || strings.Contains(page, "UNKNOWN") {
			t.Fatalf("the page lacks the lists: %s\n%s", stderr, page)
		}
		lost := filepath.Join(dir, c.lose)
		must(t, os.Rename(lost, lost+".lost"))
		_, stderr, code := runs(t, conf, "status", "--quiet", "--html", file, "--lang", "en")
		page := string(read(t, file))
		if code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("without %s: exit code %d, want %d: %s", c.lose, code, c.code, stderr)
		}
		if !strings.Contains(page, "UNKNOWN") || !strings.Contains(page, c.says) || strings.Contains(page, "crl/") {
			t.Errorf("without %s the page is\n%s", c.lose, page)
		}
		must(t, os.Rename(lost+".lost", lost))
	}
}

// TestDashboardRefuses goes through wrong beginnings.
func TestDashboardRefuses(t *testing.T) {
	dir := copyGolden(t)
	conf := filepath.Join(dir, "repository.yaml")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--listen", taken.Addr().String()}, 1, "another program has that port"},
		{[]string{"--listen", "0.0.0.0:0"}, 2, "--allow-remote"},
		{[]string{"--listen", "8079"}, 2, "no address with a port"},
		{[]string{"--refresh", "1ms"}, 2, "--refresh"},
		{[]string{"--lang", "jp"}, 2, `did you mean "ja"?`},
		{[]string{"--config", filepath.Join(dir, "none.yaml")}, 2, "none.yaml"},
	} {
		var stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), "publisher",
			append([]string{"dashboard", "--quiet", "--config", conf}, c.args...)...)
		cmd.Stderr = &stderr
		_ = cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != c.code || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%q: exit code %d, want %d with %q: %s", c.args, got, c.code, c.says, &stderr)
		}
	}
}
