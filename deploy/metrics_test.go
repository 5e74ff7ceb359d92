//go:build integration

package deploy_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	metricType = regexp.MustCompile(`(?m)^# TYPE (seihon_\w+) `)
	metricUsed = regexp.MustCompile(`\bseihon_\w+`)
)

// exported asks both binaries and the responder which figures they export.
func exported(t *testing.T) []string {
	t.Helper()
	demo, address := newDemo(t)
	metrics := freeAddress(t)
	var text strings.Builder
	for _, args := range [][]string{{"signer", "status"}, {"publisher", "status"}, {"publisher", "run"}} {
		file := filepath.Join(t.TempDir(), "figures.prom")
		cmd := exec.CommandContext(t.Context(), filepath.Join(demo, "bin", args[0]), args[1], "--config",
			".demo/repository.yaml", "--prometheus", file, "--quiet")
		cmd.Dir = demo
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lint(t, raw)
		text.Write(raw)
	}
	serveBlock(t, demo,
		block{text: "bin/publisher serve --config .demo/repository.yaml --listen " + address + " --metrics " + metrics},
		address)
	resp, err := http.Get("http://" + metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	lint(t, raw)
	text.Write(raw)
	var names []string
	for _, m := range metricType.FindAllStringSubmatch(text.String(), -1) {
		names = append(names, m[1])
	}
	// These have no series before something happens or is known, and so are not in the text.
	return append(names, "seihon_ocsp_refused_generations_total", "seihon_ocsp_objects_total",
		"seihon_ocsp_min_next_update_seconds")
}

func lint(t *testing.T, text []byte) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), need(t, "promtool"), "check", "metrics")
	cmd.Stdin = strings.NewReader(string(text))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// TestRules has promtool read the alert rules, run their tests, and read the agent's configuration.
func TestRules(t *testing.T) {
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"}, {"test", "rules", "rules_test.yaml"},
		{"check", "config", "--agent", "--syntax-only", "agent.yaml"},
	} {
		cmd := exec.CommandContext(t.Context(), need(t, "promtool"), args...)
		cmd.Dir = "prometheus"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestFiguresExist holds rules and dashboard to the figures that the binaries really export, and has promtool parse
// every query of the dashboard.
func TestFiguresExist(t *testing.T) {
	names := exported(t)
	rules, err := os.ReadFile("prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	queries := dashboardQueries(t)
	asRules := "groups:\n  - name: dashboard\n    rules:\n"
	for _, q := range queries {
		text, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		asRules += "      - {record: 'panel:q', expr: " + string(text) + "}\n"
	}
	used := metricUsed.FindAllString(string(rules)+strings.Join(queries, "\n"), -1)
	if len(used) < 20 {
		t.Fatalf("only %d figures used", len(used))
	}
	for _, name := range used {
		if !slices.Contains(names, name) {
			t.Errorf("%s is in rules or dashboard, and no binary exports it", name)
		}
	}
	file := filepath.Join(t.TempDir(), "queries.yaml")
	if err := os.WriteFile(file, []byte(asRules), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), need(t, "promtool"), "check", "rules", "--lint=none",
		file).CombinedOutput(); err != nil {
		t.Errorf("queries of the dashboard: %v\n%s", err, out)
	}
}

// dashboardQueries returns every query of the dashboard, and checks that its panels are told apart and described by a
// title.
func dashboardQueries(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile("grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		UID    string
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatalf("parsing the dashboard: %v", err)
	}
	var queries []string
	seen := map[int]bool{}
	for _, p := range board.Panels {
		if seen[p.ID] || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q: its id comes twice, or it has no title or no query", p.ID, p.Title)
		}
		seen[p.ID] = true
		for _, target := range p.Targets {
			queries = append(queries, target.Expr)
		}
	}
	return queries
}
