package verify_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seihon/verify"
	"seihon/verify/report"
)

// A tamper is one case: what is done to a good repository, and which findings it must yield.
type tamper struct {
	name   string
	do     func(t *testing.T, r *repo, c *verify.Config)
	want   []string // "code", "code@part of the name" or "code@part of the name#part of the detail"
	only   bool     // nothing else may be reported
	passes bool     // the report is OK all the same: notes at most
	area   string   // where it is done
}

// areas are the places where something can be wrong, each with the least number of cases that must be found there.
var areas = map[string]int{"master": 120, "log": 40, "copies": 70, "HTTP": 40, "configuration": 14, "host": 8,
	"memory": 20}

// limit is how long one case may take on a machine that has other work, and so how long nobody waits for a hanging one.
const limit = 3 * time.Minute

func in(area string, tables ...[]tamper) []tamper {
	all := slices.Concat(tables...)
	for i := range all {
		all[i].area = area
	}
	return all
}

// tampers returns all cases.
func tampers() []tamper {
	return slices.Concat(
		in("copies", publicTampers(), extraTampers(), nameTampers(), endlessTampers(), sourceTampers(), aliasTampers()),
		in("log", checkpointTampers(), publicLogTampers(), anchorTampers(), toleratedTampers()),
		in("master", objectTampers(), masterTampers(), roomTampers(), meaningTampers(), inventoryTampers(),
			bundleTampers(), neverIssuedTampers(), commitmentTampers(), forcedTampers(), sampleTampers(),
			exceptionTampers(), hsmTampers(), reviewTampers(), approvalTampers()),
		in("memory", memoryTampers()),
		in("host", publicationTampers(), receiptTampers()),
		in("HTTP", httpTampers(), responderTampers()),
		in("configuration", pinTampers()),
		in("harmless", harmlessTampers()))
}

var (
	shownMu sync.Mutex
	shown   = map[string]bool{}
)

// TestTampering lets every case be found, under its own code.
func TestTampering(t *testing.T) {
	t.Parallel()
	cases := tampers()
	everyAreaHasCases(t, cases)
	var ran atomic.Int64
	t.Run("cases", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				ran.Add(1)
				r := newRepo(t)
				config := r.config()
				c.do(t, r, &config)
				var m made
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				checked, err := verify.Check(ctx, m.observed(config))
				if err != nil {
					t.Fatal(err)
				}
				c.judge(t, checked)
				for _, w := range c.want {
					m.need(w)
				}
			})
		}
	})
	if int(ran.Load()) == len(cases) { // not when -run chose some of them
		everyCodeIsShown(t)
		everySiteIsNeeded(t)
	}
}

// everyAreaHasCases counts what must be found, by area, and the harmless variations that are reported with not even a
// note.
func everyAreaHasCases(t *testing.T, cases []tamper) {
	t.Helper()
	found, harmless := map[string]int{}, 0
	for _, c := range cases {
		switch {
		case !c.passes:
			found[c.area]++
		case c.area == "harmless" && c.only && len(c.want) == 0:
			harmless++
		}
		if _, ok := areas[c.area]; !ok && c.area != "harmless" || c.passes == false && c.area == "harmless" {
			t.Errorf("%s is in the area %q", c.name, c.area)
		}
	}
	t.Logf("%d cases; to be found: %v; harmless: %d", len(cases), found, harmless)
	total := 0
	for area, least := range areas {
		total += found[area]
		if found[area] < least {
			t.Errorf("only %d cases that must be found in the area %s, want %d", found[area], area, least)
		}
	}
	if total < 300 || harmless < 6 {
		t.Errorf("only %d tamperings and %d harmless variations", total, harmless)
	}
}

func (c tamper) judge(t *testing.T, checked *report.Report) {
	t.Helper()
	matched := make([]bool, len(checked.Findings))
	for _, w := range c.want {
		found := false
		for i, f := range checked.Findings {
			if meets(f, w) {
				found, matched[i] = true, true
			}
			shownMu.Lock()
			shown[f.Code] = true
			shownMu.Unlock()
		}
		if !found {
			t.Errorf("no finding %s among\n%s", w, strings.Join(codesOf(checked), "\n"))
		}
	}
	if checked.OK != c.passes {
		t.Errorf("the report is OK: %v, want %v\n%s", checked.OK, c.passes, strings.Join(codesOf(checked), "\n"))
	}
	for i, f := range checked.Findings {
		if c.only && !matched[i] {
			t.Errorf("also found: %s %s %s: %s", f.Severity, f.Code, f.Name, f.Detail)
		}
		if f.TextJA == "" || f.TextEN == "" || f.Source == "" || f.Hint == "" || f.Code == "internal" {
			t.Errorf("the finding is incomplete: %+v", f)
		}
	}
}

// meets reports whether a finding is what a case wants.
func meets(f report.Finding, want string) bool {
	want, detail, _ := strings.Cut(want, "#")
	code, name, _ := strings.Cut(want, "@")
	return f.Code == code && strings.Contains(f.Name, name) && strings.Contains(f.Detail, detail)
}

// notShown are the codes that no case of this package can bring about: package ledger shows its own findings, and the
// rest needs faults of the file system.
var notShown = []string{"internal", "master-unreadable"}

func everyCodeIsShown(t *testing.T) {
	t.Helper()
	var outside strings.Builder // the tests of package observe, which looks at what no master stands behind
	for _, file := range append(must(filepath.Glob("observe/*_test.go")), "../cmd/testdata/observe.txtar") {
		outside.Write(must(os.ReadFile(file)))
	}
	for _, c := range report.Findings() {
		if strings.HasPrefix(c.Code, "observe-") && strings.Contains(outside.String(), c.Code) {
			continue
		}
		if !shown[c.Code] && !strings.HasPrefix(c.Code, "log-") && !slices.Contains(notShown, c.Code) {
			t.Errorf("no case shows finding %s", c.Code)
		}
	}
}

// TestTableOfFindings checks the form of the table, which documentation is made from.
func TestTableOfFindings(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range report.Findings() {
		if seen[c.Code] || c.TextJA == "" || c.TextEN == "" || c.Hint == "" || c.HintJA == "" || c.Severity == "" {
			t.Errorf("the code is incomplete or double: %s", fmt.Sprintf("%+v", c))
		}
		seen[c.Code] = true
	}
}
