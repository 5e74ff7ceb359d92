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
		if text, err := os.ReadFile(unit); err != nil || regexp.MustCompile(`(?m)^ExecStart=/usr/bin/(signer|publisher) `).Match(text) && !strings.Contains(string(text), "\nLimitCORE=0\n") {
			t.Errorf("%s: core files are not turned off (LimitCORE=0), %v", unit, err)
		}
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "./"+unit).CombinedOutput()
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
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", append([]string{"verify", "--man=no"}, copies...)...).CombinedOutput()
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
