package risk

import (
	"os"
	"strings"
	"testing"
	"time"
)

var today = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func example(t testing.TB) string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/risk-register.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

// TestExampleIsComplete: whoever fills in the example of the documents has what section 3-1 asks for.
func TestExampleIsComplete(t *testing.T) {
	t.Parallel()
	r, err := Parse([]byte(example(t)))
	if err != nil {
		t.Fatal(err)
	}
	if problems := r.Check(today); len(problems) > 0 {
		t.Errorf("the example lacks: %v", problems)
	}
	if !r.Example || len(r.Risks) != 14 {
		t.Errorf("example: %t, %d risks", r.Example, len(r.Risks))
	}
	for _, risk := range r.Risks {
		if risk.Risk.JA == "" || risk.Risk.EN == "" {
			t.Errorf("%s is not in both languages", risk.ID)
		}
	}
}

// TestCheck takes something away from the example, or puts something wrong in its place, and wants that named and
// nothing else.
func TestCheck(t *testing.T) {
	t.Parallel()
	const certified = "certification: {scheme: ISO/IEC 27001, body: an institute, number: IS 1, scope: {en: the CA}, " +
		"valid_until: 2027-01-01}\n"
	withoutRisks := func(doc string) string {
		head, rest, _ := strings.Cut(doc, "risks:\n")
		_, tail, _ := strings.Cut(rest, "emergency:\n")
		return head + certified + "emergency:\n" + tail
	}
	swap := func(old, now string) func(string) string {
		return func(doc string) string {
			if !strings.Contains(doc, old) {
				panic("the example does not have " + old)
			}
			return strings.Replace(doc, old, now, 1)
		}
	}
	for want, change := range map[string]func(string) string{
		"organisation: it is missing": swap("organisation: Example CA\n", ""),
		"scope: it is missing": func(doc string) string {
			return between(doc,
				"scope:\n", "assessed:")
		},
		"assessed.by: it is missing":                             swap(", by: security officer}", "}"),
		"assessed.on: it is missing":                             swap("assessed: {on: 2026-11-20, ", "assessed: {"),
		"assessed.on: 2027-11-19 is in the future | approved.on": swap("{on: 2026-11-20", "{on: 2027-11-19"),
		"approved.on: it is before the assessment of 2026-11-20": swap("{on: 2026-11-25", "{on: 2026-11-19"),
		"next_review: it is missing":                             swap("next_review: 2027-11-20\n", ""),
		"next_review: 2026-11-29 has come": swap("next_review: 2027-11-20",
			"next_review: 2026-11-29"),
		"scale.plan_from: 17 is not a product": swap("plan_from: 8", "plan_from: 17"),
		"scale.plan_from: 0 is not a product": func(doc string) string {
			return swap("plan_from: 8",
				"plan_from: 0")(allPlanned(doc))
		},
		"risks: there is none": func(doc string) string {
			return strings.Replace(withoutRisks(doc), certified, "",
				1)
		},
		`risks[1].id: "R1" is twice`: swap("id: R2", "id: R1"),
		"risks[0].id: it is missing": swap("- id: R1\n    risk", "- risk"),
		`risks[0] "R1".risk: it is missing`: swap("    risk: {ja: 認証局または OCSP の鍵の危殆化, en: a key "+
			"of the CA or of OCSP is compromised}\n", ""),
		`risks[0] "R1".likelihood: 0 is not from 1 to 4`: swap("likelihood: 1\n    impact: 4\n    "+
			"response: reduce", "impact: 4\n    response: reduce"),
		`risks[0] "R1".impact: 5 is not from 1 to 4`: swap("impact: 4", "impact: 5"),
		`risks[0] "R1".response: "hope" is not`:      swap("response: reduce", "response: hope"),
		`risks[0] "R1".owner: it is missing`:         swap("    owner: head of key management\n", ""),
		`risks[1] "R2".plan: 4 × 3 is 12`: swap("likelihood: 2\n    impact: 3",
			"likelihood: 4\n    impact: 3"),
		`risks[8] "R9".measures: to avoid a risk`: swap("    measures:\n      - {ja: "+
			"利用者証明書は同意なしに公開されない。内容による検査, en: no subscriber certificate is public without consent; content is "+
			"checked}\n", ""),
		`risks[12] "R13".because: a risk that is accepted`: swap("    because: {ja: レスポンダーなしの公開（objects "+
			"配置）に切り替えられる, en: publishing without a responder (layout objects) can take its place}\n", ""),
		`risks[2] "R3".plan[0].what: it is missing`: swap("- what: {ja: 夜間の失効訓練, en: a drill of a "+
			"revocation at night}\n        owner", "- owner"),
		`risks[2] "R3".plan[0].by: it is missing`:       swap("        by: 2027-05-31\n", ""),
		`risks[2] "R3".plan[0].by: 2026-11-01 has come`: swap("by: 2027-05-31", "by: 2026-11-01"),
		`risks[2] "R3".plan[0].done: 2027-01-01 is in the`: swap("by: 2027-05-31",
			"by: 2027-05-31\n        done: 2027-01-01"),
		"emergency: nobody is named": func(doc string) string {
			doc, _, _ = strings.Cut(doc,
				"emergency:")
			return doc
		},
		"emergency[0]: duty and who": swap(", who: head of the CA}", "}"),
		"certification: scheme, body and number": func(doc string) string {
			return swap("number: IS 1, ",
				"")(withoutRisks(doc))
		},
		"certification.scope: it is missing": func(doc string) string {
			return swap("scope: {en: the CA}, ",
				"")(withoutRisks(doc))
		},
		"certification.valid_until: the certificate has": func(doc string) string {
			return swap("2027-01-01}",
				"2026-11-29}")(withoutRisks(doc))
		},
		"":                   withoutRisks,
		"nothing is lacking": swap("by: 2027-05-31", "by: 2026-11-01\n        done: 2026-11-02"),
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			r, err := Parse([]byte(change(example(t))))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range r.Check(today) {
				got = append(got, p.String())
			}
			all := strings.Join(got, " | ")
			wants := strings.Split(want, " | ")
			if want == "" || want == "nothing is lacking" {
				wants = nil
			}
			if len(got) != len(wants) {
				t.Fatalf("%d problems, want %d: %s", len(got), len(wants), all)
			}
			for i := range wants {
				if !strings.HasPrefix(got[i], wants[i]) {
					t.Errorf("said %q, want %q", got[i], wants[i])
				}
			}
			shown := r.Markdown("en", today)
			if lacks := strings.Contains(shown, "## What is missing"); lacks != (len(got) > 0) {
				t.Errorf("the page says that something is missing: %t", lacks)
			}
		})
	}
}

// between cuts out what stands from one text to the next.
func between(doc, from, to string) string {
	head, rest, _ := strings.Cut(doc, from)
	_, tail, _ := strings.Cut(rest, to)
	return head + to + tail
}

// allPlanned accepts every risk, so that none needs a plan.
func allPlanned(doc string) string {
	for _, r := range []string{"reduce", "share", "avoid"} {
		doc = strings.ReplaceAll(doc, "response: "+r, "response: accept\n    because: {en: a reason}")
	}
	return doc
}

// TestRecommendedIsToldApart: what section 3-1 recommends does not stop a record.
func TestRecommendedIsToldApart(t *testing.T) {
	t.Parallel()
	doc, _, _ := strings.Cut(example(t), "emergency:")
	r, err := Parse([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	problems := r.Check(today)
	if len(problems) != 1 || !problems[0].Recommended || !strings.Contains(problems[0].Quote(), "推奨される") {
		t.Errorf("without an order for emergencies: %+v", problems)
	}
	if q := (Problem{}).Quote(); !strings.Contains(q, "求めるべきである") {
		t.Errorf("what is asked for: %s", q)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"field colour not found": example(t) + "colour: red\n",
		"a second document":      example(t) + "---\nschema: x\n",
		`its form is "seihon/`:   strings.Replace(example(t), "register/v1", "register/v2", 1),
		"cannot unmarshal":       strings.Replace(example(t), "levels: 4", "levels: four", 1),
		"bytes are more than":    example(t) + strings.Repeat("#\n", maxRegister/2),
	} {
		if _, err := Parse([]byte(doc)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want %q: %v", name, err)
		}
	}
	if IsRegister([]byte("# minutes\nwe spoke of schema: seihon/risk-register/v1")) || !IsRegister([]byte(example(t))) {
		t.Error("a register is not told from another text")
	}
}

// TestMarkdownKeepsItsTables: no text of the register ends a row or a column.
func TestMarkdownKeepsItsTables(t *testing.T) {
	t.Parallel()
	doc := strings.ReplaceAll(example(t), "head of operations", `"a | b\nc"`)
	r, err := Parse([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	for lang, columns := range map[string]string{"ja": "| 番号 | リスク |", "en": "| no | risk |"} {
		page := r.Markdown(lang, today)
		_, table, ok := strings.Cut(page, columns)
		if !ok {
			t.Fatalf("%s: there is no table of risks:\n%s", lang, page)
		}
		table, _, _ = strings.Cut(table, "\n\n")
		rows := strings.Split(table, "\n")[1:]
		if len(rows) != 15 {
			t.Errorf("%s: %d rows, want one below the head and 14", lang, len(rows))
		}
		for _, row := range rows {
			if n := strings.Count(row, "|") - strings.Count(row, `\|`); n != 9 {
				t.Errorf("%s: %d borders in %s", lang, n, row)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example(f)))
	f.Add([]byte("schema: seihon/risk-register/v1\n"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		r, err := Parse(doc)
		if err != nil {
			return
		}
		lacks := len(r.Check(today))
		if page := r.Markdown("ja", today); strings.Contains(page, "## 不足") != (lacks > 0) {
			t.Errorf("%d problems:\n%s", lacks, page)
		}
	})
}
