package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ledger"
)

// UptimeSchema names the version of the JSON form of an Uptime.
const UptimeSchema = "seihon/uptime/v2"

// An Uptime is the record of operation (稼働実績, survey item 3713) of a span of time, computed from
// the publication log. Time is cut into slots as long as the rhythm of the samples. What nobody
// asked in a slot is not known, and counts neither as good nor as bad: the availability is
// between the case that all of it was down and the case that all of it was up.
type Uptime struct {
	Schema    string         `json:"schema"`
	From      time.Time      `json:"from"`
	To        time.Time      `json:"to"`                  // not after the time of the report
	Known     *time.Time     `json:"known_to,omitempty"`  // rounds after it wait to be recorded; nil: none does
	Every     time.Duration  `json:"every"`               // the rhythm: one round of samples in each slot
	GapSlots  int64          `json:"gap_slots"`           // so many slots without a round make a gap
	Addresses []string       `json:"addresses,omitempty"` // the public ones; none: they are not known
	Rounds    Rounds         `json:"rounds"`
	Total     Availability   `json:"total"`
	Names     []Availability `json:"names"` // by URL
	Days      []Availability `json:"days"`  // by day, UTC
	Vantages  []Availability `json:"vantages"`
	Incidents []Incident     `json:"incidents"`
	Gaps      []Gap          `json:"gaps"`
	Uncounted Uncounted      `json:"uncounted"`

	Signed []SignedSamples `json:"signed_samples,omitempty"` // of outside vantages, in a record that stands by itself

	Syncs       int           `json:"syncs"`
	Published   int           `json:"published"` // objects sent
	Slowest     *Publication  `json:"slowest,omitempty"`
	Median      time.Duration `json:"median_publication"`
	Refused     int           `json:"refused"`
	Verified    int           `json:"verified"`
	VerifiedBad int           `json:"verified_with_findings"`
}

// Rounds are how often the targets were to be asked, and how often they were. Several rounds in
// one slot count once.
type Rounds struct {
	Expected int64  `json:"expected"`
	Taken    int64  `json:"taken"`
	Why      string `json:"why,omitempty"` // nothing was expected: "no-round", "no-address" or "no-target"
}

// Unexpected says why no round was expected, the weaker reason first.
type unexpected uint8

const (
	noRound   unexpected = iota // a target was there, for less than the time of a round
	noAddress                   // targets were there, and the configuration gives none of them an address
	noTarget                    // the log knows of no target in that time
)

func (u unexpected) String() string { return [...]string{"no-round", "no-address", "no-target"}[u] }

// An Availability says in how many slots answers were good. Of nothing that was observed there is
// no share.
type Availability struct {
	Name     string        `json:"name"`
	Expected int64         `json:"expected"` // slots
	Observed int64         `json:"observed"` // of them, slots with a sample
	Good     int64         `json:"good"`     // of them, slots in which every sample was good
	Samples  int64         `json:"samples"`  // all that count, also several in one slot
	Ratio    *float64      `json:"ratio,omitempty"`
	Worst    *float64      `json:"worst,omitempty"` // if all that was not observed was down
	Best     *float64      `json:"best,omitempty"`  // if all that was not observed was up
	Median   time.Duration `json:"median_latency"`
	Slowest  time.Duration `json:"slowest_latency"`

	latencies map[time.Duration]int64
}

// An Incident is a run of bad samples of one URL without a good one between them.
type Incident struct {
	Name    string    `json:"name"`
	Vantage string    `json:"vantage,omitempty"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"` // the first good sample after it; zero when there was none
	Samples int       `json:"samples"`
	Error   string    `json:"error"` // of the first
}

// A Gap is a time in which nobody asked a target.
type Gap struct {
	Target string    `json:"target"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Slots  int64     `json:"slots"`
}

// Uncounted are samples that say nothing about what the public saw at their time.
type Uncounted struct {
	Elsewhere int64 `json:"elsewhere"` // of an address that is not the public one
	Late      int64 `json:"late"`      // recorded long after the time that they claim
	Future    int64 `json:"future"`    // of a time that had not come
	Backwards int64 `json:"backwards"` // good ones of a time that the same clock had passed already
}

// A Publication says how long a list took from signing to its public copy.
type Publication struct {
	Name   string        `json:"name"`
	Target string        `json:"target"`
	Signed time.Time     `json:"signed"`
	Public time.Time     `json:"public"`
	Took   time.Duration `json:"took"`
}

// DefaultEvery is the rhythm of the timer and of the crontab that come with the program.
const DefaultEvery = time.Minute

// gapSlots are how many slots in a row without a round are listed as a gap. Fewer count as not
// observed all the same.
const gapSlots = 3

// What a clock may be off, and how long after its time a sample may be recorded. One that is
// recorded later could have been made up to fill a gap.
const (
	clockSlack = 5 * time.Minute
	lateAfter  = 15 * time.Minute
	// Rounds that are recorded together wait for at most an hour.
	lateTogether = time.Hour + lateAfter
)

// An UptimeConfig says of what the record is computed.
type UptimeConfig struct {
	Publication *ledger.Log   // may be nil when there are samples that somebody signed
	Signed      *Samples      // of outside vantages; may be nil
	Master      *ledger.Log   // for how long lists took from signing to public; may be nil
	From, To    time.Time     // the period, From ≤ t < To
	Now         time.Time     // nothing is expected after it; zero: To
	Every       time.Duration // the rhythm; 0: DefaultEvery
	Wait        time.Duration // how long rounds wait to be recorded together; 0: they do not, unless the log says so

	// BaseURL and the URLs of the targets are the public addresses; samples of others do not
	// count. Without any of them it is not known which addresses are public.
	BaseURL string
	Targets []Target

	compare *comparer     // nil: what vantages got is not compared
	rows    *uptimeWriter // nil: nobody wants the annex
}

// MeasureUptime computes the record of operation.
//
// A target is expected to be asked from the first receipt or sample that the log has of it,
// since from then on it existed; before, nothing is said about it. An address is expected from
// its first sample, or with its target if the target's first round asked for it, and as long as
// the rounds ask for it: what was withdrawn is asked for no more.
func MeasureUptime(ctx context.Context, c UptimeConfig) (*Uptime, error) {
	m := newUptimeMeter(c)
	if c.Master != nil {
		for ch, err := range c.Master.Changes(ctx, 0, c.Master.Size()) {
			if err != nil {
				return nil, fmt.Errorf("measuring uptime: %w", err)
			}
			if ch.Line != nil && ch.Line.Kind.IsRevocationList() {
				m.signed[ch.Line.Digest] = *ch.Line
			}
		}
	}
	if err := m.walk(ctx, c); err != nil {
		return nil, fmt.Errorf("measuring uptime: %w", err)
	}
	return m.finish(), nil
}

// walk looks at every entry of the publication log and at what outside vantages signed, in the
// order of time.
func (m *uptimeMeter) walk(ctx context.Context, c UptimeConfig) (err error) {
	var outside []*ledger.Entry
	if c.Signed != nil {
		outside = c.Signed.rounds
	}
	next := func() {
		e := outside[0]
		outside = outside[1:]
		m.source = m.rows.signed(c.Signed.files, e)
		m.round(e.Probe, e.Time.Add(-lateAfter), e.Time)
	}
	if c.Publication != nil {
		i := int64(0)
		for e, err := range c.Publication.Entries(ctx, 0, c.Publication.Size()) {
			if err != nil {
				return err
			}
			source, err := m.rows.published(ctx, c.Publication, i, e)
			if err != nil {
				return err
			}
			for p := range e.Probes() {
				for len(outside) > 0 && outside[0].Time.Before(takenAt(e, p)) {
					next()
				}
				m.source = source
				m.taken(e, p)
			}
			for len(outside) > 0 && outside[0].Time.Before(e.Time) {
				next()
			}
			m.entry(e)
			i++
		}
		m.settle(c.Wait)
	}
	for len(outside) > 0 {
		next()
	}
	return nil
}

func (a *Availability) sample(latency time.Duration) {
	if a.latencies == nil {
		a.latencies = map[time.Duration]int64{}
	}
	a.Samples++
	a.latencies[latency.Truncate(time.Millisecond)]++
	a.Slowest = max(a.Slowest, latency)
}

func (a *Availability) finish() {
	if a.Observed > 0 {
		share := func(part, of int64) *float64 { r := float64(part) / float64(of); return &r }
		a.Ratio, a.Worst = share(a.Good, a.Observed), share(a.Good, a.Expected)
		a.Best = share(a.Expected-(a.Observed-a.Good), a.Expected)
	}
	half := a.Samples / 2
	for _, d := range slices.Sorted(maps.Keys(a.latencies)) {
		if half -= a.latencies[d]; half < 0 {
			a.Median = d
			break
		}
	}
	a.latencies = nil
}

// percent writes a share, never more than it is: what is not all of it is less than 100 %.
func percent(share *float64) string {
	if share == nil {
		return "–"
	}
	return fmt.Sprintf("%.4f%%", math.Floor(*share*1e6+1e-6)/1e4)
}

// between writes the availability as the interval that is known of it.
func (a *Availability) between() string {
	if a.Worst == nil {
		return "–"
	}
	return percent(a.Worst) + " – " + percent(a.Best)
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

// isBelow reports whether an address lies below one of the public ones.
func isBelow(url string, bases []string) bool {
	return slices.ContainsFunc(bases, func(base string) bool {
		base = strings.TrimSuffix(base, "/")
		return base != "" && strings.HasPrefix(url, base+"/")
	})
}

// signedLists are the master's lists by their digests.
type signedLists map[artifact.Digest]ledger.Line
