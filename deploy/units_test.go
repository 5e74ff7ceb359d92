//go:build integration

// Package deploy_test checks what an operator installs: units, rules, manifests, image.
package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"seihon/internal/config"
)

// mostExposure is the greatest exposure level that `systemd-analyze security` may give a unit.
const mostExposure = 2.5

func TestUnitsAreHardened(t *testing.T) {
	units, err := filepath.Glob("systemd/*.service")
	if err != nil || len(units) == 0 {
		t.Fatalf("no units: %v", err)
	}
	level := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)
	for _, unit := range units {
		if text, err := os.ReadFile(unit); err != nil ||
			regexp.MustCompile(`(?m)^ExecStart=/usr/bin/(signer|publisher) `).Match(text) &&
				!strings.Contains(string(text), "\nLimitCORE=0\n") {
			t.Errorf("%s: core files are not turned off (LimitCORE=0), %v", unit, err)
		}
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true",
			"./"+unit).CombinedOutput()
		m := level.FindSubmatch(out)
		if err != nil || m == nil {
			t.Errorf("%s: %v\n%s", unit, err, out)
			continue
		}
		if got, _ := strconv.ParseFloat(string(m[1]), 64); got > mostExposure {
			t.Errorf("%s: exposure level %s, want at most %v", unit, m[1], mostExposure)
		}
	}
}

// TestUnitsAreUnits has systemd read the units, with a program in the place of ours.
func TestUnitsAreUnits(t *testing.T) {
	dir := t.TempDir()
	files, err := filepath.Glob("systemd/*")
	if err != nil {
		t.Fatal(err)
	}
	var copies []string
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := regexp.MustCompile(`/usr/bin/(signer|publisher)`).ReplaceAllString(string(raw), "/bin/true")
		to := filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		copies = append(copies, to)
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze",
		append([]string{"verify", "--man=no"}, copies...)...).CombinedOutput()
	var complaints []string
	for _, line := range strings.Split(string(out), "\n") {
		if strings.Contains(line, "seihon") {
			complaints = append(complaints, line)
		}
	}
	if err != nil || len(complaints) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, strings.Join(complaints, "\n"))
	}
}

// TestProbesComeAsExpected compares the rhythm that the record of operation expects unless the
// configuration says otherwise with the timer and the crontab.
func TestProbesComeAsExpected(t *testing.T) {
	file := filepath.Join(t.TempDir(), "repository.yaml")
	text := "version: 1\nrepository: {name: repo.example, base_url: \"http://repo.example\"}\nmaster: {keys: " +
		"[a.vkey]}\ntrust: {anchors: [root.pem]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	conf, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	timer, err := os.ReadFile("systemd/seihon-probe.timer")
	if err != nil {
		t.Fatal(err)
	}
	when := regexp.MustCompile(`(?m)^OnCalendar=(.*)$`).FindSubmatch(timer)
	if when == nil {
		t.Fatal("the timer has no OnCalendar")
	}
	cmd := exec.CommandContext(t.Context(), "systemd-analyze", "calendar", "--iterations=5",
		"--base-time=2026-11-21 07:00:00 UTC", string(when[1]))
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var starts []time.Time
	for _, m := range regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`).FindAllString(string(out), -1) {
		at, err := time.Parse("2006-01-02 15:04:05 MST", m)
		if err != nil {
			t.Fatal(err)
		}
		starts = append(starts, at)
	}
	if len(starts) < 5 {
		t.Fatalf("systemd-analyze tells %d starts:\n%s", len(starts), out)
	}
	for i := 1; i < len(starts); i++ {
		if d := starts[i].Sub(starts[i-1]); d != conf.Probe.Every.Std() && d != 0 {
			t.Errorf("the timer starts a probe after %v, probe.every is %v by default", d, conf.Probe.Every)
		}
	}
	cron, err := os.ReadFile("cron/seihon.crontab")
	if err != nil {
		t.Fatal(err)
	}
	if line := regexp.MustCompile(`(?m)^(.*?)  seihon-publisher  publisher probe `).FindSubmatch(cron); line == nil ||
		string(line[1]) != "* * * * *" || conf.Probe.Every.Std() != time.Minute {
		t.Errorf("the crontab starts a probe at %q, probe.every is %v by default", line, conf.Probe.Every)
	}
}
