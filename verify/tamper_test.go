package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"seihon/verify"
)

// A tamper is one case: what is done to a good repository, and which findings it must yield.
type tamper struct {
	name   string
	do     func(t *testing.T, r *repo, c *verify.Config)
	want   []string // "code", "code@part of the name" or "code@part of the name#part of the detail"
	only   bool     // nothing else may be reported
	passes bool     // the report is OK all the same: notes at most
}

// tampers returns all cases.
func tampers() []tamper {
	return slices.Concat(publicTampers(), extraTampers(), checkpointTampers(), objectTampers(), masterTampers(), publicationTampers(), roomTampers(), meaningTampers(), inventoryTampers(), httpTampers(), bundleTampers(), neverIssuedTampers(), sourceTampers(), publicLogTampers(), memoryTampers(), nameTampers(), endlessTampers(), commitmentTampers(), anchorTampers(), receiptTampers(), forcedTampers(), exceptionTampers(), responderTampers(), sampleTampers(), pinTampers(), toleratedTampers(), aliasTampers())
}

var (
	shownMu sync.Mutex
	shown   = map[string]bool{}
)

// TestTampering lets every case be found, under its own code.
func TestTampering(t *testing.T) {
	t.Parallel()
	cases := tampers()
	found := 0 // cases that are neither harmless nor explained by notes
	for _, c := range cases {
		if !c.passes {
			found++
		}
	}
	t.Logf("%d cases, %d of them must be found", len(cases), found)
	if found < 200 || len(cases)-found < 6 {
		t.Errorf("only %d tamperings and %d harmless variations", found, len(cases)-found)
	}
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
				report, err := verify.Check(t.Context(), m.observed(config))
				if err != nil {
					t.Fatal(err)
				}
				c.judge(t, report)
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

func (c tamper) judge(t *testing.T, report *verify.Report) {
	t.Helper()
	matched := make([]bool, len(report.Findings))
	for _, w := range c.want {
		found := false
		for i, f := range report.Findings {
			if meets(f, w) {
				found, matched[i] = true, true
			}
			shownMu.Lock()
			shown[f.Code] = true
			shownMu.Unlock()
		}
		if !found {
			t.Errorf("no finding %s among\n%s", w, strings.Join(codesOf(report), "\n"))
		}
	}
	if report.OK != c.passes {
		t.Errorf("the report is OK: %v, want %v\n%s", report.OK, c.passes, strings.Join(codesOf(report), "\n"))
	}
	for i, f := range report.Findings {
		if c.only && !matched[i] {
			t.Errorf("also found: %s %s %s: %s", f.Severity, f.Code, f.Name, f.Detail)
		}
		if f.TextJA == "" || f.TextEN == "" || f.Source == "" || f.Hint == "" || f.Code == "internal" {
			t.Errorf("the finding is incomplete: %+v", f)
		}
	}
}

// meets reports whether a finding is what a case wants.
func meets(f verify.Finding, want string) bool {
	want, detail, _ := strings.Cut(want, "#")
	code, name, _ := strings.Cut(want, "@")
	return f.Code == code && strings.Contains(f.Name, name) && strings.Contains(f.Detail, detail)
}

// notShown are the codes that no case of this package can bring about: package ledger shows its own findings, and the rest
// needs faults of the file system.
var notShown = []string{"internal", "master-unreadable"}

func everyCodeIsShown(t *testing.T) {
	t.Helper()
	for _, c := range verify.Findings() {
		if !shown[c.Code] && !strings.HasPrefix(c.Code, "log-") && !slices.Contains(notShown, c.Code) {
			t.Errorf("no case shows finding %s", c.Code)
		}
	}
}

// TestTableOfFindings checks the form of the table, which documentation is made from.
func TestTableOfFindings(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range verify.Findings() {
		if seen[c.Code] || c.TextJA == "" || c.TextEN == "" || c.Hint == "" || c.HintJA == "" || c.Severity == "" {
			t.Errorf("the code is incomplete or double: %s", fmt.Sprintf("%+v", c))
		}
		seen[c.Code] = true
	}
}
