package publish

import "context"

// Apply executes the plan on a store and returns what became of it. c is the
// configuration of the sync the plan belongs to; its Targets are not used.
func (p *Plan) Apply(ctx context.Context, s Store, c Config) *TargetResult {
	return &TargetResult{Target: p.Target, From: p.From, To: p.To, Err: errSkeleton}
}
