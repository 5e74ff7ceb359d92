package verify

import (
	"fmt"
	"time"

	"seihon/artifact"
)

// The plots' drawing area, and the room for names beside it, in user units; they scale with the page.
const (
	plotWidth = 640
	plotLabel = 250
)

// shelfLifePlot draws one bar for each list and generation from now to its nextUpdate.
func (p *page) shelfLifePlot(r *Report) {
	var lines []ShelfLife
	longest := time.Duration(0)
	for _, l := range r.ShelfLife {
		if left := l.NextUpdate.Sub(r.Made); !artifact.Kind(l.Kind).IsCertificate() && len(lines) < 40 {
			lines = append(lines, l)
			longest = max(longest, left)
		}
	}
	if len(lines) == 0 || longest <= 0 {
		return
	}
	const step, label = 22, plotLabel
	height := step*len(lines) + 8
	p.figure("有効期限までの残り時間", "Time left until nextUpdate", label+plotWidth, height)
	for i, l := range lines {
		left := l.NextUpdate.Sub(r.Made)
		width := max(int(int64(plotWidth-130)*int64(max(left, 0)/time.Second)/int64(longest/time.Second)), 1)
		class := "bar"
		if left <= 0 {
			class = "bar stale"
		}
		y := step*i + 4
		p.raw(fmt.Sprintf(`<text x="%d" y="%d" text-anchor="end">`, label-8, y+13))
		p.text(elide(l.Name, 36))
		p.raw(fmt.Sprintf(`</text><rect class="%s" x="%d" y="%d" width="%d" height="14"/><text x="%d" y="%d">`, class, label, y, width, label+width+6, y+13))
		p.text(span(left))
		p.raw("</text>")
	}
	p.raw("</svg></div></figure>\n")
}

// availabilityPlot draws one column for each day; what is missing from its height is the share of bad samples, drawn to scale.
func (p *page) availabilityPlot(u *Uptime) {
	days := u.Days
	if len(days) > 370 {
		days = days[len(days)-370:]
	}
	if len(days) == 0 {
		return
	}
	const height, wide = 140, plotLabel + plotWidth
	p.figure("日ごとの正常応答率（塗り：正常、赤枠の白：異常）", "Share of good answers by day (filled: good, white in red: bad)", wide, height+22)
	width := float64(wide) / float64(len(days))
	for i, d := range days {
		good := d.Ratio * height
		x := float64(i) * width
		p.raw(fmt.Sprintf(`<g><title>%s: %.3f%% (%d)</title>`, d.Name, 100*d.Ratio, d.Samples))
		if d.Ratio < 1 {
			p.raw(fmt.Sprintf(`<rect class="missing" x="%.2f" y="1" width="%.2f" height="%d"/>`, x, width*0.9, height-2))
		}
		p.raw(fmt.Sprintf(`<rect class="bar" x="%.2f" y="%.2f" width="%.2f" height="%.2f"/></g>`, x, height-good, width*0.9, good))
	}
	p.raw(fmt.Sprintf(`<text x="0" y="%d">`, height+16))
	p.text(days[0].Name)
	p.raw(fmt.Sprintf(`</text><text x="%d" y="%d" text-anchor="end">`, wide, height+16))
	p.text(days[len(days)-1].Name)
	p.raw("</text></svg></div></figure>\n")
}

// figure begins a plot with its title in both languages.
func (p *page) figure(ja, en string, width, height int) {
	p.raw("<figure>")
	p.bothIn("figcaption", ja, en)
	p.raw(fmt.Sprintf(`<div class="scroll" tabindex="0"><svg viewBox="0 0 %d %d" role="img" aria-label="`, width, height))
	p.text(ja + " / " + en)
	p.raw(`">`)
}

// span writes a duration the way people read it.
func span(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%s%d d %d h", sign, d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%s%d h %d min", sign, d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%s%d min", sign, d/time.Minute)
	}
	return sign + d.String()
}

// elide keeps the end of a long name, which tells names apart.
func elide(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return "…" + string(r[len(r)-n+1:])
	}
	return s
}

// styleSheet is the page's only style: readable in both languages and on paper, colours with a contrast of at least 4.5 to 1.
const styleSheet = `
:root{--ink:#1b2430;--paper:#fff;--line:#c9d1da;--soft:#f4f6f8;--good:#176b3a;--bad:#a3161c;--warn:#7a4d00;--bar:#2a6496}
*{box-sizing:border-box}
body{margin:0;color:var(--ink);background:var(--paper);font:16px/1.65 system-ui,"Hiragino Kaku Gothic ProN","Noto Sans CJK JP","Noto Sans JP",Meiryo,sans-serif}
.page{max-width:1080px;margin:0 auto;padding:1rem}
header{border-bottom:3px solid var(--ink);margin-bottom:1rem}
h1{font-size:1.7rem;margin:.2em 0}h2{font-size:1.3rem;border-bottom:1px solid var(--line);margin-top:2.2rem}h3{font-size:1.02rem;margin:.2rem 0}
.languages{float:right;position:relative}.languages input{position:absolute;opacity:.01}.languages label{display:inline-block;cursor:pointer;padding:.15em .7em;border:1px solid var(--ink);border-radius:3px}
.languages :checked+label{background:var(--ink);color:var(--paper)}.languages :focus-visible+label{outline:3px solid var(--bar)}
:root:has(#lang-ja:checked) .en,:root:has(#lang-en:checked) .ja{display:none}
nav ul{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;list-style:none;padding:0}a{color:#0b4f86}
.verdict{border-left:10px solid;padding:.4rem 1rem;background:var(--soft)}.verdict.ok{border-color:var(--good)}.verdict.bad{border-color:var(--bad)}
.big{font-size:1.2rem;font-weight:700}
.verdict dl{display:flex;flex-wrap:wrap;gap:.4rem 1.6rem}.verdict dt{font-size:.85rem}.verdict dd{margin:0;font-size:1.3rem;font-weight:700}
.finding{border:1px solid var(--line);border-left:8px solid var(--line);padding:.4rem .9rem;margin:.7rem 0;break-inside:avoid}
.finding.critical,.finding.error{border-left-color:var(--bad)}.finding.warning{border-left-color:var(--warn)}
.digest{font:.8em/1.9 ui-monospace,"DejaVu Sans Mono",monospace}.short{white-space:nowrap}
.finding dl{margin:.3rem 0}.finding dl div,#evidence~dl div{display:flex;gap:.8rem}
.finding dt,#evidence~dl dt{flex:0 0 8.5rem;font-weight:700}.finding dd,#evidence~dl dd{margin:0;overflow-wrap:anywhere}
.badge{color:var(--paper);background:var(--ink);border-radius:3px;padding:0 .5em;font-size:.85rem}
.critical .badge,.error .badge{background:var(--bad)}.warning .badge{background:var(--warn)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;margin:1rem 0;font-size:.92rem}
caption{text-align:left;font-weight:700;padding:.3rem 0}th,td{border:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top}td{overflow-wrap:anywhere}th{overflow-wrap:break-word}
thead th{background:var(--soft);word-break:keep-all}tbody th{font-weight:400}pre{background:var(--soft);padding:.7rem;white-space:pre-wrap;overflow-wrap:anywhere}
figure{margin:1rem 0}figcaption{font-weight:700}svg{max-width:100%;height:auto;font-size:12px}svg text{fill:var(--ink)}.bar{fill:var(--bar)}.stale{fill:var(--bad)}.missing{fill:var(--paper);stroke:var(--bad)}
@media(max-width:600px){.finding dl div,#evidence~dl div{display:block}thead th{white-space:nowrap}table{font-size:.85rem}svg{min-width:36rem}td:not(.short),tbody th:not(.short){min-width:9rem}}
@media print{.languages,nav{display:none}body{font-size:11pt}.page{max-width:none;padding:0 2px}.badge,.verdict,thead th{print-color-adjust:exact;-webkit-print-color-adjust:exact}.scroll{overflow:visible}h2{break-after:avoid}tr,figure{break-inside:avoid}}
`
