package report

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"
)

// A SignedSamples says what came from one outside vantage.
type SignedSamples struct {
	Vantage string    `json:"vantage"`
	Files   int       `json:"files"`
	Rounds  int       `json:"rounds"`
	Samples int       `json:"samples"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}

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
type Unexpected uint8

const (
	NoRound   Unexpected = iota // a target was there, for less than the time of a round
	NoAddress                   // targets were there, and the configuration gives none of them an address
	NoTarget                    // the log knows of no target in that time
)

func (u Unexpected) String() string { return [...]string{"no-round", "no-address", "no-target"}[u] }

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

// GapSlots are how many slots in a row without a round are listed as a gap. Fewer count as not
// observed all the same.
const GapSlots = 3

func (a *Availability) Sample(latency time.Duration) {
	if a.latencies == nil {
		a.latencies = map[time.Duration]int64{}
	}
	a.Samples++
	a.latencies[latency.Truncate(time.Millisecond)]++
	a.Slowest = max(a.Slowest, latency)
}

func (a *Availability) Finish() {
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

func (a *Availability) Count(n int64, bad, observed bool) {
	a.Expected += n
	if observed {
		a.Observed += n
	}
	if observed && !bad {
		a.Good += n
	}
}
