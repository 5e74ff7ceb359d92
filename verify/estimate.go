package verify

import (
	"context"
	"fmt"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify/report"
)

// A Price is what a provider asks, in US dollars.
type Price struct {
	PerRequest float64
	PerByte    float64 // egress
}

// Estimates computes what Check would cost with this configuration. Nothing but the master's log is read.
func Estimates(ctx context.Context, config Config) ([]report.Estimate, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	log, err := ledger.Open(ctx, config.Master, config.Verifier)
	if err != nil {
		return nil, fmt.Errorf("estimating: %w", err)
	}
	state, err := log.Replay(ctx, log.Size())
	if err != nil {
		return nil, fmt.Errorf("estimating: %w", err)
	}
	c := &checker{Config: config, log: log, state: state}
	return c.estimates(ctx)
}

// estimates looks at every copy that is asked over the network.
func (c *checker) estimates(ctx context.Context) ([]report.Estimate, error) {
	all := []report.Estimate{}
	for i, p := range c.Copies {
		if isLocal(p.Source) || c.Tier == report.TierLog {
			continue
		}
		e := &report.Estimate{Requests: 1}
		if _, known := p.Source.(*listed); !known || c.Tier != report.TierList { // sizes come from the listing
			var err error
			if e, err = estimate(ctx, c.log, c.state, c.Tier, p.layout(), c.Sample); err != nil {
				return nil, err
			}
			for _, a := range c.Aliases {
				if line, ok := c.state.Get(a.Artifact); ok {
					e.Requests++
					e.Bytes += line.Size
				}
			}
		}
		if c.resume != nil {
			e.Requests, e.Bytes = max(0, e.Requests-c.resume.left[i].Requests), max(0, e.Bytes-c.resume.left[i].Bytes)
		}
		e.Source, e.Layout = p.Source.Name(), p.layout()
		e.USD = c.Price.of(e)
		all = append(all, *e)
	}
	return all, nil
}

func (p Price) of(e *report.Estimate) float64 {
	return float64(e.Requests)*p.PerRequest + float64(e.Bytes)*p.PerByte
}

// layout is the layout that the estimate assumes.
func (p Copy) layout() string {
	switch {
	case p.Layout != "":
		return p.Layout
	case p.Likely != "":
		return p.Likely
	}
	return LayoutBundle
}

// EstimateCopy computes what checking one copy of a complete repository costs in a tier and layout.
func EstimateCopy(ctx context.Context, master *ledger.Log, tier report.Tier, layout string, sample int,
	p Price) (*report.Estimate, error) {
	if tier == report.TierLog {
		return &report.Estimate{}, nil
	}
	state, err := master.State(ctx, master.Size())
	if err != nil {
		return nil, fmt.Errorf("estimating: %w", err)
	}
	e, err := estimate(ctx, master, state, tier, layout, sample)
	if err != nil {
		return nil, err
	}
	e.USD = p.of(e)
	return e, nil
}

func estimate(ctx context.Context, master *ledger.Log, state *ledger.State, tier report.Tier, layout string,
	sample int) (*report.Estimate, error) {
	e := &report.Estimate{Requests: 1}
	var others, otherBytes int64
	for line := range state.All() {
		switch k := line.Kind; {
		case k == artifact.OCSPResponse, layout == LayoutObjects &&
			(k == artifact.OCSPBundle || k == artifact.OCSPGeneration):
		case tier == report.TierSample && !k.IsRevocationList() && k != artifact.OCSPGeneration:
			others++
			otherBytes += line.Size
		default:
			e.Requests++
			e.Bytes += line.Size
		}
	}
	if take := min(others, int64(sample)); others > 0 {
		e.Requests += take
		e.Bytes += otherBytes * take / others
	}
	if layout == LayoutObjects {
		k := &copyCheck{checker: &checker{log: master}, state: state}
		s := k.openShelf(ctx)
		defer s.close()
		for b := range s.all() {
			e.Requests += int64(b.Len())
			for _, der := range b.All() {
				e.Bytes += int64(len(der))
			}
		}
	}
	for f, err := range master.PublicFiles(ctx, 0, master.Size()) {
		if err != nil {
			return nil, fmt.Errorf("estimating: %w", err)
		}
		e.Requests++
		e.Bytes += f.Size
	}
	if tier == report.TierList {
		e.Bytes = 0
	}
	return e, nil
}
