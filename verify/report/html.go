package report

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"seihon/artifact"
)

// WriteHTML writes the report as one self-contained page in Japanese and English: no script, no request to anywhere,
// the language chosen by a radio button that also decides what is printed; a browser too old for the style sheet's :has
// shows both. Every claim stands beside its evidence.
//
// The page is built without a template engine: text/template looks methods up by name, for which the linker has to keep
// every method of every type, and the auditor's binary is shown not to contain any signing code.
func (r *Report) WriteHTML(w io.Writer) error {
	p := &page{}
	p.head(r)
	p.front(r)
	p.findings(r)
	p.copies(r)
	p.publication(r)
	p.record(r)
	p.rules()
	p.annex(r.Annex)
	p.evidence(r)
	p.raw("</main></div></body></html>\n")
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// Digest is the SHA-256 of the report's JSON form, by which a report can be cited and signed.
func (r *Report) Digest() artifact.Digest {
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		return artifact.Digest{} // a buffer takes everything
	}
	return artifact.Sum(b.Bytes())
}

// A page collects HTML. Only constants go through raw and the formats of rawf; whatever comes from outside goes through
// text.
type page struct{ b strings.Builder }

func (p *page) raw(s string) { p.b.WriteString(s) }

func (p *page) text(s string) { p.b.WriteString(html.EscapeString(Shown(s))) }

// both writes a text in both languages, of which the style sheet shows one.
func (p *page) both(ja, en string) {
	p.raw(`<span class="ja" lang="ja">`)
	p.text(ja)
	p.raw(`</span><span class="en" lang="en">`)
	p.text(en)
	p.raw(`</span>`)
}

// element writes text inside an element of the given start tag's name.
func (p *page) element(tag, s string) {
	name, _, _ := strings.Cut(tag, " ")
	p.raw("<" + tag + ">")
	p.text(s)
	p.raw("</" + name + ">")
}

func (p *page) bothIn(tag, ja, en string) {
	name, _, _ := strings.Cut(tag, " ")
	p.raw("<" + tag + ">")
	p.both(ja, en)
	p.raw("</" + name + ">")
}

// section begins a section with a heading that the navigation leads to.
func (p *page) section(id, ja, en string) {
	p.raw(`<section aria-labelledby="` + id + `">`)
	p.bothIn(`h2 id="`+id+`"`, ja, en)
}

func (p *page) end() { p.raw("</section>\n") }

// A column is a table's heading in both languages.
type column struct{ ja, en string }

func (p *page) table(captionJA, captionEN string, columns ...column) {
	p.beginTable("<table>", "", captionJA, captionEN, columns)
}

// wideTable is a table whose columns have shares of the width, so that none collapses on paper.
func (p *page) wideTable(captionJA, captionEN string, shares []int, columns ...column) {
	cols := "<colgroup>"
	for _, share := range shares {
		cols += fmt.Sprintf(`<col style="width:%d%%">`, share)
	}
	p.beginTable(`<table class="wide">`, cols+"</colgroup>", captionJA, captionEN, columns)
}

func (p *page) beginTable(tag, cols, captionJA, captionEN string, columns []column) {
	p.raw(`<div class="scroll" tabindex="0">` + tag)
	p.bothIn("caption", captionJA, captionEN)
	p.raw(cols)
	p.raw("<thead><tr>")
	for _, c := range columns {
		p.bothIn(`th scope="col"`, c.ja, c.en)
	}
	p.raw("</tr></thead><tbody>")
}

// row writes a row of a table: texts from outside, texts in both languages, and times.
func (p *page) row(cells ...any) {
	p.raw("<tr>")
	for i, c := range cells {
		tag, end := "td", "td"
		if i == 0 {
			tag, end = `th scope="row"`, "th"
		}
		switch c := c.(type) {
		case string:
			p.element(tag+class(c), c)
		case column:
			p.bothIn(tag, c.ja, c.en)
		case time.Time:
			p.raw("<" + tag + ">")
			p.moment(c)
			p.raw("</" + end + ">")
		}
	}
	p.raw("</tr>")
}

var printedHash = regexp.MustCompile(`^([0-9a-f]{64}|[A-Za-z0-9+/]{43}=)$`)

// class lets a digest fit on one line, and keeps a number or a time on one.
func class(value string) string {
	switch {
	case printedHash.MatchString(value):
		return ` class="digest"`
	case len(value) <= len("2026-11-21T07:00:00Z"):
		return ` class="short"`
	}
	return ""
}

func (p *page) tableEnd() { p.raw("</tbody></table></div>\n") }

var navigation = []struct{ id, ja, en string }{
	{"findings", "指摘事項", "Findings"},
	{"copies", "正本と副本の一致（3C56）", "Master and copies (3C56)"},
	{"publication", "公開と有効期限（3713）", "Publication and shelf life (3713)"},
	{"record", "関連するログと稼働実績", "Logs and record of operation"},
	{"rules", "報告書 3-4 A の規則", "Rules of section A"},
	{"annex", "別紙：公開物の明細", "Annex: every object"},
	{"evidence", "再現の方法", "How to repeat"},
}

func (p *page) head(r *Report) {
	p.begin("リポジトリ検証報告書", "Repository verification report", r.Log.Origin)
	p.bothIn("h1", "リポジトリ検証報告書", "Repository verification report")
	p.raw("</header>\n<nav aria-label=\"目次 / Contents\"><ul>")
	for _, n := range navigation {
		p.raw(`<li><a href="#` + n.id + `">`)
		p.both(n.ja, n.en)
		p.raw("</a></li>")
	}
	p.raw("</ul></nav>\n<main>")
}

// begin writes everything up to the heading of a page.
func (p *page) begin(ja, en, about string) {
	p.raw("<!DOCTYPE html>\n<html lang=\"ja\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" " +
		"content=\"width=device-width,initial-scale=1\">" +
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">")
	p.element("title", ja+" / "+en+": "+about)
	p.raw("<style>" + styleSheet + running(ja, en, about) + "</style></head>\n<body>" +
		`<div class="page"><header><div class="languages" role="radiogroup" aria-label="言語 / Language">` +
		`<input type="radio" name="lang" id="lang-ja" checked><label for="lang-ja" lang="ja">日本語</label> ` +
		`<input type="radio" name="lang" id="lang-en"><label for="lang-en" lang="en">English</label></div>`)
}

// severityNames are the words of a survey's report.
var severityNames = map[Severity]column{
	Critical: {"重大な不適合", "critical"}, Error: {"不適合", "error"}, Warning: {"観察事項", "warning"}, Note: {"備考", "note"},
}

// pair writes a line of a definition list, unless there is nothing to say.
func (p *page) pair(ja, en, value string) {
	if value == "" {
		return
	}
	p.raw("<div>")
	p.bothIn("dt", ja, en)
	p.element("dd"+class(value), value)
	p.raw("</div>")
}

// compared says, by what was read, what was done with the masters and the copies.
var compared = map[string]struct{ ja, en string }{
	MasterBytes: {"正本のログに記録された全ての正本を読み、記録されたダイジェストと照合した。",
		"Every master that the log names was read and compared with its recorded digest."},
	ContentSizes: {"正本のログに記録された全ての正本の存在と大きさを照合した。内容は読んでいない。",
		"Every master that the log names is there with its recorded size; none was read."},
	ContentNone: {"正本の内容は調べていない。", "The masters themselves were not looked at."},

	"copies " + ContentAll: {"各公開場所について、そのチェックポイントが約束する全ての副本を取得し、正本とバイト単位で照合した。",
		"At every place of publication, every copy that its checkpoint promises was fetched and compared with the " +
			"master byte for byte."},
	"copies " + ContentSample: {"各公開場所について、全ての失効リストと OCSP の世代、及び無作為に選んだ副本を取得し、正本とバイト単位で照合した。",
		"At every place of publication, every revocation list and OCSP generation and a random sample of the other " +
			"copies were fetched and compared with the master byte for byte."},
	"copies " + ContentSizes: {"各公開場所について、そのチェックポイントが約束する全ての副本の名前、大きさ及び ETag を照合した。内容は取得していない。",
		"At every place of publication, name, size and ETag of every copy that its checkpoint promises were " +
			"compared; the contents were not fetched."},
	"copies " + ContentNone: {"副本は調べていない。", "No copy was looked at."},
}

func (p *page) copies(r *Report) {
	p.section("copies", "正本と副本の一致（調査項目 3C56）", "Master and copies (survey item 3C56)")
	master, copies := compared[r.Scope.Master], compared["copies "+r.Scope.CopyContent]
	p.bothIn("p", master.ja+copies.ja, master.en+" "+copies.en)
	p.table("公開場所", "Places of publication", column{"場所", "place"}, column{"約束する記録数", "entries promised"},
		column{"読んだ副本", "copies read"}, column{"バイト", "bytes"},
		column{"配置", "layout"}, column{"台帳外", "not in the ledger"})
	for _, c := range r.Copies {
		extra := column{"一覧なし", "not listed"}
		if c.Listed {
			extra = column{strconv.FormatInt(c.Extra, 10), strconv.FormatInt(c.Extra, 10)}
		}
		p.row(c.Source, strconv.FormatInt(c.Size, 10), strconv.FormatInt(c.Objects, 10), strconv.FormatInt(c.Bytes, 10),
			c.Layout, extra)
	}
	p.tableEnd()
	p.resumed(r.Resumed)
	p.end()
}

func (p *page) publication(r *Report) {
	p.section("publication", "公開と有効期限（調査項目 3713）", "Publication and shelf life (survey item 3713)")
	if t := r.FirstExpiry(); !t.IsZero() {
		left := t.Sub(r.Made)
		p.bothIn("p", fmt.Sprintf("仮に今後一切署名が行われない場合、最初に期限を迎えるのは %s（%s 後）である。", Clock(t), SpanJA(left)),
			fmt.Sprintf("If nothing were signed from now on, the first list or response would expire at %s (in %s).",
				Clock(t), span(left)))
	}
	p.shelfLifePlot(r)
	p.table("公開中のものの有効期間", "Validity of what is public", column{"名前", "name"}, column{"種別", "kind"},
		column{"番号", "number"}, column{"開始", "from"}, column{"終了", "until"})
	for _, l := range r.ShelfLife {
		p.row(l.Name, kindName(l.Kind), l.Number, l.ThisUpdate, l.NextUpdate)
	}
	p.tableEnd()
	p.responders(r.Responders)
	if r.Record != nil && len(r.Record.Lists) > 0 {
		p.table("失効リストの発行履歴", "History of the revocation lists", column{"名前", "name"}, column{"版数", "versions"},
			column{"最初", "first"}, column{"最新", "newest"},
			column{"最長間隔", "longest interval"}, column{"空白", "gaps"})
		for _, l := range r.Record.Lists {
			p.row(l.Name, fmt.Sprint(l.Versions), l.First, l.Last, column{SpanJA(l.Longest), span(l.Longest)},
				fmt.Sprint(l.Gaps))
		}
		p.tableEnd()
	}
	p.end()
}

// responders tells which questions the responders were asked.
func (p *page) responders(all []ResponderSummary) {
	if len(all) == 0 {
		return
	}
	p.table("OCSP レスポンダーへの問い合わせ（正本の状態別）", "Questions to OCSP responders (by what the master says)",
		column{"アドレス", "address"}, column{"発行者", "issuer"},
		column{"有効", "good"}, column{"失効", "revoked"}, column{"未発行", "never issued"})
	for _, r := range all {
		for _, n := range r.Issuers {
			p.row(r.Address, n.Issuer, fmt.Sprint(n.Good), fmt.Sprint(n.Revoked), fmt.Sprint(n.NeverIssued))
		}
	}
	p.tableEnd()
}
