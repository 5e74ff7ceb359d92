package report

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// uptime is the record of operation on a page.
func (p *page) uptime(u *Uptime) {
	if u == nil {
		return
	}
	p.bothIn("p", fmt.Sprintf("稼働実績（%s から %s まで）：%s。", Clock(u.From), Clock(u.To), u.roundsJA()),
		fmt.Sprintf("Record of operation from %s to %s: %s.", Clock(u.From), Clock(u.To), u.roundsEN()))
	if u.Total.Observed == 0 {
		p.bothIn("p", "観測は一度も行われていない。稼働率は不明である。", "No observation was made. Nothing is known of the availability.")
	} else {
		t := &u.Total
		p.bothIn("p", fmt.Sprintf("稼働率は %s の間にある。下限は観測されていない時間を全て停止、上限は全て正常とみなした場合の値である。観測できた %d 件では %s が正常であった。",
			t.between(), t.Observed, percent(t.Ratio)),
			fmt.Sprintf("The availability is between %s: the first if all that was not observed was down, the second "+
				"if all of it was up. Of the %d that were observed, %s were good.",
				t.between(), t.Observed, percent(t.Ratio)))
	}
	for _, s := range u.Uncounted.said() {
		p.bothIn("p", "計上しないもの："+s.ja+"。", "Not counted: "+s.en+".")
	}
	p.bothIn("p", fmt.Sprintf("公開処理 %d 回、送信 %d 件。", u.Syncs, u.Published),
		fmt.Sprintf("%d syncs sent %d objects.", u.Syncs, u.Published))
	if u.Total.Observed > 0 {
		p.availabilityPlot(u)
		p.availabilities("観測（アドレス別）", "Observations by address", column{"アドレス", "address"}, u.Names)
		if len(u.Vantages) > 1 || u.Vantages[0].Name != "" {
			p.availabilities("観測（観測者別）", "Observations by vantage", column{"観測者", "vantage"}, u.Vantages)
		}
	}
	p.timePlot(u)
	p.incidents(u.Incidents)
	p.gaps(u.Gaps)
	if s := u.Slowest; s != nil {
		p.bothIn("p", fmt.Sprintf("署名から公開までの時間：中央値 %s、最長 %s（%s）。", SpanJA(u.Median), SpanJA(s.Took), s.Name),
			fmt.Sprintf("From signing to public: %s in the median, %s at most (%s).", span(u.Median), span(s.Took),
				s.Name))
	}
}

// signedSamples tells what came from outside vantages.
func (p *page) signedSamples(all []SignedSamples) {
	if len(all) == 0 {
		return
	}
	p.table("外部の観測者が署名した観測", "Samples that outside vantages have signed", column{"観測者", "vantage"},
		column{"ファイル", "files"},
		column{"回数", "rounds"}, column{"観測", "samples"}, column{"最初", "first"}, column{"最後", "last"})
	for _, s := range all {
		p.row(s.Vantage, fmt.Sprint(s.Files), fmt.Sprint(s.Rounds), fmt.Sprint(s.Samples), s.First, s.Last)
	}
	p.tableEnd()
}

func (p *page) availabilities(ja, en string, what column, all []Availability) {
	p.wideTable(ja, en, []int{26, 10, 10, 8, 10, 19, 9, 8}, what, column{"予定", "expected"}, column{"観測", "observed"},
		column{"正常", "good"}, column{"観測中の割合", "share of observed"},
		column{"稼働率（下限 – 上限）", "availability"}, column{"応答時間（中央値）", "median latency"}, column{"最遅", "slowest"})
	for _, a := range all {
		var name any = a.Name
		if a.Name == "" {
			name = vantageName("")
		}
		p.row(name, strconv.FormatInt(a.Expected, 10), strconv.FormatInt(a.Observed, 10), strconv.FormatInt(a.Good, 10),
			percent(a.Ratio), a.between(), a.Median.String(), a.Slowest.String())
	}
	p.tableEnd()
}

func (p *page) incidents(all []Incident) {
	if len(all) == 0 {
		return
	}
	p.wideTable("障害", "Incidents", []int{19, 19, 25, 10, 7, 20}, column{"開始", "from"}, column{"回復", "until"},
		column{"アドレス", "address"}, column{"観測者", "vantage"}, column{"異常", "bad samples"}, column{"内容", "error"})
	for _, in := range all[:min(len(all), uptimeShown)] {
		p.row(in.From, in.To, in.Name, vantageName(in.Vantage), fmt.Sprint(in.Samples), saying(in.Error))
	}
	p.tableEnd()
	p.moreRows(len(all))
}

func (p *page) gaps(all []Gap) {
	if len(all) == 0 {
		return
	}
	p.table(fmt.Sprintf("観測なし（%d 回以上続けて観測が行われなかった時間）", GapSlots),
		fmt.Sprintf("Not observed (no sample in %d slots or more)", GapSlots),
		column{"開始", "from"}, column{"終了", "until"}, column{"公開先", "target"}, column{"回数", "rounds"},
		column{"長さ", "length"})
	for _, g := range all[:min(len(all), uptimeShown)] {
		d := g.To.Sub(g.From)
		p.row(g.From, g.To, g.Target, strconv.FormatInt(g.Slots, 10), column{SpanJA(d), span(d)})
	}
	p.tableEnd()
	p.moreRows(len(all))
}

func (p *page) moreRows(n int) {
	if n > uptimeShown {
		p.bothIn("p", fmt.Sprintf("ほか %d 件。全件は JSON 形式にある。", n-uptimeShown),
			fmt.Sprintf("%d more; the JSON form has all of them.", n-uptimeShown))
	}
}

// WriteHTML writes the record of operation as a page of its own, in both languages, for the month's file.
func (u *Uptime) WriteHTML(w io.Writer) error {
	p := &page{}
	p.begin("稼働実績", "Record of operation", Day(u.From))
	p.bothIn("h1", "稼働実績", "Record of operation")
	p.element("p", Stamp(u.From)+" – "+Stamp(u.To))
	p.raw("</header>\n<main>")
	p.section("record", "観測と公開（調査項目 3713）", "Observations and publication (survey item 3713)")
	p.uptime(u)
	p.signedSamples(u.Signed)
	p.bothIn("p", fmt.Sprintf("規則による公開拒否 %d 件、検証 %d 回（うち指摘あり %d 回）。", u.Refused, u.Verified, u.VerifiedBad),
		fmt.Sprintf("%d refusals by section A; %d verifications, %d of them with findings.", u.Refused, u.Verified,
			u.VerifiedBad))
	p.end()
	p.raw("</main></div></body></html>\n")
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("writing the record of operation: %w", err)
	}
	return nil
}

// availabilityPlot draws one column for each day: what was good at the bottom, what was bad above
// it, and what nobody observed on top.
func (p *page) availabilityPlot(u *Uptime) {
	days := u.Days
	if len(days) > 370 {
		days = days[len(days)-370:]
	}
	const height, wide = 140, plotLabel + plotWidth
	p.figure("日ごとの観測（濃色：正常、赤枠の白：異常、薄色：観測なし）",
		"Observations by day (dark: good, white in red: bad, light: not observed)", wide, height+22)
	width := float64(wide) / float64(len(days))
	for i, d := range days {
		if d.Expected == 0 {
			continue
		}
		x, scale := float64(i)*width, float64(height-2)/float64(d.Expected)
		p.raw(fmt.Sprintf(`<g><title>%s: %s (%d / %d)</title>`, d.Name, d.between(), d.Observed, d.Expected))
		y := float64(height - 1)
		for _, part := range []struct {
			class string
			n     int64
		}{{"bar", d.Good}, {"missing", d.Observed - d.Good}, {"unseen", d.Expected - d.Observed}} {
			if part.n > 0 {
				h := float64(part.n) * scale
				y -= h
				p.raw(fmt.Sprintf(`<rect class="%s" x="%.2f" y="%.2f" width="%.2f" height="%.2f"/>`, part.class, x, y,
					width*0.9, h))
			}
		}
		p.raw("</g>")
	}
	p.axis(days[0].Name, days[len(days)-1].Name, height+16)
}

// axis writes the two ends of the time below a plot and ends it.
func (p *page) axis(from, to string, y int) {
	p.raw(fmt.Sprintf(`<text x="0" y="%d">`, y))
	p.text(from)
	p.raw(fmt.Sprintf(`</text><text x="%d" y="%d" text-anchor="end">`, plotLabel+plotWidth, y))
	p.text(to)
	p.raw("</text></svg></div></figure>\n")
}

// timePlot draws when incidents were and when nobody observed, on one axis of time. The tables
// below it have the same times.
func (p *page) timePlot(u *Uptime) {
	if !u.From.Before(u.To) || len(u.Incidents)+len(u.Gaps) == 0 {
		return
	}
	p.figure("障害（上段、赤）と観測のない時間（下段、薄色）", "Incidents (above, red) and time that was not observed (below, light)",
		plotLabel+plotWidth, 74)
	var bad, unseen stretches
	for _, in := range u.Incidents {
		to := in.To
		if to.IsZero() || to.After(u.To) {
			to = u.To
		}
		bad.mark(u, in.From, to)
	}
	for _, g := range u.Gaps {
		unseen.mark(u, g.From, g.To)
	}
	p.stretches(&bad, "stale", 4)
	p.stretches(&unseen, "unseen", 30)
	p.axis(Stamp(u.From), Stamp(u.To), 68)
}

// Stretches are times drawn to the width of a plot: what lies on the same point is drawn once.
type stretches [plotLabel + plotWidth]struct{ from, to time.Time }

func (s *stretches) mark(u *Uptime, from, to time.Time) {
	total := u.To.Sub(u.From)
	point := func(t time.Time) int {
		return min(max(int(float64(len(s))*float64(t.Sub(u.From))/float64(total)), 0), len(s)-1)
	}
	for i := point(from); i <= point(to); i++ {
		if s[i].from.IsZero() || from.Before(s[i].from) {
			s[i].from = from
		}
		if to.After(s[i].to) {
			s[i].to = to
		}
	}
}

func (p *page) stretches(s *stretches, class string, y int) {
	p.raw(fmt.Sprintf(`<rect class="axis" x="0" y="%d" width="%d" height="20"/>`, y, len(s)))
	for i := 0; i < len(s); i++ {
		if s[i].from.IsZero() {
			continue
		}
		at, from, to := i, s[i].from, s[i].to
		for ; i+1 < len(s) && !s[i+1].from.IsZero(); i++ {
			if s[i+1].to.After(to) {
				to = s[i+1].to
			}
		}
		p.raw(fmt.Sprintf(`<g><title>%s – %s</title><rect class="%s" x="%d" y="%d" width="%d" height="20"/></g>`,
			Stamp(from), Stamp(to), class, at, y, i+1-at))
	}
}
