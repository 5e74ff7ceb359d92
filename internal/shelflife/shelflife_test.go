package shelflife

import (
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	from := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	given := func(warn, critical time.Duration) Limits { return Limits{warn, critical, true, true} }
	for _, c := range []struct {
		name       string
		limits     Limits
		life, left time.Duration
		want       Verdict
	}{
		{"a day's list, renewed twice a day", Default, 24 * time.Hour, 12 * time.Hour, Long},
		{"a day's list that was not renewed", Default, 24 * time.Hour, 8*time.Hour - time.Second, Short},
		{"a day's list at its end", Default, 24 * time.Hour, 2*time.Hour - time.Second, Critical},
		{"an hour's answer, renewed at its half", Default, time.Hour, 30 * time.Minute, Long},
		{"an hour's answer", Default, time.Hour, 19 * time.Minute, Short},
		{"three days", Default, 72 * time.Hour, 24*time.Hour - time.Second, Short},
		{"three days, enough", Default, 72 * time.Hour, 24 * time.Hour, Long},
		{"a year: never before a day", Default, 365 * 24 * time.Hour, 25 * time.Hour, Long},
		{"a year", Default, 365 * 24 * time.Hour, 5 * time.Hour, Critical},
		{"expired", given(0, 0), 24 * time.Hour, 0, Critical},
		{"a given duration counts as it is", given(48*time.Hour, time.Hour), 24 * time.Hour, 23 * time.Hour, Short},
		{"a given critical one, too", given(48*time.Hour, 24*time.Hour), 24 * time.Hour, 23 * time.Hour, Critical},
		{"critical is never more than a warning", Limits{Warn: time.Hour, Critical: 6 * time.Hour, WarnGiven: true},
			1000 * time.Hour, 2 * time.Hour, Long},
	} {
		until := from.Add(c.life)
		if got := c.limits.Judge(from, until, until.Add(-c.left)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if got := Default.Judge(time.Time{}, from, from.Add(-23*time.Hour)); got != Short {
		t.Errorf("of an unknown life: %d", got)
	}
}
