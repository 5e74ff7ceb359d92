package publish

import (
	"context"
	"fmt"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
)

// An alias is written right after its artifact and removed right before it. So an alias never says more than the
// artifact does, and what an alias says can always be compared with the artifact. It has a condition of its own: what
// somebody did to the one does not hold back the other.
//
// A checkpoint speaks of artifacts only. Which aliases a target has is remembered by this host (memory.Aliases); one
// that is not remembered is compared before it is written, and may hold anything that the master ever had.

// as is the step for an alias of the step's artifact.
func (s Step) as(alias string) Step {
	s.Name, s.AliasOf = alias, s.Name
	return s
}

// artifact is the name that the master knows the step by.
func (s *Step) artifact() string {
	if s.AliasOf != "" {
		return s.AliasOf
	}
	return s.Name
}

// withAliases adds to steps the same for the aliases of what they are about.
func (p *Plan) withAliases(steps []Step) ([]Step, error) {
	if len(p.config.Aliases) == 0 {
		return steps, nil
	}
	var all []Step
	for _, s := range steps {
		of, ok := p.config.Aliases.Of(s.Name)
		if ok && s.Action == Remove {
			continue // what the master withdrew is an alias now, and stays
		}
		if ok {
			return nil,
				fmt.Errorf("%q is an alias of %q in the configuration, and a name of the master itself: give the "+
					"alias up (names)", s.Name, of)
		}
		all = append(all, s)
		for _, alias := range p.config.Aliases.For(s.Name) {
			all = append(all, s.as(alias))
		}
	}
	return all, nil
}

// takeUp plans for the aliases that the target is not known to have.
func (p *Plan) takeUp(ctx context.Context, known memory) error {
	missing := map[string]string{}
	for _, a := range p.config.Aliases {
		if known.Aliases[a.Name] != a.Artifact {
			missing[a.Name] = a.Artifact
		}
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		if missing[s.Name] == "" || s.Action == Remove {
			continue
		}
		s.Action, s.prev, s.older, s.taken = Send, nil, nil, true
		delete(missing, s.Name)
	}
	if len(missing) == 0 {
		return nil
	}
	state, err := p.master.State(ctx, p.To)
	if err != nil {
		return fmt.Errorf("planning for %q: %w", p.Target, err)
	}
	for _, a := range p.config.Aliases {
		line, ok := state.Get(a.Artifact)
		if missing[a.Name] == "" || !ok {
			continue
		}
		if _, taken := state.Get(a.Name); taken {
			_, err := p.withAliases([]Step{{Name: a.Name, Action: Send}})
			return fmt.Errorf("planning for %q: %w", p.Target, err)
		}
		s := Step{
			Name: a.Name, AliasOf: a.Artifact, Kind: line.Kind, Action: Send, Stage: stageOf(line.Kind),
			Digest: line.Digest,
			Size:   line.Size, Objects: 1, line: line, index: unindexed, taken: true,
		}
		if line.Kind == artifact.Document {
			s.signed = signatureIn(state, a.Artifact)
		}
		p.Steps = append(p.Steps, s)
	}
	p.sort()
	p.Estimate = p.estimate()
	return nil
}

// unindexed is the place in the log of what no entry of this plan speaks of.
const unindexed = -1

func signatureIn(state *ledger.State, document string) *ledger.Line {
	for _, n := range public.Signatures(document) {
		if line, ok := state.Get(n); ok && line.Kind == artifact.DocumentSignature {
			return &line
		}
	}
	return nil
}

// group separates the steps of a stage that are done by themselves from the aliases that go with one of them.
func group(steps []*Step) (alone []*Step, with map[string][]*Step) {
	here := map[string]bool{}
	for _, s := range steps {
		here[s.Name] = true
	}
	with = map[string][]*Step{}
	for _, s := range steps {
		if s.AliasOf != "" && here[s.AliasOf] {
			with[s.AliasOf] = append(with[s.AliasOf], s)
		} else {
			alone = append(alone, s)
		}
	}
	return alone, with
}

// sendAliases puts the bytes of an item under the aliases of its step.
func (s *session) sendAliases(ctx context.Context, it *item) error {
	for _, step := range s.with[it.name] {
		own := *it
		own.step, own.name, own.predicted, own.fresh = step, step.Name, "", step.Action == Send
		if step.taken {
			own.prevBytes, own.prevDigest, own.older = nil, artifact.Digest{}, nil
		}
		if _, err := s.send(ctx, &own); err != nil {
			return err
		}
	}
	return nil
}

// ours reports whether the master log ever had bytes, under whatever name.
func (s *session) ours(ctx context.Context, d artifact.Digest) (bool, error) {
	for c, err := range s.config.Master.Changes(ctx, 0, s.config.Master.Size()) {
		if err != nil {
			return false, fmt.Errorf("looking for %s in the log: %w", d, err)
		}
		if c.Line != nil && c.Line.Digest == d {
			return true, nil
		}
	}
	return false, nil
}

// learnAliases is which aliases the target has after this sync.
func (s *session) learnAliases() map[string]string {
	have := map[string]string{}
	for _, a := range s.plan.config.Aliases {
		have[a.Name] = a.Artifact
	}
	for _, name := range s.held {
		delete(have, name)
	}
	return have
}
