package dashboard

import (
	"fmt"
	"time"

	"seihon/verify/japanese"
	"seihon/verify/report"
)

// jst is Japan's time, which has had no summer time since 1952.
var jst = time.FixedZone("JST", 9*60*60)

// zone is whose clock the page shows.
func (b *builder) zone() *time.Location {
	if b.ja {
		return jst
	}
	return time.UTC
}

// at writes a time, without the year when it is this one.
func (b *builder) at(t time.Time) string {
	if t.IsZero() {
		return b.t("記録なし", "not on record")
	}
	local, layout := t.In(b.zone()), "01-02 15:04"
	if local.Year() != b.made.In(b.zone()).Year() {
		layout = "2006-01-02"
	}
	return `<time datetime="` + t.UTC().Format(time.RFC3339) + `">` + local.Format(layout) + "</time>"
}

// ago writes how long ago something was.
func (b *builder) ago(t time.Time) string {
	switch d := b.made.Sub(t); {
	case t.IsZero():
		return ""
	case d < 0:
		return b.f("%s 後の時刻", "%s ahead of now", b.span(-d))
	default:
		return b.f("%s前", "%s ago", b.span(d))
	}
}

// left writes how long something still holds.
func (b *builder) left(t time.Time) string {
	if d := t.Sub(b.made); d <= 0 {
		return b.f("%s 超過", "%s past", b.span(-d))
	} else {
		return b.span(d)
	}
}

// span writes a duration the way people read it, never longer than it is.
func (b *builder) span(d time.Duration) string {
	day, hour := 24*time.Hour, time.Hour
	switch {
	case d >= 14*day:
		return b.f("%d 日", "%d d", d/day)
	case d >= 2*day:
		return b.f("%d 日 %d 時間", "%d d %d h", d/day, d%day/hour)
	case d >= hour && d%hour < time.Minute:
		return b.f("%d 時間", "%d h", d/hour)
	case d >= hour:
		return b.f("%d 時間 %d 分", "%d h %d min", d/hour, d%hour/time.Minute)
	case d >= time.Minute:
		return b.f("%d 分", "%d min", d/time.Minute)
	}
	return b.f("%d 秒", "%d s", d/time.Second)
}

// kind is the name of a kind of artifact.
func (b *builder) kind(k string) string {
	if !b.ja {
		return k
	}
	ja, _ := japanese.Of(k)
	return ja
}

// severities are the words of a survey's report, as in package verify.
var severities = map[report.Severity][2]string{
	report.Critical: {"重大", "critical"}, report.Error: {"不適合", "error"}, report.Warning: {"注意", "warning"},
	report.Note: {"備考", "note"},
}

// The marks tell states apart by their shape.
const (
	markGood  = `<svg viewBox="0 0 10 10" aria-hidden="true"><circle cx="5" cy="5" r="4.5"/></svg>`
	markWarn  = `<svg viewBox="0 0 10 10" aria-hidden="true"><path d="M5 .5 10 9.5H0z"/></svg>`
	markBad   = `<svg viewBox="0 0 10 10" aria-hidden="true"><path d="M.5 .5h9v9h-9z"/></svg>`
	markBlank = `<svg viewBox="0 0 10 10" aria-hidden="true"><path d="M0 4h10v2H0z"/></svg>`
)

// badge is a state in a word and a shape.
func badge(class, mark, word string) string {
	return `<span class="badge ` + class + `">` + mark + esc(word) + "</span>"
}

func (b *builder) severity(s report.Severity) string {
	words, ok := severities[s]
	if !ok {
		words = [2]string{string(s), string(s)}
	}
	mark := map[report.Severity]string{report.Critical: markBad, report.Error: markBad, report.Warning: markWarn}[s]
	if mark == "" {
		mark = markBlank
	}
	return badge("", mark, b.t(words[0], words[1]))
}

func (b *builder) good(word string) string { return badge("good", markGood, word) }
func (b *builder) warn(word string) string { return badge("warn", markWarn, word) }
func (b *builder) bad(word string) string  { return badge("bad", markBad, word) }
func (b *builder) dunno() string           { return badge("", markBlank, b.t("不明", "unknown")) }

// percent writes a share, never more than it is.
func percent(good, of int) string {
	if of == 0 {
		return "–"
	}
	tenths := good * 1000 / of
	return fmt.Sprintf("%d.%d%%", tenths/10, tenths%10)
}
