package books

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
)

// A StatusDocument is a published version of a document of the configuration: the one in force, or one to come.
type StatusDocument struct {
	Name      string    `json:"name"`
	Version   string    `json:"version"`
	Effective time.Time `json:"effective"` // in force from
	InForce   bool      `json:"in_force"`
}

// documents lists, for each document of the configuration, the version that is in force and those to come.
func (b *Books) documents(ctx context.Context, log *ledger.Log, now time.Time) ([]StatusDocument, error) {
	state, err := log.State(ctx, log.Size())
	if err != nil {
		return nil, fmt.Errorf("reading which documents are in force: %w", err)
	}
	all := []StatusDocument{}
	for _, conf := range b.conf.Documents {
		var known []StatusDocument
		for line := range state.All() {
			n, err := public.Parse(line.Name)
			if line.Kind != artifact.Document || err != nil {
				continue
			}
			if version, ok := n.Version(conf.Name); ok {
				known = append(known, StatusDocument{Name: conf.Name, Version: version, Effective: line.NotBefore})
			}
		}
		slices.SortFunc(known, func(a, b StatusDocument) int {
			return cmp.Or(a.Effective.Compare(b.Effective), cmp.Compare(a.Version, b.Version))
		})
		for len(known) > 1 && !known[1].Effective.After(now) { // replaced by the next
			known = known[1:]
		}
		if len(known) > 0 {
			known[0].InForce = !known[0].Effective.After(now)
		}
		all = append(all, known...)
	}
	return all, nil
}

// words says since when a version is in force, or from when on.
func (d StatusDocument) words() string {
	if d.InForce {
		return fmt.Sprintf("%s %s is in force since %s", d.Name, d.Version, d.Effective.Format(time.DateOnly))
	}
	return fmt.Sprintf("%s %s comes into force %s", d.Name, d.Version, d.Effective.Format(time.DateOnly))
}

func (d StatusDocument) wordsJA() string {
	if d.InForce {
		return fmt.Sprintf("%s %s は %s から施行されている", d.Name, d.Version, d.Effective.Format(time.DateOnly))
	}
	return fmt.Sprintf("%s %s は %s に施行される", d.Name, d.Version, d.Effective.Format(time.DateOnly))
}
