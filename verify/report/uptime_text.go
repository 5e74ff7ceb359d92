package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// uptimeShown is how many incidents and gaps the text and the page list; JSON has all of them.
const uptimeShown = 100

// WriteText writes the record for people.
func (u *Uptime) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "record of operation (稼働実績) from %s to %s\n", Stamp(u.From), Stamp(u.To))
	fmt.Fprintf(&b, "%s\n%s\n\n", u.roundsEN(), u.roundsJA())
	fmt.Fprintf(&b, "%9s  %9s  %9s  %9s  %-23s  %9s  %9s  %s\n", "expected", "observed", "good", "share",
		"availability", "median", "slowest", "address")
	for _, a := range append(slices.Clone(u.Names), u.Total) {
		fmt.Fprintf(&b, "%9d  %9d  %9d  %9s  %-23s  %9v  %9v  %s\n",
			a.Expected, a.Observed, a.Good, percent(a.Ratio), a.between(), a.Median, a.Slowest, Shown(a.Name))
	}
	if u.Total.Observed == 0 {
		b.WriteString("no observation was made: nothing is known of the availability (観測なし。稼働率は不明)\n")
	} else {
		b.WriteString("share: good of what was observed; availability: from the case that all the rest was down to " +
			"the case that it was up\n")
	}
	if len(u.Vantages) > 1 || len(u.Vantages) == 1 && u.Vantages[0].Name != "" {
		for _, a := range u.Vantages {
			fmt.Fprintf(&b, "vantage %s: %d of %d slots observed, %s good\n", vantageName(a.Name).en, a.Observed,
				a.Expected, percent(a.Ratio))
		}
	}
	for _, s := range u.Uncounted.said() {
		fmt.Fprintf(&b, "not counted: %s\n", s.en)
	}
	fmt.Fprintf(&b, "\n%d syncs sent %d objects; %d refusals; %d verifications, %d of them with findings\n", u.Syncs,
		u.Published, u.Refused, u.Verified, u.VerifiedBad)
	if s := u.Slowest; s != nil {
		fmt.Fprintf(&b, "lists were public %v after signing (median); the slowest, %s at %s, took %v\n", u.Median,
			s.Name, s.Target, s.Took)
	}
	for _, in := range u.Incidents[:min(len(u.Incidents), uptimeShown)] {
		until := Stamp(in.To)
		if in.To.IsZero() {
			until = "an unknown time, no good sample came after it"
		}
		fmt.Fprintf(&b, "\nincident at %s%s from %s to %s: %d bad samples, %s\n", Shown(in.Name), seenFrom(in.Vantage),
			Stamp(in.From), until, in.Samples, Shown(in.Error))
	}
	more(&b, "incidents", len(u.Incidents))
	for _, g := range u.Gaps[:min(len(u.Gaps), uptimeShown)] {
		fmt.Fprintf(&b, "\nnot observed (観測なし): target %s from %s to %s, %d rounds\n", Shown(g.Target), Stamp(g.From),
			Stamp(g.To), g.Slots)
	}
	more(&b, "gaps", len(u.Gaps))
	for i := range u.Signed {
		b.WriteByte('\n')
		u.Signed[i].line(&b)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the record of operation: %w", err)
	}
	return nil
}

// line is the record in one line of a report.
func (u *Uptime) line(b *strings.Builder) {
	if u == nil {
		return
	}
	fmt.Fprintf(b, "record of operation: %s", u.roundsEN())
	if u.Total.Observed > 0 {
		fmt.Fprintf(b, "; availability between %s, %s of what was observed was good; %d incidents, %d gaps",
			u.Total.between(), percent(u.Total.Ratio), len(u.Incidents), len(u.Gaps))
	}
	for _, s := range u.Uncounted.said() {
		fmt.Fprintf(b, "; not counted: %s", s.en)
	}
	b.WriteByte('\n')
}

// line tells what came from one outside vantage.
func (s *SignedSamples) line(b *strings.Builder) {
	fmt.Fprintf(b, "samples signed by %s: %d rounds in %d files, from %s to %s\n", Shown(s.Vantage), s.Rounds, s.Files,
		Stamp(s.First), Stamp(s.Last))
}

func more(b *strings.Builder, what string, n int) {
	if n > uptimeShown {
		fmt.Fprintf(b, "\n%d more %s (--json has all of them)\n", n-uptimeShown, what)
	}
}

func seenFrom(vantage string) string {
	if vantage == "" {
		return ""
	}
	return ", seen from " + Shown(vantage) + ","
}

// vantageName is the name of a vantage, or that it was not said.
func vantageName(name string) column {
	if name == "" {
		return column{"（名称なし）", "(not named)"}
	}
	return column{name, name}
}

var unexpectedTexts = map[string]column{
	NoRound.String(): {"公開先のあった時間に、観測 1 回分の区間が丸ごとは含まれない", "the time with a target to be asked holds no whole round"},
	NoAddress.String(): {"公開先はあったが、観測できる公開アドレスが設定されていない",
		"the targets that were there have no public address in the configuration"},
	NoTarget.String(): {"この期間に公開先があったという記録がない", "the publication log knows of no target in this time"},
}

// roundsEN says how often somebody asked; roundsJA says it in Japanese.
func (u *Uptime) roundsEN() string {
	r := u.Rounds
	if r.Expected == 0 {
		return "no round of samples was expected: " + unexpectedTexts[r.Why].en
	}
	s := fmt.Sprintf("one round of samples each %s was expected: %d rounds; %d were taken", span(u.Every), r.Expected,
		r.Taken)
	if missing := r.Expected - r.Taken; missing > 0 {
		s += fmt.Sprintf(", %d were not: what was public then was not observed", missing)
	}
	if u.Known != nil {
		s += "; those since " + Stamp(*u.Known) + " may wait to be recorded together, and none is expected here"
	}
	return s
}

func (u *Uptime) roundsJA() string {
	r := u.Rounds
	if r.Expected == 0 {
		return "この期間に予定された観測はない（" + unexpectedTexts[r.Why].ja + "）"
	}
	s := fmt.Sprintf("%s ごとに 1 回の観測を予定：%d 回。うち実施 %d 回", SpanJA(u.Every), r.Expected, r.Taken)
	if missing := r.Expected - r.Taken; missing > 0 {
		s += fmt.Sprintf("、未実施 %d 回（その間の公開状況は観測されていない）", missing)
	}
	if u.Known != nil {
		s += "。" + Stamp(*u.Known) + " 以降の観測はまとめて記録される前の可能性があり、ここでは予定に数えない"
	}
	return s
}

// said tells which samples do not count, and why.
func (n Uncounted) said() (all []column) {
	for _, s := range []struct {
		n      int64
		ja, en string
	}{
		{n.Elsewhere, "公開アドレス以外に対する観測 %d 件", "%d samples of an address other than the public one"},
		{n.Late, "観測時刻から 15 分（まとめて記録するものは 75 分）を超えて記録された観測 %d 件",
			"%d samples that were recorded more than 15 minutes (75 for what is recorded together) after the time " +
				"they claim"},
		{n.Future, "記録の時点でまだ来ていない時刻の観測 %d 件", "%d samples of a time that had not come when they were recorded"},
		{n.Backwards, "同じ観測者の時計が一度過ぎた時刻の正常な観測 %d 件（時計の逆行）",
			"%d good samples of a time that the same clock had passed before: it went back"},
	} {
		if s.n > 0 {
			all = append(all, column{fmt.Sprintf(s.ja, s.n), fmt.Sprintf(s.en, s.n)})
		}
	}
	return all
}
