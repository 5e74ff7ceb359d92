package verify_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"seihon/verify/dashboard"
	"seihon/verify/status"
)

// quietStatus is a status with nothing to say: the last verification found nothing, and every target has everything.
func quietStatus(t *testing.T) *status.Status {
	t.Helper()
	s := shiftStatus(t)
	s.Concerns, s.Warn, s.Reviews, s.Expired = []status.Concern{}, false, nil, 0
	s.Verification.OK, s.Verification.Findings, s.Verified = true, nil, s.Verification.At
	for i := range s.Checks {
		s.Checks[i].Good = s.Checks[i].Tried
	}
	for i := range s.Targets {
		target := &s.Targets[i]
		target.Behind, target.Refused, target.Good = 0, nil, target.Samples
		for j := range target.Probes {
			target.Probes[j].Good = target.Probes[j].Tried
		}
	}
	return s
}

// bareStatus is what is known where nobody has published yet: a master without a publication log.
func bareStatus(t *testing.T) *status.Status {
	t.Helper()
	r := newRepo(t)
	return must(status.New(t.Context(), status.Config{Master: r.writer.Log(), Now: r.clock}))
}

// shiftPages are pages of the dashboard, by name: the state, a comma and the language.
func shiftPages(t *testing.T) map[string][]byte {
	t.Helper()
	links := &dashboard.Links{Refresh: 30 * time.Second, Every: 30 * time.Second}
	pages := map[string][]byte{}
	for name, p := range map[string]dashboard.Page{
		"shift": {Status: shiftStatus(t), Links: links}, "quiet": {Status: quietStatus(t)},
		"bare": {Status: bareStatus(t)},
		"unknown": {Err: errors.New("opening the log in \"/var/lib/seihon/master\": reading the checkpoint: " +
			"input/output error"), Made: start, Links: &dashboard.Links{Every: time.Minute}},
	} {
		for _, p.Lang = range []string{"ja", "en"} {
			var b bytes.Buffer
			check(p.WriteHTML(&b))
			pages[name+", "+p.Lang] = b.Bytes()
		}
	}
	return pages
}

var figureOnPage = regexp.MustCompile(`<data data-figure="([^"]*)" value="([^"]*)">`)

// TestDashboardShowsTheModel compares page, text format, JSON and line: every figure is on the page with its value, and
// the page has no other.
func TestDashboardShowsTheModel(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*status.Status{"shift": shiftStatus(t), "quiet": quietStatus(t),
		"bare": bareStatus(t)} {
		var prom, js bytes.Buffer
		check(s.WritePrometheus(&prom))
		check(s.WriteJSON(&js))
		var back status.Status
		check(json.Unmarshal(js.Bytes(), &back))
		if back.Line() != s.Line() {
			t.Errorf("%s: the JSON form says %q, the status %q", name, back.Line(), s.Line())
		}
		want := map[string]string{}
		for _, line := range strings.Split(prom.String(), "\n") {
			if figure, ok := strings.CutPrefix(line, "seihon_"); ok {
				i := strings.LastIndexByte(figure, ' ')
				want[strings.TrimSuffix(figure[:i], "{}")] = figure[i+1:]
			}
		}
		for _, lang := range []string{"ja", "en"} {
			var page bytes.Buffer
			check(dashboard.Page{Status: &back, Lang: lang}.WriteHTML(&page)) // of what JSON carries
			got := map[string]string{}
			for _, m := range figureOnPage.FindAllStringSubmatch(page.String(), -1) {
				figure := strings.TrimSuffix(html.UnescapeString(m[1]), "{}")
				if w, ok := want[figure]; !ok || w != m[2] {
					t.Errorf("%s, %s: the page has %s %q, the text format %q", name, lang, figure, m[2], w)
				}
				got[figure] = m[2]
			}
			for figure := range want {
				if _, ok := got[figure]; !ok {
					t.Errorf("%s, %s: the page lacks %s", name, lang, figure)
				}
			}
			for _, c := range s.Concerns {
				for _, text := range [][2]string{{c.TextJA, c.TextEN}, {c.HintJA, c.Hint}} {
					if i := slices.Index([]string{"ja", "en"}, lang); !strings.Contains(page.String(),
						html.EscapeString(text[i])) {
						t.Errorf("%s, %s: the page does not say %q", name, lang, text[i])
					}
				}
			}
		}
	}
}

// TestDashboardIsOnePage wants every page whole, in one language and without marks of a sentence that lacks a value.
func TestDashboardIsOnePage(t *testing.T) {
	t.Parallel()
	for name, page := range shiftPages(t) {
		if !bytes.Contains(page, []byte("<main>")) || bytes.Contains(page, []byte("%!")) ||
			bytes.Contains(page, []byte("<b>")) {
			t.Errorf("%s: the page is\n%s", name, page)
		}
		checkBalanced(t, string(page))
		if strings.HasSuffix(name, "en") {
			if at := regexp.MustCompile(`[\p{Han}\p{Hiragana}\p{Katakana}]+`).Find(bytes.ReplaceAll(page, []byte("日本語"),
				nil)); at != nil {
				t.Errorf("%s: the English page says %s", name, at)
			}
		}
	}
}

// TestDashboardSaysWhatItDoesNotKnow wants no number where nothing is on record.
func TestDashboardSaysWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	pages := shiftPages(t)
	for name, wants := range map[string][]string{
		"bare, en": {"There is no publication log here: nothing is known of targets.",
			"no verification is on record", "No day of a review is on record.", "nobody asked: nothing is known"},
		"bare, ja": {"公開先については不明である。", "検証の記録がない", "見直しの期日は記録されていない。", "稼働状況は不明"},
		"unknown, en": {"UNKNOWN", "What is public, and until when it holds, is not known here.", "input/output error",
			"Refreshing is stopped."},
		"unknown, ja": {"不明", "この頁からは分からない。", "input/output error", "更新は止めてある。"},
		"shift, en": {"not on record: nothing is known of that time",
			"of 96 slots of 15 minutes, 5 bad, 10 not asked", "Refreshed every 30 s."},
		"shift, ja": {"記録なし（その間の状況は不明）", "15 分の区間 96 のうち、異常 5、観測なし 10", "30 秒ごとに更新する。"},
	} {
		for _, want := range wants {
			if !bytes.Contains(pages[name], []byte(want)) {
				t.Errorf("%s: the page does not say %q", name, want)
			}
		}
		if strings.HasPrefix(name, "bare") && bytes.Contains(pages[name], []byte("100.0%")) {
			t.Errorf("%s: of nothing the page says something good", name)
		}
		if strings.HasPrefix(name, "unknown") && bytes.Contains(pages[name], []byte("<data ")) {
			t.Errorf("%s: there is a figure on it", name)
		}
	}
}

// TestDashboardOfAThousandParts wants a page that can be looked at.
func TestDashboardOfAThousandParts(t *testing.T) {
	t.Parallel()
	s := bareStatus(t)
	for len(s.ShelfLife) < 1000 {
		s.ShelfLife = append(s.ShelfLife, s.ShelfLife[0])
	}
	var b bytes.Buffer
	check(dashboard.Page{Status: s, Lang: "en"}.WriteHTML(&b))
	if rows := strings.Count(b.String(), `<td class="life"`); rows != 100 ||
		!strings.Contains(b.String(), "the first 100 to expire, of 1000") {
		t.Errorf("%d artifacts are shown by name", rows)
	}
}
