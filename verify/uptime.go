package verify

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ledger"
)

// UptimeSchema names the version of the JSON form of an Uptime.
const UptimeSchema = "seihon/uptime/v1"

// An Uptime is the record of operation (稼働実績, survey item 3713) of a span of time, computed from the publication log.
type Uptime struct {
	Schema    string         `json:"schema"`
	From      time.Time      `json:"from"`
	To        time.Time      `json:"to"`
	Total     Availability   `json:"total"`
	Names     []Availability `json:"names"` // by URL
	Days      []Availability `json:"days"`  // by day, UTC
	Incidents []Incident     `json:"incidents"`

	Syncs       int           `json:"syncs"`
	Published   int           `json:"published"` // objects sent
	Slowest     *Publication  `json:"slowest,omitempty"`
	Median      time.Duration `json:"median_publication"`
	Refused     int           `json:"refused"`
	Verified    int           `json:"verified"`
	VerifiedBad int           `json:"verified_with_findings"`
}

// An Availability says how many samples were good.
type Availability struct {
	Name    string        `json:"name"`
	Samples int           `json:"samples"`
	Good    int           `json:"good"`
	Ratio   float64       `json:"ratio"` // 0 when there is no sample: nothing was observed
	Median  time.Duration `json:"median_latency"`
	Slowest time.Duration `json:"slowest_latency"`

	latencies []time.Duration
}

// An Incident is a run of bad samples of one URL without a good one between them.
type Incident struct {
	Name    string    `json:"name"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"` // the first good sample after it; zero when there was none
	Samples int       `json:"samples"`
	Error   string    `json:"error"` // of the first
}

// A Publication says how long a list took from signing to its public copy.
type Publication struct {
	Name   string        `json:"name"`
	Target string        `json:"target"`
	Signed time.Time     `json:"signed"`
	Public time.Time     `json:"public"`
	Took   time.Duration `json:"took"`
}

// MeasureUptime computes the record of from ≤ t < to from the publication log. With the master log it also says how long lists
// took from signing to public.
func MeasureUptime(ctx context.Context, publication, master *ledger.Log, from, to time.Time) (*Uptime, error) {
	m := &uptimeMeter{
		u:     &Uptime{Schema: UptimeSchema, From: from, To: to, Names: []Availability{}, Days: []Availability{}, Incidents: []Incident{}},
		names: map[string]*Availability{}, days: map[string]*Availability{}, open: map[string]*Incident{}, signed: map[artifact.Digest]ledger.Line{},
	}
	if master != nil {
		for ch, err := range master.Changes(ctx, 0, master.Size()) {
			if err != nil {
				return nil, fmt.Errorf("measuring uptime: %w", err)
			}
			if ch.Line != nil && ch.Line.Kind.IsRevocationList() {
				m.signed[ch.Line.Digest] = *ch.Line
			}
		}
	}
	for e, err := range publication.Entries(ctx, 0, publication.Size()) {
		if err != nil {
			return nil, fmt.Errorf("measuring uptime: %w", err)
		}
		m.entry(e)
	}
	return m.finish(), nil
}

// An uptimeMeter walks the publication log once.
type uptimeMeter struct {
	u      *Uptime
	names  map[string]*Availability
	days   map[string]*Availability
	open   map[string]*Incident
	signed map[artifact.Digest]ledger.Line
	took   []time.Duration
}

func (m *uptimeMeter) inside(t time.Time) bool { return !t.Before(m.u.From) && t.Before(m.u.To) }

func (m *uptimeMeter) entry(e *ledger.Entry) {
	switch {
	case e.Probe != nil:
		for _, s := range e.Probe.Samples {
			if m.inside(s.Time) {
				m.sample(s)
			}
		}
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

func (m *uptimeMeter) sample(s ledger.Sample) {
	day := s.Time.UTC().Format(time.DateOnly)
	for _, a := range []*Availability{&m.u.Total, entryOf(m.names, s.URL), entryOf(m.days, day)} {
		a.Samples++
		a.latencies = append(a.latencies, s.Latency)
		if s.OK {
			a.Good++
		}
	}
	in := m.open[s.URL]
	switch {
	case s.OK && in != nil:
		in.To = s.Time
		m.u.Incidents = append(m.u.Incidents, *in)
		delete(m.open, s.URL)
	case !s.OK && in == nil:
		m.open[s.URL] = &Incident{Name: s.URL, From: s.Time, Samples: 1, Error: s.Error}
	case !s.OK:
		in.Samples++
	}
}

func entryOf(m map[string]*Availability, name string) *Availability {
	if m[name] == nil {
		m[name] = &Availability{Name: name}
	}
	return m[name]
}

func (m *uptimeMeter) receipt(target string, r ledger.Receipt) {
	if r.Op == "delete" || r.Op == "purge" {
		return
	}
	m.u.Published++
	line, ok := m.signed[r.Digest]
	if !ok || r.Op == "replay" {
		return
	}
	p := Publication{Name: r.Name, Target: target, Signed: line.NotBefore, Public: r.Time, Took: r.Time.Sub(line.NotBefore)}
	m.took = append(m.took, p.Took)
	if m.u.Slowest == nil || p.Took > m.u.Slowest.Took {
		m.u.Slowest = &p
	}
	delete(m.signed, r.Digest) // a later repair says nothing about the delay
}

func (m *uptimeMeter) finish() *Uptime {
	u := m.u
	for _, in := range m.open {
		u.Incidents = append(u.Incidents, *in)
	}
	slices.SortFunc(u.Incidents, func(a, b Incident) int { return cmp.Or(a.From.Compare(b.From), strings.Compare(a.Name, b.Name)) })
	u.Total.Name = "total"
	u.Total.finish()
	u.Names, u.Days = finishAll(m.names), finishAll(m.days)
	u.Median = medianOf(m.took)
	return u
}

func finishAll(m map[string]*Availability) []Availability {
	all := []Availability{}
	for _, a := range m {
		a.finish()
		all = append(all, *a)
	}
	slices.SortFunc(all, func(a, b Availability) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (a *Availability) finish() {
	if a.Samples > 0 {
		a.Ratio = float64(a.Good) / float64(a.Samples)
		a.Slowest = slices.Max(a.latencies)
	}
	a.Median = medianOf(a.latencies)
	a.latencies = nil
}

// percent writes the share of good samples; of none there is no share.
func (a *Availability) percent() string {
	if a.Samples == 0 {
		return "–"
	}
	return fmt.Sprintf("%.4f%%", 100*a.Ratio)
}

func medianOf(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

// WriteJSON writes the record as JSON.
func (u *Uptime) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(u); err != nil {
		return fmt.Errorf("writing the record of operation: %w", err)
	}
	return nil
}

// WriteText writes the record for people.
func (u *Uptime) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "record of operation (稼働実績) from %s to %s\n\n", stamp(u.From), stamp(u.To))
	fmt.Fprintf(&b, "%8s  %9s  %9s  %9s  %s\n", "samples", "good", "median", "slowest", "address")
	for _, a := range append(slices.Clone(u.Names), u.Total) {
		fmt.Fprintf(&b, "%8d  %9s  %9v  %9v  %s\n", a.Samples, a.percent(), a.Median, a.Slowest, a.Name)
	}
	if u.Total.Samples == 0 {
		b.WriteString("no observation was made: nothing is known of the availability (観測なし。稼働率は不明)\n")
	}
	fmt.Fprintf(&b, "\n%d syncs sent %d objects; %d refusals; %d verifications, %d of them with findings\n", u.Syncs, u.Published, u.Refused, u.Verified, u.VerifiedBad)
	if s := u.Slowest; s != nil {
		fmt.Fprintf(&b, "lists were public %v after signing (median); the slowest, %s at %s, took %v\n", u.Median, s.Name, s.Target, s.Took)
	}
	for _, in := range u.Incidents {
		fmt.Fprintf(&b, "\nincident at %s from %s to %s: %d bad samples, %s\n", in.Name, stamp(in.From), stamp(in.To), in.Samples, in.Error)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the record of operation: %w", err)
	}
	return nil
}
