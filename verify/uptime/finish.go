package uptime

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"seihon/verify/report"
)

// finish makes the record of what was seen.
func (m *meter) finish() *report.Uptime {
	u := m.u
	for _, in := range m.open {
		u.Incidents = append(u.Incidents, *in)
	}
	slices.SortFunc(u.Incidents, func(a, b report.Incident) int {
		return cmp.Or(a.From.Compare(b.From), strings.Compare(a.Name, b.Name), strings.Compare(a.Vantage, b.Vantage))
	})
	m.why = report.NoTarget
	for _, key := range slices.Sorted(maps.Keys(m.targets)) {
		m.sum(m.targets[key])
	}
	if u.Rounds.Expected == 0 {
		u.Rounds.Why = m.why.String()
	}
	slices.SortFunc(u.Gaps, func(a, b report.Gap) int {
		return cmp.Or(a.From.Compare(b.From), strings.Compare(a.Target, b.Target))
	})
	for _, w := range m.vantages {
		from, to, ok := m.expected(w)
		if !ok {
			continue
		}
		for _, seen := range w.urls {
			w.each(seen, from, to, func(a, b int64, bad, observed bool) {
				entryOf(m.places, w.vantage).Count(b-a, bad, observed)
			})
		}
	}
	u.Total.Name = "total"
	u.Total.Finish()
	u.Names, u.Days, u.Vantages = finishAll(m.names), finishAll(m.days), finishAll(m.places)
	u.Median = medianOf(m.took)
	return u
}

// expected are the slots in which a round of the target is expected: those that lie in the period
// and after the target began to exist. A slot that has only begun is expected once it has a round.
func (m *meter) expected(w *watch) (from, to int64, ok bool) {
	if w.since.IsZero() || !w.since.Before(m.u.To) {
		return 0, 0, false
	}
	start := m.u.From
	if w.since.After(start) {
		start = w.since
	}
	end := m.u.To
	if m.u.Known != nil {
		end = *m.u.Known
	}
	from, to = slotAfter(start, m.u.Every), slotOf(end, m.u.Every)
	if first, last, seen := w.rounds.ends(); seen {
		from, to = min(from, first), max(to, last)
	}
	return from, to, from < to
}

// sum adds what was seen of a target to the figures.
func (m *meter) sum(w *watch) {
	if w.since.IsZero() || !w.since.Before(m.u.To) {
		return
	}
	if len(w.urls) == 0 && m.known && !m.asked[w.target] {
		m.why = min(m.why, report.NoAddress)
		return
	}
	m.why = report.NoRound
	from, to, ok := m.expected(w)
	if !ok {
		return
	}
	taken := to - from
	for a, b := range w.rounds.missing(from, to) {
		taken -= b - a
		if b-a >= report.GapSlots {
			m.u.Gaps = append(m.u.Gaps,
				report.Gap{Target: w.target, From: slotTime(a, m.u.Every), To: slotTime(b, m.u.Every), Slots: b - a})
		}
	}
	m.u.Rounds.Expected += to - from
	m.u.Rounds.Taken += taken
	m.rows.stretch(rowExpected, w.target, from, to, taken, m.u.Every)
	for a, b := range w.rounds.missing(from, to) {
		m.rows.stretch(rowGap, w.target, a, b, 0, m.u.Every)
	}
	for url, seen := range w.urls {
		name := entryOf(m.names, url)
		w.each(seen, from, to, func(a, b int64, bad, observed bool) {
			name.Count(b-a, bad, observed)
			m.u.Total.Count(b-a, bad, observed)
			m.byDay(a, b, bad, observed)
		})
	}
}

// byDay counts slots under the days in which they begin.
func (m *meter) byDay(from, to int64, bad, observed bool) {
	for from < to {
		day := slotTime(from, m.u.Every).Truncate(24 * time.Hour)
		end := min(slotAfter(day.Add(24*time.Hour), m.u.Every), to)
		entryOf(m.days, day.Format(time.DateOnly)).Count(end-from, bad, observed)
		from = end
	}
}

// each calls f for the runs of slots in which one address was expected. While nobody asked the
// target the address is expected if the round before asked for it; before the first round, if that
// one did.
func (w *watch) each(seen *slots, from, to int64, f func(a, b int64, bad, observed bool)) {
	for _, r := range seen.runs {
		f(r.from, r.to, r.bad, true)
	}
	for a, b := range w.rounds.missing(from, to) {
		neighbour := a - 1
		if a == from {
			neighbour = b
		}
		if seen.has(neighbour) {
			f(a, b, false, false)
		}
	}
}

func finishAll(m map[string]*report.Availability) []report.Availability {
	all := []report.Availability{}
	for _, a := range m {
		a.Finish()
		all = append(all, *a)
	}
	slices.SortFunc(all, func(a, b report.Availability) int { return strings.Compare(a.Name, b.Name) })
	return all
}
