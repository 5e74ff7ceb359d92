package ledger

import (
	"iter"
	"time"

	"seihon/artifact"
)

// Rounds are probes that were recorded together, in the order in which they were taken. What
// an address answers changes seldom, so each distinct answer stands here once, and a round
// only says which of them it got, and when and how quickly.
type Rounds struct {
	Answers []Answer
	Asked   []Asked
	Rounds  []Round
}

// An Answer is a sample without its time and latency.
type Answer struct {
	URL     string
	OK      bool
	Status  int64
	Error   string
	Digest  artifact.Digest
	Version string
	Says    string
}

// Asked is what one round got from one target: indexes into the answers.
type Asked struct {
	Answers []int64
	Target  string
	Vantage string
}

// A Round is one probe. Latencies are in whole milliseconds, one for each answer; After
// is how many seconds after the round's time each sample was taken, and is empty
// when that is 0 for all of them.
type Round struct {
	After   []int64
	Asked   int64 // index into Rounds.Asked
	Latency []int64
	Time    time.Time
}

// Bounds of one entry of rounds. An entry that came near MaxEntry could not be
// written at all.
const (
	roundsLimit  = 50_000 // bytes
	roundSamples = 150    // of one round; a probe with more of them becomes several rounds
)

func (r *Rounds) fields(c *coder) {
	list(c, "answers", &r.Answers, func(a *Answer) { a.code(c) })
	list(c, "asked", &r.Asked, func(a *Asked) { a.code(c) })
	list(c, "rounds", &r.Rounds, func(o *Round) { o.code(c) })
	if c.err == nil {
		r.check(c)
	}
}

func (a *Answer) code(c *coder) {
	c.object(func() {
		c.note("error", &a.Error)
		c.bool("ok", &a.OK)
		c.note("says", &a.Says)
		c.optionalDigest("sha256", &a.Digest)
		c.int("status", &a.Status)
		c.text("url", &a.URL)
		c.note("version", &a.Version)
	})
}

func (a *Asked) code(c *coder) {
	c.object(func() {
		numbers(c, "answers", &a.Answers)
		c.text("target", &a.Target)
		c.note("vantage", &a.Vantage)
	})
}

func (o *Round) code(c *coder) {
	c.object(func() {
		if c.reading && c.nextIs("after") || len(o.After) > 0 {
			numbers(c, "after", &o.After)
		}
		c.int("asked", &o.Asked)
		numbers(c, "latency-ms", &o.Latency)
		c.time("time", &o.Time)
	})
}

func numbers(c *coder, name string, s *[]int64) {
	list(c, name, s, func(n *int64) { c.number(name, n) })
}

// check refuses indexes that lead nowhere, and lists that do not belong to each other.
func (r *Rounds) check(c *coder) {
	for _, a := range r.Asked {
		for _, i := range a.Answers {
			if i >= int64(len(r.Answers)) {
				c.fail("an index of %d answers is %d", len(r.Answers), i)
			}
		}
	}
	for _, o := range r.Rounds {
		if o.Asked >= int64(len(r.Asked)) {
			c.fail("a round has the index %d of %d", o.Asked, len(r.Asked))
			return
		}
		n := len(r.Asked[o.Asked].Answers)
		if len(o.Latency) != n || len(o.After) != 0 && len(o.After) != n {
			c.fail("a round of %d answers has %d latencies and %d times", n, len(o.Latency), len(o.After))
		}
	}
}

// probe is round i as it was taken.
func (r *Rounds) probe(i int) *Probe {
	o := &r.Rounds[i]
	asked := &r.Asked[o.Asked]
	p := &Probe{Target: asked.Target, Vantage: asked.Vantage, Samples: make([]Sample, len(asked.Answers))}
	for k, n := range asked.Answers {
		a := &r.Answers[n]
		at := o.Time
		if len(o.After) > 0 {
			at = at.Add(time.Duration(o.After[k]) * time.Second)
		}
		p.Samples[k] = Sample{URL: a.URL, Time: at, OK: a.OK, Status: a.Status,
			Latency: time.Duration(o.Latency[k]) * time.Millisecond,
			Error:   a.Error, Digest: a.Digest, Version: a.Version, Says: a.Says}
	}
	return p
}

// Probes gives the probes that an entry has: one, several that were recorded together, or none.
func (e *Entry) Probes() iter.Seq[*Probe] {
	return func(yield func(*Probe) bool) {
		if e.Probe != nil {
			yield(e.Probe)
		}
		if e.Rounds == nil {
			return
		}
		for i := range e.Rounds.Rounds {
			if !yield(e.Rounds.probe(i)) {
				return
			}
		}
	}
}

// FoldProbes writes probes as rounds, in their order; as many entries as it takes. A
// latency becomes whole milliseconds.
func FoldProbes(probes []*Probe) (all []*Rounds) {
	f := &folder{}
	for _, p := range probes {
		for from := 0; from < len(p.Samples); from += roundSamples {
			if f.rounds == nil || f.size > roundsLimit {
				f = &folder{rounds: new(Rounds), answers: map[Answer]int64{}, asked: map[string]int64{}}
				all = append(all, f.rounds)
			}
			f.add(p, p.Samples[from:min(from+roundSamples, len(p.Samples))])
		}
	}
	return all
}

// A folder makes one entry of rounds.
type folder struct {
	rounds  *Rounds
	answers map[Answer]int64
	asked   map[string]int64 // by the encoding of what was asked
	size    int              // of the encoding, about
}

func (f *folder) add(p *Probe, samples []Sample) {
	o := Round{Time: samples[0].Time}
	for _, s := range samples {
		if s.Time.Before(o.Time) {
			o.Time = s.Time
		}
	}
	asked, later := Asked{Target: p.Target, Vantage: p.Vantage}, false
	for _, s := range samples {
		asked.Answers = append(asked.Answers, f.answer(&s))
		o.Latency = append(o.Latency, s.Latency.Milliseconds())
		after := int64(s.Time.Sub(o.Time) / time.Second)
		o.After = append(o.After, after)
		later = later || after != 0
	}
	if !later {
		o.After = nil
	}
	key := encoded(asked.code)
	n, has := f.asked[key]
	if !has {
		n = int64(len(f.rounds.Asked))
		f.asked[key] = n
		f.rounds.Asked = append(f.rounds.Asked, asked)
		f.size += len(key) + 1
	}
	o.Asked = n
	f.rounds.Rounds = append(f.rounds.Rounds, o)
	f.size += len(encoded(o.code)) + 1
}

// answer is the index of a sample's answer, which is added where it is new.
func (f *folder) answer(s *Sample) int64 {
	a := Answer{s.URL, s.OK, s.Status, s.Error, s.Digest, s.Version, s.Says}
	n, has := f.answers[a]
	if !has {
		n = int64(len(f.rounds.Answers))
		f.answers[a] = n
		f.rounds.Answers = append(f.rounds.Answers, a)
		f.size += len(encoded(a.code)) + 1
	}
	return n
}

// encoded is the canonical text of one value.
func encoded(code func(*coder)) string {
	c := &coder{}
	code(c)
	return string(c.buf)
}
