package publish

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/public"
)

// A Stage is the place of a step in the order of a sync. A later stage begins
// when the earlier ones are done.
type Stage int

// The stages. What tells relying parties of a revocation goes first, because
// it depends on nothing else; within that, bundles go before the generation
// that points to them. Pages that link to documents follow the documents, and
// the log follows everything it speaks of.
const (
	Revocations Stage = iota // CRLs, OCSP bundles, OCSP responses as objects
	Pointers                 // generation files
	Bodies                   // certificates, documents and their signatures
	Pages                    // index and fingerprint pages
	LogFiles                 // tiles and manifests
	Removals                 // withdrawn names, with Prune
	stages
)

// stageOf places an artifact kind.
func stageOf(k artifact.Kind) Stage {
	switch k {
	case artifact.CRL, artifact.ARL, artifact.DeltaCRL, artifact.OCSPBundle, artifact.OCSPResponse:
		return Revocations
	case artifact.OCSPGeneration:
		return Pointers
	case artifact.IndexPage, artifact.FingerprintPage:
		return Pages
	case artifact.Tile, artifact.Manifest, artifact.Checkpoint:
		return LogFiles
	}
	return Bodies
}

var stageNames = [stages]string{"revocations", "pointers", "bodies", "pages", "log", "removals"}

func (s Stage) String() string { return stageNames[s] }

// MarshalText makes the stage a word in JSON.
func (s Stage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Urgent reports whether a step of this stage is part of `sync --only urgent`.
func (s Stage) Urgent() bool { return s <= Pointers }

// An Action is what a plan does with one name.
type Action string

const (
	Send   Action = "send"   // a name that is new
	Update Action = "update" // a name that holds older bytes
	Expand Action = "expand" // a generation whose changed responses become objects
	Remove Action = "remove" // a name that the master withdrew
)

// A Step is one name of the plan; for Expand, one issuer's responses.
type Step struct {
	Name    string          `json:"name"`
	AliasOf string          `json:"alias_of,omitempty"` // the artifact of which Name is a further public name
	Kind    artifact.Kind   `json:"kind"`
	Action  Action          `json:"action"`
	Stage   Stage           `json:"stage"`
	Digest  artifact.Digest `json:"sha256"`
	Size    int64           `json:"size"`    // bytes to send
	Objects int             `json:"objects"` // 1, or the number of responses that changed

	line   ledger.Line       // what the master has under the name
	index  int64             // of the entry that made it so
	prev   *ledger.Line      // what the target has if nobody touched it; nil when unknown
	older  []artifact.Digest // what the log had in between
	file   *ledger.File      // of LogFiles
	expand *expansion        // of Expand
	signed *ledger.Line      // the detached signature of a document

	superseded bool // a bundle that no current generation of its issuer names
	taken      bool // an alias that the target is not known to have: it may hold anything
}

// A Plan is what a sync of one target will do. It is what `publisher plan`
// prints and what Apply executes, so that what is shown is what is done.
type Plan struct {
	Target   string   `json:"target"`
	From     int64    `json:"from"`
	To       int64    `json:"to"`
	Steps    []Step   `json:"steps"` // in the order of execution
	Estimate Estimate `json:"estimate"`

	master      *ledger.Log
	config      TargetConfig
	generations map[string]bool                  // issuers whose generation is part of the plan
	bundles     map[artifact.Digest]bool         // that these generations name
	replaced    map[string]*ocspcache.Generation // by issuer, what the target has until then

	oldest  time.Time    // of the first entry that the target lacks
	current *ledgerState // for what only a conflict asks
	promise *ledgerState // what the target's checkpoint speaks of; set with remote
	remote  *remoteState // what Sync read from the target; nil for a bare plan

	untagged bool // the store's tags cannot be predicted
}

// An Estimate is what a plan will cost if nothing fails.
type Estimate struct {
	Objects int     `json:"objects"`
	Bytes   int64   `json:"bytes"`
	Puts    int     `json:"puts"`
	Gets    int     `json:"gets"`
	Deletes int     `json:"deletes"`
	USD     float64 `json:"usd"`
}

// NewPlan computes what changes a target that is complete at log size from into
// one that is complete at size to. It reads the master and nothing else: the
// same arguments give the same plan.
func NewPlan(ctx context.Context, master *ledger.Log, from, to int64, c TargetConfig) (*Plan, error) {
	if from < 0 || to < from || to > master.Size() {
		return nil, fmt.Errorf("planning for %q: cannot go from size %d to %d in a log of %d entries", c.Name, from, to,
			master.Size())
	}
	p := &Plan{Target: c.Name, From: from, To: to, master: master, config: c.withDefaults(),
		current: &ledgerState{log: master, size: from}}
	if err := p.build(ctx); err != nil {
		return nil, fmt.Errorf("planning for %q: %w", c.Name, err)
	}
	return p, nil
}

// meets tells the plan what was read from the target.
func (p *Plan) meets(remote *remoteState) {
	p.remote, p.promise = remote, &ledgerState{log: p.master, size: remote.size}
}

func (p *Plan) build(ctx context.Context) error {
	if p.From == p.To {
		p.Estimate = p.estimate()
		return nil
	}
	first, err := p.master.Entry(ctx, p.From)
	if err != nil {
		return err
	}
	p.oldest = first.Time
	changes, err := collect(ctx, p.master, p.From, p.To)
	if err != nil {
		return err
	}
	if err := changes.findPrevious(ctx, p.master, p.From); err != nil {
		return err
	}
	p.findCurrent(ctx, changes)
	for _, c := range changes.names {
		if err := p.addName(ctx, c); err != nil {
			return err
		}
	}
	for f, err := range p.master.PublicFiles(ctx, p.From, p.To) {
		if err != nil {
			return err
		}
		p.Steps = append(p.Steps,
			Step{Name: f.Name, Kind: f.Kind, Action: Send, Stage: LogFiles, Digest: f.Digest, Size: f.Size, Objects: 1,
				file: &f})
	}
	if p.Steps, err = p.withAliases(p.Steps); err != nil {
		return err
	}
	p.sort()
	p.Estimate = p.estimate()
	return nil
}

// addName turns what happened to one name into steps.
func (p *Plan) addName(ctx context.Context, c *change) error {
	if p.config.Layout == Objects && c.line != nil && c.kind == artifact.OCSPBundle {
		return nil
	}
	if p.config.Layout == Objects && c.line != nil && c.kind == artifact.OCSPGeneration {
		return p.addExpansion(ctx, c)
	}
	switch {
	case c.kind == artifact.OCSPResponse:
		// A single response is no file of the master: its bundle brings it.
	case c.line == nil && p.config.Layout == Objects && strings.HasPrefix(c.name, public.Responses):
		// The objects layout never had it.
	case c.line == nil:
		s := Step{Name: c.name, Kind: c.kind, Action: Remove, Stage: Removals, Digest: c.withdrawn, Objects: 1,
			older: c.older, prev: c.prev}
		p.Steps = append(p.Steps, s)
	case c.prev != nil && c.prev.Digest == c.line.Digest && len(c.older) == 0:
		// Recorded again with the same bytes: the target has them.
	default:
		s := Step{
			Name: c.name, Kind: c.kind, Action: Send, Stage: stageOf(c.kind), Digest: c.line.Digest, Size: c.line.Size,
			Objects: 1,
			line:    *c.line, index: c.index, prev: c.prev, older: c.older, signed: c.signature,
		}
		if c.prev != nil {
			s.Action = Update
		}
		s.superseded = c.kind == artifact.OCSPBundle && p.generations[c.line.Issuer] && !p.bundles[c.line.Digest]
		p.Steps = append(p.Steps, s)
	}
	return nil
}

// findCurrent notes which bundles the generations of this plan name. A target
// that was away for long gets the others too, as long as they hold: a reader
// may still have an older generation.
func (p *Plan) findCurrent(ctx context.Context, cs *changes) {
	p.generations, p.bundles, p.replaced = map[string]bool{}, map[artifact.Digest]bool{},
		map[string]*ocspcache.Generation{}
	for _, c := range cs.names {
		if c.kind != artifact.OCSPGeneration || c.line == nil {
			continue
		}
		g, err := readGeneration(ctx, p.master, *c.line)
		if err != nil {
			// The step itself will say so, and hold back the generation only.
			continue
		}
		p.generations[c.line.Issuer] = true
		for _, b := range g.Bundles {
			p.bundles[b.Digest] = true
		}
		if c.prev != nil {
			if old, err := readGeneration(ctx, p.master, *c.prev); err == nil {
				p.replaced[c.line.Issuer] = old
			}
		}
	}
}

// sort puts the steps into the order of execution. Within the first stage the
// CRLs, few and long awaited, go before the responses. Aliases follow their artifact.
func (p *Plan) sort() {
	rank := func(s Step) int {
		if s.Kind.IsRevocationList() {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(p.Steps, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(rank(a), rank(b)),
			cmp.Compare(a.artifact(), b.artifact()), cmp.Compare(a.AliasOf, b.AliasOf), cmp.Compare(a.Name, b.Name))
	})
}

// estimate counts requests. A store whose tags cannot be predicted is asked
// before each update.
func (p *Plan) estimate() Estimate {
	e := Estimate{Gets: 1}
	for _, s := range p.Steps {
		if s.Action == Remove {
			e.Gets += s.Objects
			e.Deletes += s.Objects
			continue
		}
		e.Objects += s.Objects
		e.Bytes += s.Size
		e.Puts += s.Objects
		switch {
		case s.Action == Update && (p.untagged || s.Kind == artifact.OCSPGeneration):
			e.Gets++ // the old copy of a generation carries a proof that nobody can predict
		case s.Action == Expand && s.expand.prev != nil && p.untagged:
			e.Gets += s.Objects
		}
		if readBack(s.Kind) {
			e.Gets++
		}
	}
	if p.From < p.To {
		e.Puts++
		e.Gets++
	}
	e.USD = float64(e.Puts)*p.config.Price.PerPut + float64(e.Gets)*p.config.Price.PerGet
	return e
}

// Only returns the part of the plan that a limited sync executes.
func (p *Plan) only(o Only) []Step {
	if o != Urgent {
		return p.Steps
	}
	i := slices.IndexFunc(p.Steps, func(s Step) bool { return !s.Stage.Urgent() })
	if i < 0 {
		return p.Steps
	}
	return p.Steps[:i]
}
