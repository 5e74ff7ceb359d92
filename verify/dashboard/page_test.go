package dashboard

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify/report"
	"seihon/verify/status"
)

var now = time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)

// rich is a status with something of everything, and with names that somebody chose to do harm.
func rich() *status.Status {
	slots := func(bad int) []status.Slot {
		all := make([]status.Slot, status.StatusSlots)
		for i := range all {
			all[i] = status.Slot{From: now.Add(-time.Duration(len(all)-i) * status.StatusSlot), Tried: 4, Good: 4}
		}
		all[40].Tried, all[40].Good = 0, 0
		all[90].Good -= bad
		return all
	}
	concern := func(code string, s report.Severity, name string, n int64) status.Concern {
		return status.Concern{Code: code, Severity: s, Name: name, Count: n, TextJA: "意味", TextEN: "meaning",
			HintJA: "対応", Hint: "do it"}
	}
	return &status.Status{
		Schema: status.Schema, Made: now, Origin: "ca.example/master", Size: 12, Newest: now.Add(-time.Hour),
		First: now.Add(3 * time.Hour), Expired: 1,
		ShelfLife: []report.ShelfLife{
			{Name: "crl/old.crl", Kind: "crl", ThisUpdate: now.Add(-72 * time.Hour), NextUpdate: now.Add(-time.Hour),
				Number: "4"},
			{Name: "crl/<b>sub.crl", Kind: "crl", ThisUpdate: now.Add(-72 * time.Hour),
				NextUpdate: now.Add(3 * time.Hour), Number: "5"},
			{Name: "cert/sub.cer", Kind: "ca-certificate", ThisUpdate: now.Add(-72 * time.Hour),
				NextUpdate: now.AddDate(3, 0, 0), Number: "0f"},
		},
		Publication: &status.LogStatus{Origin: "ca.example/publication", Size: 400, Newest: now},
		Targets: []status.TargetStatus{
			{Name: "osaka", Size: 11, Synced: now.Add(-time.Hour), Behind: 1, Probed: now, Samples: 4, Good: 3,
				Probes: slots(1),
				Refused: []status.RefusedStatus{{Name: "docs/a.pdf", Digest: artifact.Sum(nil), Rule: "unsigned",
					Reason: "x", At: now}}},
			{Name: "tokyo", Probes: make([]status.Slot, status.StatusSlots)},
		},
		Verified: now.Add(-2 * time.Hour),
		Verification: &status.VerificationStatus{At: now.Add(-time.Minute), Objects: 30, Size: 12,
			Findings: []status.FindingTally{{Code: "copy-missing", Severity: "error", Count: 2},
				{Code: `"><script>`, Severity: `x" onload="`, Count: 1}}},
		Checks: slots(1),
		Reviews: []ledger.Review{{Kind: "risk-review", Recorded: now.AddDate(-1, 0, 0), Due: now.AddDate(0, 0, -2)},
			{Kind: "hsm-list", Recorded: now}},
		Concerns: []status.Concern{concern("status-expired", report.Critical, "crl/old.crl", 0),
			concern("copy-missing", report.Error, "", 2),
			concern("status-behind", report.Warning, "osaka", 0), concern(`"><script>`, `x" onload="`, "", 1)},
		Warn: true, Critical: true,
	}
}

func page(t *testing.T, p Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var (
	figureTag = regexp.MustCompile(`data-figure="([^"]*)" value="([^"]*)"`)
	tag       = regexp.MustCompile(`<style>[^<]*</style>|<[^>]*>`)
)

// TestPageHasTheFiguresOfTheStatus compares the page with the text format of Prometheus, both ways.
func TestPageHasTheFiguresOfTheStatus(t *testing.T) {
	t.Parallel()
	s := rich()
	want := map[string]string{}
	for _, f := range s.Figures() {
		want[f.Name+"{"+f.Labels+"}"] = f.Text()
	}
	for _, lang := range []string{Japanese, English} {
		shown := map[string]string{}
		for _, m := range figureTag.FindAllStringSubmatch(page(t, Page{Status: s, Lang: lang}), -1) {
			name, value := html.UnescapeString(m[1]), m[2]
			shown[name] = value
			if want[name] != value {
				t.Errorf("%s: the page shows %s as %q, the status has %q", lang, name, value, want[name])
			}
		}
		for name := range want {
			if _, ok := shown[name]; !ok {
				t.Errorf("%s: the page does not show %s", lang, name)
			}
		}
	}
}

// TestPageIsInOneLanguage looks at every word of it.
func TestPageIsInOneLanguage(t *testing.T) {
	t.Parallel()
	ja, en := page(t, Page{Status: rich(), Lang: Japanese}), page(t, Page{Status: rich(), Lang: English})
	if !strings.Contains(ja, `<html lang="ja">`) || !strings.Contains(en, `<html lang="en">`) {
		t.Error("the language of the page is not said")
	}
	for _, r := range en {
		if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) {
			t.Fatalf("the English page has %q", r)
		}
	}
	text := strings.ReplaceAll(tag.ReplaceAllString(ja, " "), "status-behind", "") // a code has no language
	for _, word := range []string{"behind", "unknown", "not on record", "ago", " of ", "samples", "verification"} {
		if strings.Contains(text, word) {
			t.Errorf("the Japanese page says %q", word)
		}
	}
	for _, want := range []string{"1 件遅れ", "不明", "1 時間 超過", "示されていない", "12:00"} {
		if !strings.Contains(text, want) {
			t.Errorf("the Japanese page lacks %q", want)
		}
	}
}

// TestPageIsSelfContained wants no script, no request and no markup from outside.
func TestPageIsSelfContained(t *testing.T) {
	t.Parallel()
	for _, links := range []*Links{nil, {Refresh: time.Minute, Every: time.Minute}, {Every: time.Minute}} {
		got := page(t, Page{Status: rich(), Lang: English, Links: links})
		for _, bad := range []string{"<script", " src=", "url(", "@import", "<link", "<img", "<b>", `" onload="`,
			" style="} {
			if strings.Contains(got, bad) {
				t.Errorf("the page contains %q", bad)
			}
		}
		var hrefs []string
		for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(got, -1) {
			hrefs = append(hrefs, html.UnescapeString(m[1]))
		}
		want := []string{}
		switch {
		case links != nil && links.Refresh > 0:
			want = []string{"/?lang=ja", "/?lang=en&refresh=off"}
		case links != nil:
			want = []string{"/?lang=ja&refresh=off", "/?lang=en"}
		}
		if fmt.Sprint(hrefs) != fmt.Sprint(want) {
			t.Errorf("the page leads to %q, want %q", hrefs, want)
		}
	}
}
