package report

import (
	"regexp"
	"time"

	"seihon/verify/japanese"
)

// saying is an English text of a finding, or of what it quotes, in both languages.
func saying(en string) column {
	return column{clocks(inJapanese(en)), clocks(en)}
}

// inJapanese translates a text. What a foreign program said has no translation here, and is quoted as it was.
func inJapanese(en string) string {
	ja, _ := japanese.Of(en)
	return ja
}

// sayIn writes such a text in an element; a name or a digest is the same in both languages and stands once.
func (p *page) sayIn(tag, en string) {
	s := saying(en)
	if s.ja == s.en {
		p.element(tag, s.en)
		return
	}
	p.bothIn(tag, s.ja, s.en)
}

var printedTime = regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// clocks writes the times in a text in Japan's time and in UTC.
func clocks(s string) string {
	return printedTime.ReplaceAllStringFunc(s, func(utc string) string {
		t, err := time.Parse(time.RFC3339, utc)
		if err != nil {
			return utc
		}
		return Clock(t)
	})
}

// Clock is a time in a sentence.
func Clock(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	japan, utc := clockOf(t)
	return japan + " (" + utc + ")"
}

// clockOf is a time in Japan and in UTC, there without the date when it is the same.
func clockOf(t time.Time) (japan, utc string) {
	const date, second = time.DateOnly, "15:04:05"
	japan, utc = t.In(jst).Format(date+" "+second)+" JST", t.UTC().Format(second)+" UTC"
	if day := t.UTC().Format(date); day != t.In(jst).Format(date) {
		utc = day + " " + utc
	}
	return japan, utc
}
