package report

import (
	"fmt"
	"strings"
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
		p.raw(fmt.Sprintf(`</text><rect class="%s" x="%d" y="%d" width="%d" height="14"/><text x="%d" y="%d">`, class,
			label, y, width, label+width+6, y+13))
		p.text(span(left))
		p.raw("</text>")
	}
	p.raw("</svg></div></figure>\n")
}

// figure begins a plot with its title in both languages.
func (p *page) figure(ja, en string, width, height int) {
	p.raw("<figure>")
	p.bothIn("figcaption", ja, en)
	p.raw(fmt.Sprintf(`<div class="scroll" tabindex="0"><svg viewBox="0 0 %d %d" role="img" aria-label="`, width,
		height))
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

// SpanJA is span in Japanese.
func SpanJA(d time.Duration) string {
	return spanUnits.Replace(span(d))
}

var spanUnits = strings.NewReplacer(" d", " 日", " h", " 時間", " min", " 分")

// elide keeps the end of a long name, which tells names apart.
func elide(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return "…" + string(r[len(r)-n+1:])
	}
	return s
}
