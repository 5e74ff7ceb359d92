package dashboard

import (
	"fmt"
	"html"
	"io"
	"strings"
	"time"

	"seihon/verify/report"
	"seihon/verify/status"
)

// The languages of the page.
const (
	Japanese = "ja"
	English  = "en"
)

// A Page is a status as people see it.
type Page struct {
	Status *status.Status // nil: it could not be found out
	Err    error          // why not
	Made   time.Time      // of a page without a status
	Lang   string         // Japanese or English
	Links  *Links         // nil: the page is a file and leads nowhere
}

// Links are what a page that is served leads to.
type Links struct {
	Refresh time.Duration // 0: it was stopped
	Every   time.Duration // at which it goes on
}

// WriteHTML writes the page.
func (p Page) WriteHTML(w io.Writer) error {
	b := &builder{ja: p.Lang == Japanese, figures: map[string]string{}}
	made := p.Made
	if s := p.Status; s != nil {
		made = s.Made
		for _, f := range s.Figures() {
			b.figures[f.Name+"{"+f.Labels+"}"] = f.Text()
		}
	}
	b.made = made.UTC()
	b.head(p)
	b.raw("<main>")
	if p.Status == nil {
		b.unknown(p.Err)
	} else {
		b.status(p.Status)
	}
	b.raw("</main>\n")
	if p.Status != nil {
		b.foot(p.Status)
	}
	b.raw("</div></body></html>\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the page of the status: %w", err)
	}
	return nil
}

// A builder collects HTML in one language. Only constants go through raw; whatever comes from outside goes through esc.
type builder struct {
	strings.Builder
	ja      bool
	made    time.Time
	figures map[string]string // values by name and labels
}

func (b *builder) raw(parts ...string) {
	for _, s := range parts {
		b.WriteString(s)
	}
}

// t chooses the language.
func (b *builder) t(ja, en string) string {
	if b.ja {
		return ja
	}
	return en
}

// f chooses the language of a sentence with values.
func (b *builder) f(ja, en string, values ...any) string { return fmt.Sprintf(b.t(ja, en), values...) }

// esc makes a text safe to stand in the page.
func esc(s string) string { return html.EscapeString(report.Shown(s)) }

// figure is a value under its name in the text format, as people read it. inner is HTML.
func (b *builder) figure(name, labels, inner string) string {
	return `<data data-figure="` + esc(name+"{"+labels+"}") + `" value="` + esc(b.figures[name+"{"+labels+"}"]) + `">` +
		inner + `</data>`
}

// section begins a part of the page; note stands small beside its heading.
func (b *builder) section(id, class, title, note string) {
	b.raw(`<section class="`, class, `" aria-labelledby="`, id, `"><h2 id="`, id, `">`, esc(title))
	if note != "" {
		b.raw("<small>", esc(note), "</small>")
	}
	b.raw("</h2>")
}

func (b *builder) end() { b.raw("</section>\n") }

// table begins a table with its heads; a head that begins with > is of numbers, one with = of bars.
func (b *builder) table(caption string, heads ...string) {
	b.raw(`<div class="scroll" tabindex="0" role="group" aria-label="`, esc(caption), `"><table><caption>`,
		esc(caption), "</caption><thead><tr>")
	for _, h := range heads {
		class := ""
		if right, ok := strings.CutPrefix(h, ">"); ok {
			class, h = ` class="n"`, right
		}
		if bar, ok := strings.CutPrefix(h, "="); ok {
			class, h = ` class="life"`, bar
		}
		b.raw(`<th scope="col"`, class, ">", esc(h), "</th>")
	}
	b.raw("</tr></thead><tbody>")
}

func (b *builder) endTable() { b.raw("</tbody></table></div>") }

func (b *builder) head(p Page) {
	title := b.t("公開状況", "Repository status")
	about := ""
	if p.Status != nil {
		about = p.Status.Origin
	}
	b.raw("<!DOCTYPE html>\n", `<html lang="`, b.t(Japanese, English),
		`"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">`,
		`<meta http-equiv="Content-Security-Policy" content="`, stylePolicy, `">`, "<title>",
		esc(strings.TrimSpace(title+" "+about)), "</title><style>", styleSheet,
		"</style></head>\n<body><div class=\"page\"><header><div><h1>", title, "</h1>")
	if about != "" {
		b.raw("<span>", esc(about), "</span>")
	}
	at, zone := b.made.In(b.zone()), b.t("日本標準時", "UTC")
	b.raw("<p>", b.f("%s（%s）現在。", "As of %s (%s).",
		`<time datetime="`+b.made.Format(time.RFC3339)+`">`+at.Format("2006-01-02 15:04:05")+"</time>", zone))
	if p.Links == nil {
		b.raw(b.t("この頁は更新されない。", " This page is not refreshed."), "</p></div></header>\n")
		return
	}
	other, name := English, "English"
	if !b.ja {
		other, name = Japanese, "日本語"
	}
	stop, go_ := "&amp;refresh=off", ""
	label := b.t("更新を止める", "Stop refreshing")
	if p.Links.Refresh == 0 {
		stop, go_ = go_, stop
		label = b.f("%sごとに更新する", "Refresh every %s", b.span(p.Links.Every))
		b.raw(b.t("更新は止めてある。", " Refreshing is stopped."))
	} else {
		b.raw(b.f("%sごとに更新する。", " Refreshed every %s.", b.span(p.Links.Refresh)))
	}
	b.raw(`</p></div><nav aria-label="`, b.t("表示", "View"), `"><a href="/?lang=`, other, go_, `" hreflang="`, other,
		`" lang="`, other, `">`, name,
		`</a><a href="/?lang=`, b.t(Japanese, English), stop, `">`, esc(label), `</a></nav></header>`, "\n")
}

// unknown is what stands on the page when nothing could be found out.
func (b *builder) unknown(err error) {
	b.section("state", "state unknown all", b.t("不明", "UNKNOWN"), "")
	b.raw("<p>", b.t("状況を調べることができなかった。何が公開されているか、期限がいつかは、この頁からは分からない。",
		"The status could not be found out. What is public, and until when it holds, is not known here."), "</p>")
	if err != nil {
		b.raw("<pre>", esc(err.Error()), "</pre>")
	}
	b.end()
}
