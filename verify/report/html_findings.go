package report

import (
	"fmt"
	"strings"

	"seihon/sectiona"
)

func (p *page) findings(r *Report) {
	p.section("findings", "指摘事項", "Findings")
	if len(r.Findings) == 0 {
		p.bothIn("p", "なし", "None")
	}
	for _, k := range r.kinds() {
		p.kind(k)
	}
	p.end()
}

// kind writes the findings of one code at one place: what they have in common once, and then each.
func (p *page) kind(k kindOfFinding) {
	f := k.findings[0]
	p.raw(`<article class="finding ` + string(f.Severity) + `"><h3>`)
	n := severityNames[f.Severity]
	p.raw(`<span class="badge">`)
	p.both(n.ja, n.en)
	p.raw("</span> ")
	p.both(f.TextJA, f.TextEN)
	p.raw("</h3><dl>")
	p.pair("符号", "code", f.Code)
	p.pairOf("場所", "place", func() { p.source(f.Source) })
	if item := CodeByName[f.Code].Item; item != "" {
		p.pair("調査項目", "survey item", item)
	}
	p.pairOf("対処", "what to do", func() { p.both(f.hint()) })
	p.rule(f.Rule)
	p.raw("</dl><ul>")
	for _, x := range k.findings {
		p.item(&f, &x)
	}
	p.raw("</ul>")
	if k.more > 0 {
		p.bothIn("p", fmt.Sprintf("このほかに %d 件ある。", k.more), fmt.Sprintf("… and %d more.", k.more))
	}
	p.raw("</article>\n")
}

// item writes what one finding has beyond the first of its kind.
func (p *page) item(first, f *Finding) {
	if f.Name == "" && f.Want == "" && f.Got == "" && f.Detail == "" {
		return
	}
	p.raw("<li>")
	if _, ours := sourceNames[f.Source]; ours || strings.HasPrefix(f.Code, "responder-") ||
		strings.HasPrefix(f.Code, "observe-") {
		p.sayIn("strong", f.Name)
	} else {
		p.element("strong", f.Name) // of a copy: somebody else may have chosen it
	}
	p.raw("<dl>")
	for _, x := range []struct{ ja, en, text string }{{"あるべき値", "want", f.Want}, {"実際の値", "got", f.Got},
		{"詳細", "detail", f.Detail}} {
		if x.text != "" {
			p.raw("<div>")
			p.bothIn("dt", x.ja, x.en)
			p.sayIn("dd"+class(x.text), x.text)
			p.raw("</div>")
		}
	}
	if f.Hint != first.Hint {
		p.pairOf("対処", "what to do", func() { p.both(f.hint()) })
	}
	if f.Rule != first.Rule {
		p.rule(f.Rule)
	}
	p.raw("</dl></li>")
}

// hint is what to do, in both languages.
func (f *Finding) hint() (ja, en string) { return f.HintJA, f.Hint }

// rule leads to the rule, which stands on the page once.
func (p *page) rule(id string) {
	if _, ok := sectiona.RuleByID(id); !ok {
		return
	}
	p.pairOf("規則", "rule", func() {
		p.raw(`<a href="#rule-`)
		p.text(id)
		p.raw(`">`)
		p.text(id)
		p.raw("</a>")
	})
}

// sourceNames are the places of findings that are no copy.
var sourceNames = map[string]string{SourceLog: "正本のログ", SourceMaster: "正本", SourcePublication: "公開ログ",
	SourceInventory: "発行台帳",
	SourcePins:      "設定", SourceSamples: "観測"}

// source writes the place of a finding.
func (p *page) source(name string) {
	if ja, ok := sourceNames[name]; ok {
		p.both(ja, name)
		return
	}
	p.text(name)
}
