package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
)

// FirstExpiry returns the moment from which relying parties would be told nothing valid if nothing were signed any
// more: the earliest nextUpdate of a list or generation. It is zero when there is none.
func (r *Report) FirstExpiry() time.Time {
	for _, l := range r.ShelfLife {
		if !artifact.Kind(l.Kind).IsCertificate() {
			return l.NextUpdate
		}
	}
	return time.Time{}
}

// Omitted lists the codes of which more findings were made than kept.
func (c *Collector) Omitted() []Omitted {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Omitted
	for k, n := range c.dropped {
		code, source, _ := strings.Cut(k, "\x00")
		all = append(all, Omitted{code, source, n})
	}
	slices.SortFunc(all, func(a, b Omitted) int {
		return cmp.Or(strings.Compare(a.Code, b.Code), strings.Compare(a.Source, b.Source))
	})
	return all
}
