package publish

import (
	"context"
	"fmt"
	"slices"
)

// resume leaves out what an earlier sync did that had to hold something back.
func (p *Plan) resume(ctx context.Context, known memory, c Config) error {
	if c.Repair || c.Only != Everything || known.Done <= p.From || known.From != p.From || known.Done > p.To {
		return nil
	}
	files := map[string]bool{}
	for f, err := range p.master.PublicFiles(ctx, p.From, known.Done) {
		if err != nil {
			return fmt.Errorf("planning for %q: %w", p.Target, err)
		}
		files[f.Name] = true
	}
	p.Steps = slices.DeleteFunc(p.Steps, func(s Step) bool {
		done := files[s.Name] || s.file == nil && s.index < known.Done
		here := s.AliasOf == "" || known.Aliases[s.Name] == s.AliasOf
		return done && here && s.Action != Remove && !slices.Contains(known.Held, s.Name)
	})
	p.Estimate = p.estimate()
	return nil
}

// forget leaves out what was withdrawn before anything was published to the target: it was never there.
func (p *Plan) forget() {
	p.Steps = slices.DeleteFunc(p.Steps, func(s Step) bool { return s.Action == Remove })
	p.Estimate = p.estimate()
}

// addWithdrawn adds what the master withdrew before this plan begins, from a
// size on: an earlier sync without Prune left it alone.
func (p *Plan) addWithdrawn(ctx context.Context, since int64) error {
	planned := map[string]bool{}
	for _, s := range p.Steps {
		planned[s.Name] = true
	}
	var gone []Step
	for e, err := range p.master.Entries(ctx, since, p.From) {
		if err != nil {
			return fmt.Errorf("planning for %q: %w", p.Target, err)
		}
		if e.Withdraw == nil {
			continue
		}
		for _, w := range e.Withdraw.Names {
			if !planned[w.Name] {
				planned[w.Name] = true
				gone = append(gone, Step{Name: w.Name, Action: Remove, Stage: Removals, Digest: w.Digest, Objects: 1})
			}
		}
	}
	if len(gone) == 0 {
		return nil
	}
	state, err := p.master.State(ctx, p.To)
	if err != nil {
		return fmt.Errorf("planning for %q: %w", p.Target, err)
	}
	gone = slices.DeleteFunc(gone, func(s Step) bool {
		_, again := state.Get(s.Name)
		return again
	})
	if gone, err = p.withAliases(gone); err != nil {
		return fmt.Errorf("planning for %q: %w", p.Target, err)
	}
	p.Steps = append(p.Steps, gone...)
	p.sort()
	p.Estimate = p.estimate()
	return nil
}
