package verify

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
)

// shelfLife lists until when the current lists, generations and CA certificates hold, the first to expire first: what would
// happen if the signing room stopped now.
func (c *checker) shelfLife() []ShelfLife {
	life := []ShelfLife{}
	for line := range c.state.All() {
		k := line.Kind
		if !k.IsRevocationList() && k != artifact.OCSPGeneration && !k.IsCertificate() || line.NotAfter.IsZero() || artifact.Final(line.NotAfter) {
			continue
		}
		if line.History {
			continue
		}
		life = append(life, ShelfLife{Name: line.Name, Kind: string(k), ThisUpdate: line.NotBefore, NextUpdate: line.NotAfter, Number: line.Number})
	}
	slices.SortStableFunc(life, func(a, b ShelfLife) int {
		return cmp.Or(a.NextUpdate.Compare(b.NextUpdate), strings.Compare(a.Name, b.Name))
	})
	return life
}

// FirstExpiry returns the moment from which relying parties would be told nothing valid if nothing were signed any more: the
// earliest nextUpdate of a list or generation. It is zero when there is none.
func (r *Report) FirstExpiry() time.Time {
	for _, l := range r.ShelfLife {
		if !artifact.Kind(l.Kind).IsCertificate() {
			return l.NextUpdate
		}
	}
	return time.Time{}
}

// omitted lists the codes of which more findings were made than kept.
func (c *collector) omitted() []Omitted {
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
