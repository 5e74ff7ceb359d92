// Package uptime computes the record of operation (稼働実績) from what was recorded while it happened: the rounds of
// samples and the receipts in the publication log, and the rounds that outside vantages signed.
//
// Time is cut into slots of the rhythm in which samples are to be taken. A slot without a round is not known to be good
// or bad; the availability is therefore a range, from the case that all the rest was down to the case that it was up. A
// sample that was recorded too late, of an address that is not public, or of a time that had not come yet, is counted
// apart and does not make anything better.
package uptime

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify/report"
)

// A Target is a place that the operator's configuration publishes to.
type Target struct {
	Name      string
	Addresses []string // where it is public; empty: nowhere
	Source    string   // the name of the copy that shows it; empty: none of the copies does
}

// Schema names the version of the JSON form of an Uptime.
const Schema = "seihon/uptime/v2"

// DefaultEvery is the rhythm of the timer and of the crontab that come with the program.
const DefaultEvery = time.Minute

// What a clock may be off, and how long after its time a sample may be recorded. One that is
// recorded later could have been made up to fill a gap.
const (
	clockSlack = 5 * time.Minute
	lateAfter  = 15 * time.Minute
	// Rounds that are recorded together wait for at most an hour.
	lateTogether = time.Hour + lateAfter
)

// A Config says of what the record is computed.
type Config struct {
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

	Compare *Comparer // nil: what vantages got is not compared
	Annex   *Annex    // nil: nobody wants the annex
}

// Measure computes the record of operation.
//
// A target is expected to be asked from the first receipt or sample that the log has of it,
// since from then on it existed; before, nothing is said about it. An address is expected from
// its first sample, or with its target if the target's first round asked for it, and as long as
// the rounds ask for it: what was withdrawn is asked for no more.
func Measure(ctx context.Context, c Config) (*report.Uptime, error) {
	m := newMeter(c)
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
func (m *meter) walk(ctx context.Context, c Config) (err error) {
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
				for len(outside) > 0 && outside[0].Time.Before(e.TakenAt(p)) {
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

func medianOf(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
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
