package uptime

import (
	"slices"
	"time"

	"seihon/ledger"
	"seihon/verify/report"
)

// A meter walks the publication log once.
type meter struct {
	u        *report.Uptime
	now      time.Time
	public   map[string][]string // the public addresses of each target
	known    bool                // which addresses are public
	asked    map[string]bool     // targets with an address of their own
	targets  map[string]*watch
	vantages map[string]*watch // by vantage and target
	names    map[string]*report.Availability
	days     map[string]*report.Availability
	places   map[string]*report.Availability
	open     map[string]*report.Incident
	signed   signedLists
	took     []time.Duration
	outside  map[string]bool // names that a pinned key stands for
	compare  *Comparer
	rows     *Annex
	source   roundSource // of the round that is looked at
	why      report.Unexpected
	newest   time.Time // of the publication log's rounds
	together bool      // the newest was recorded with others
}

// A watch is what was seen of one target: by one vantage, or by all of them.
type watch struct {
	target, vantage string
	since           time.Time // when the target is known to have existed; zero: it is not
	rounds          slots
	urls            map[string]*slots
	last            time.Time // of the newest round
}

func newMeter(c Config) *meter {
	m := &meter{
		u: &report.Uptime{
			Schema: Schema, From: c.From, To: c.To, Every: c.Every, GapSlots: report.GapSlots,
			Names: []report.Availability{}, Days: []report.Availability{}, Vantages: []report.Availability{},
			Incidents: []report.Incident{}, Gaps: []report.Gap{},
		},
		now: c.Now, public: map[string][]string{}, targets: map[string]*watch{}, vantages: map[string]*watch{},
		asked: map[string]bool{}, names: map[string]*report.Availability{}, days: map[string]*report.Availability{},
		places: map[string]*report.Availability{},
		open:   map[string]*report.Incident{}, signed: signedLists{},
	}
	m.compare, m.rows, m.outside = c.Compare, c.Annex, map[string]bool{}
	if c.Signed != nil {
		for _, e := range c.Signed.rounds {
			m.outside[e.Probe.Vantage] = true
		}
	}
	if m.u.Every < time.Second {
		m.u.Every = DefaultEvery
	}
	if m.now.IsZero() {
		m.now = c.To
	}
	if m.u.To.After(m.now) {
		m.u.To = m.now
	}
	if m.u.To.Before(m.u.From) {
		m.u.To = m.u.From
	}
	all := []string{c.BaseURL}
	for _, t := range c.Targets {
		m.public[t.Name] = append([]string{c.BaseURL}, t.Addresses...)
		m.asked[t.Name] = len(t.Addresses) > 0
		all = append(all, t.Addresses...)
	}
	m.public[""] = []string{c.BaseURL} // of targets that the configuration does not name
	all = slices.DeleteFunc(all, func(s string) bool { return s == "" })
	m.u.Addresses = slices.Compact(slices.Sorted(slices.Values(all)))
	m.known = len(all) > 0
	return m
}

func (m *meter) inside(t time.Time) bool { return !t.Before(m.u.From) && t.Before(m.u.To) }

// taken counts a round of the publication log.
func (m *meter) taken(e *ledger.Entry, p *ledger.Probe) {
	late := lateAfter
	if m.together = e.Rounds != nil; m.together {
		late = lateTogether
	}
	if at := e.TakenAt(p); at.After(m.newest) {
		m.newest = at
	}
	m.round(m.own(p), e.Time.Add(-late), e.Time)
}

// settle finds until when it is known which rounds were taken. The newest may wait on the host to be
// recorded with others; if they are not in time, they are missing.
func (m *meter) settle(wait time.Duration) {
	if m.together {
		wait = time.Hour
	}
	if wait <= 0 || m.newest.IsZero() {
		return
	}
	known := slotTime(slotOf(m.newest, m.u.Every)+1, m.u.Every)
	if m.now.Sub(m.newest) < wait+lateAfter && known.Before(m.u.To) {
		m.u.Known = &known
	}
}

func (m *meter) entry(e *ledger.Entry) {
	switch {
	case e.Publish != nil && len(e.Publish.Receipts) > 0:
		m.watchOf(m.targets, "", e.Publish.Target).exists(e.Time)
	}
	switch {
	case !m.inside(e.Time):
	case e.Publish != nil:
		m.u.Syncs++
		for _, r := range e.Publish.Receipts {
			m.receipt(e.Publish.Target, r)
		}
	case e.Refusal != nil:
		m.u.Refused++
	case e.Verify != nil:
		m.u.Verified++
		if !e.Verify.OK {
			m.u.VerifiedBad++
		}
	}
}

// own is a round of the publication log. Its host may call itself as it likes, but a name for which
// a pinned key stands is not shared.
func (m *meter) own(p *ledger.Probe) *ledger.Probe {
	if !m.outside[p.Vantage] {
		return p
	}
	renamed := *p
	renamed.Vantage += " (publication log)"
	return &renamed
}

func (m *meter) watchOf(all map[string]*watch, vantage, target string) *watch {
	key := vantage + "\x00" + target
	if all[key] == nil {
		all[key] = &watch{target: target, vantage: vantage, urls: map[string]*slots{}}
	}
	return all[key]
}

// exists notes that the target was there at t.
func (w *watch) exists(t time.Time) {
	if w.since.IsZero() || t.Before(w.since) {
		w.since = t
	}
}

// round counts the samples of one round, all in the slot of the first: a long round is one round.
func (m *meter) round(p *ledger.Probe, since, recorded time.Time) {
	samples := m.countable(p, since, recorded)
	if len(samples) == 0 {
		if len(p.Samples) > 0 {
			at := p.Samples[0].Time
			m.rows.round(p, m.source, at, slotOf(at, m.u.Every), 0, 0)
		}
		return
	}
	if m.compare != nil {
		for _, s := range samples {
			m.compare.enter(p.Vantage, s)
		}
	}
	at := samples[0].Time
	for _, s := range samples {
		if s.Time.Before(at) {
			at = s.Time
		}
	}
	all, one := m.watchOf(m.targets, "", p.Target), m.watchOf(m.vantages, p.Vantage, p.Target)
	all.exists(at)
	one.exists(at)
	again := at.Before(one.last.Add(-clockSlack))
	if at.After(one.last) {
		one.last = at
	}
	slot := slotOf(at, m.u.Every)
	if !m.inside(at) {
		m.rows.round(p, m.source, at, slot, 0, 0)
		return
	}
	counted, bad := 0, 0
	for _, s := range samples {
		if again && s.OK {
			m.u.Uncounted.Backwards++
			continue
		}
		all.mark(slot, s)
		one.mark(slot, s)
		m.sample(p.Vantage, at, s)
		if counted++; !s.OK {
			bad++
		}
	}
	m.rows.round(p, m.source, at, slot, counted, bad)
}

// countable leaves out what says nothing about the public address at the time that it claims: what was recorded then
// can be of since, and no older.
func (m *meter) countable(p *ledger.Probe, since, recorded time.Time) (some []ledger.Sample) {
	public, named := m.public[p.Target]
	if !named {
		public = m.public[""]
	}
	for _, s := range p.Samples {
		counted := m.inside(s.Time)
		left := new(int64)
		switch {
		case m.known && !isBelow(s.URL, public):
			left = &m.u.Uncounted.Elsewhere
		case s.Time.After(recorded.Add(clockSlack)) || s.Time.After(m.now.Add(clockSlack)):
			left, counted = &m.u.Uncounted.Future, !s.Time.Before(m.u.From)
		case since.After(s.Time):
			left = &m.u.Uncounted.Late
		default:
			some = append(some, s)
			continue
		}
		if counted {
			*left++
		}
	}
	return some
}

func (w *watch) mark(slot int64, s ledger.Sample) {
	w.rounds.mark(slot, false)
	if w.urls[s.URL] == nil {
		w.urls[s.URL] = &slots{}
	}
	w.urls[s.URL].mark(slot, !s.OK)
}

func (m *meter) sample(vantage string, at time.Time, s ledger.Sample) {
	day := at.UTC().Format(time.DateOnly)
	for _, a := range []*report.Availability{
		&m.u.Total, entryOf(m.names, s.URL), entryOf(m.days, day), entryOf(m.places, vantage),
	} {
		a.Sample(s.Latency)
	}
	key := vantage + "\x00" + s.URL
	in := m.open[key]
	switch {
	case s.OK && in != nil:
		if in.To = s.Time; in.To.Before(in.From) { // of two rounds that overlap
			in.To = in.From
		}
		m.u.Incidents = append(m.u.Incidents, *in)
		delete(m.open, key)
	case !s.OK && in == nil:
		m.open[key] = &report.Incident{Name: s.URL, Vantage: vantage, From: s.Time, Samples: 1, Error: s.Error}
	case !s.OK:
		in.Samples++
	}
}

func entryOf(m map[string]*report.Availability, name string) *report.Availability {
	if m[name] == nil {
		m[name] = &report.Availability{Name: name}
	}
	return m[name]
}

func (m *meter) receipt(target string, r ledger.Receipt) {
	if r.Op == "delete" || r.Op == "purge" || r.Op == ledger.OpFound {
		return
	}
	m.u.Published++
	line, ok := m.signed[r.Digest]
	if !ok || r.Op == "replay" {
		return
	}
	p := report.Publication{Name: r.Name, Target: target, Signed: line.NotBefore, Public: r.Time,
		Took: r.Time.Sub(line.NotBefore)}
	m.took = append(m.took, p.Took)
	if m.u.Slowest == nil || p.Took > m.u.Slowest.Took {
		m.u.Slowest = &p
	}
	delete(m.signed, r.Digest) // a later repair says nothing about the delay
}
