package uptime

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
	"seihon/verify/report"
)

// A Comparer holds what all vantages got to the same question against each other, in the order of
// time. What only caches explain is no disagreement.
type Comparer struct {
	window time.Duration // of two samples at about the same time
	urls   map[string]*asked
	found  map[string]*disagreement
}

// asked is what is known of one address.
type asked struct {
	newest seenAnswer
	past   map[artifact.Digest]bool // of answers without a number, those that something replaced
	last   map[string]seenAnswer    // by vantage
}

// A seenAnswer is a sample and who took it.
type seenAnswer struct {
	ledger.Sample
	vantage string
}

// A disagreement is reported once for each address, vantage and code, with its number.
type disagreement struct {
	code, url string
	got, want seenAnswer // of the first time
	n         int
}

func NewComparer(every time.Duration) *Comparer {
	return &Comparer{window: max(2*every, clockSlack), urls: map[string]*asked{}, found: map[string]*disagreement{}}
}

// enter compares one sample with those before it.
func (c *Comparer) enter(vantage string, s ledger.Sample) {
	if s.Digest.IsZero() && s.Says == "" {
		return // nothing was answered, or an older program took it
	}
	a := c.urls[s.URL]
	if a == nil {
		a = &asked{past: map[artifact.Digest]bool{}, last: map[string]seenAnswer{}}
		c.urls[s.URL] = a
	}
	now := seenAnswer{s, vantage}
	for _, other := range slices.Sorted(maps.Keys(a.last)) {
		o := a.last[other]
		apart := s.Time.Sub(o.Time).Abs()
		if other != vantage && apart <= c.window && s.OK != o.OK && (s.Digest != o.Digest || s.Says != o.Says) {
			bad, good := now, o
			if s.OK {
				bad, good = o, now
			}
			c.disagree("samples-differ", bad, good)
		}
	}
	a.last[vantage] = now
	if !s.Digest.IsZero() && s.Status == 200 {
		c.follow(a, now)
	}
}

// follow compares an answer with the newest that anybody got.
func (c *Comparer) follow(a *asked, now seenAnswer) {
	n := &a.newest
	switch order := newer(now.Version, n.Version); {
	case n.Digest.IsZero():
		if now.OK {
			*n = now
		}
	case now.Digest == n.Digest:
	case now.Version == "" && a.past[now.Digest], order < 0:
		if now.Time.After(n.Time.Add(cachedFor(&now.Sample))) {
			c.disagree("samples-older", now, *n)
		}
	case now.Version != "" && order == 0:
		c.disagree("samples-differ", now, *n)
	case now.OK:
		a.past[n.Digest] = true
		*n = now
	}
}

// newer compares the numbers of two lists, or the sizes of two checkpoints.
func newer(a, b string) int {
	x, ok := new(big.Int).SetString(a, 10)
	y, ok2 := new(big.Int).SetString(b, 10)
	if !ok || !ok2 {
		return cmp.Compare(len(a), len(b))
	}
	return x.Cmp(y)
}

// cachedFor is how long caches may go on with an answer after somebody got a newer one. A list may
// have a name of its own choice, but it has a number.
func cachedFor(s *ledger.Sample) time.Duration {
	if strings.HasSuffix(s.URL, "/"+public.Checkpoint) {
		return clockSlack // it is kept for a minute
	}
	if s.Version != "" {
		return public.MaxAge(artifact.CRL) + clockSlack
	}
	for i := range s.URL {
		if s.URL[i] != '/' {
			continue
		}
		if n, err := public.Parse(s.URL[i+1:]); err == nil {
			return public.MaxAge(n.Kind) + clockSlack
		}
	}
	return public.MaxAge(artifact.Document) + clockSlack
}

func (c *Comparer) disagree(code string, got, want seenAnswer) {
	key := code + "\x00" + got.URL + "\x00" + got.vantage
	if c.found[key] == nil {
		c.found[key] = &disagreement{code, got.URL, got, want, 0}
	}
	c.found[key].n++
}

// Report makes the findings.
func (c *Comparer) Report(add func(report.Finding)) {
	for _, key := range slices.Sorted(maps.Keys(c.found)) {
		d := c.found[key]
		add(report.Finding{
			Code: d.code, Source: report.SourceSamples, Name: d.url, Got: d.got.answer(), Want: d.want.answer(),
			Detail: fmt.Sprintf("%s got it at %s, and %s the other at %s; %d times", d.got.who(),
				report.Stamp(d.got.Time), d.want.who(), report.Stamp(d.want.Time), d.n),
		})
	}
}

func (s *seenAnswer) who() string {
	if s.vantage == "" {
		return "a vantage without a name"
	}
	return s.vantage
}

// answer is what was got, in the words of a finding.
func (s *seenAnswer) answer() string {
	switch {
	case s.Says != "":
		return s.Says
	case s.Version != "":
		return fmt.Sprintf("number %s, SHA-256 %s", s.Version, s.Digest)
	}
	return s.Digest.String()
}
