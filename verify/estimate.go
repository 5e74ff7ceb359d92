package verify

import (
	"context"
	"fmt"

	"seihon/artifact"
	"seihon/ledger"
)

// An Estimate says what a check will ask of each copy that is not a local directory, before it begins. Listing requests of a
// bucket are not in it: whoever lists makes them.
type Estimate struct {
	Requests int64   `json:"requests"` // GET or, in tier list, HEAD
	Bytes    int64   `json:"bytes"`
	USD      float64 `json:"usd"` // at the prices given
}

// A Price is what a provider asks, in US dollars.
type Price struct {
	PerRequest float64
	PerByte    float64 // egress
}

// EstimateCopy computes what checking one copy of a complete repository costs in a tier and layout.
func EstimateCopy(ctx context.Context, master *ledger.Log, tier Tier, layout string, sample int, p Price) (*Estimate, error) {
	e := &Estimate{Requests: 1}
	if tier == TierLog {
		return &Estimate{}, nil
	}
	state, err := master.State(ctx, master.Size())
	if err != nil {
		return nil, fmt.Errorf("estimating: %w", err)
	}
	var others, otherBytes int64
	for line := range state.All() {
		switch k := line.Kind; {
		case k == artifact.OCSPResponse, layout == LayoutObjects && (k == artifact.OCSPBundle || k == artifact.OCSPGeneration):
		case tier == TierSample && !k.IsRevocationList() && k != artifact.OCSPGeneration:
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
	if tier == TierList {
		e.Bytes = 0
	}
	e.USD = float64(e.Requests)*p.PerRequest + float64(e.Bytes)*p.PerByte
	return e, nil
}
