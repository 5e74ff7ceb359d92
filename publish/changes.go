package publish

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
)

// A change is what the entries of a sync did to one name, taken together.
type change struct {
	name      string
	kind      artifact.Kind
	line      *ledger.Line      // what it holds at the end; nil if it was withdrawn
	index     int64             // of the entry
	withdrawn artifact.Digest   // what it held when it was withdrawn
	older     []artifact.Digest // what it held in between
	prev      *ledger.Line      // what it held before; nil if nothing, or unknown
	signature *ledger.Line      // the detached signature of a document
}

// changes are all names that the entries touched, in byte order.
type changes struct {
	names  []*change
	byName map[string]*change
}

// collect reads the entries from ≤ i < to.
func collect(ctx context.Context, log *ledger.Log, from, to int64) (*changes, error) {
	cs := &changes{byName: map[string]*change{}}
	for c, err := range log.Changes(ctx, from, to) {
		if err != nil {
			return nil, err
		}
		cs.add(c)
	}
	for _, c := range cs.byName {
		cs.names = append(cs.names, c)
	}
	slices.SortFunc(cs.names, func(a, b *change) int { return strings.Compare(a.name, b.name) })
	for _, c := range cs.names {
		if c.line != nil && c.kind == artifact.Document {
			c.signature = cs.signatureOf(c.name)
		}
	}
	return cs, nil
}

func (cs *changes) add(lc ledger.Change) {
	var name string
	if lc.Line != nil {
		name = lc.Line.Name
	} else {
		name = lc.Withdraw.Name
	}
	c := cs.byName[name]
	if c == nil {
		c = &change{name: name}
		cs.byName[name] = c
	}
	if c.line != nil {
		c.older = append(c.older, c.line.Digest)
	}
	c.index = lc.Index
	if lc.Withdraw != nil {
		c.line, c.withdrawn = nil, lc.Withdraw.Digest
		return
	}
	line := *lc.Line
	c.line, c.kind = &line, line.Kind
}

// signatureOf finds the detached signature that came with a document: the
// document's name with .p7s added, or in the place of its extension.
func (cs *changes) signatureOf(name string) *ledger.Line {
	for _, n := range public.Signatures(name) {
		if c := cs.byName[n]; c != nil && c.line != nil && c.kind == artifact.DocumentSignature {
			return c.line
		}
	}
	return nil
}

// lookBack is how many earlier entries are searched for what a name held
// before. Signing runs renew the same names again and again, so it is nearly
// always in the last one; what is not found is treated as unknown, which costs
// a request but is never wrong.
const lookBack = 16

// findPrevious fills in what the names held at size from.
func (cs *changes) findPrevious(ctx context.Context, log *ledger.Log, from int64) error {
	missing := map[string]*change{}
	for _, c := range cs.names {
		missing[c.name] = c
	}
	for i := from - 1; i >= max(0, from-lookBack) && len(missing) > 0; i-- {
		e, err := log.Entry(ctx, i)
		if err != nil {
			return err
		}
		if e.Withdraw != nil {
			for _, w := range e.Withdraw.Names {
				delete(missing, w.Name)
			}
		}
		if e.Batch == nil {
			continue
		}
		for line, err := range log.Lines(ctx, e.Batch) {
			if err != nil {
				return err
			}
			if c := missing[line.Name]; c != nil {
				c.prev = &line
				if c.kind == "" {
					c.kind = line.Kind
				}
				delete(missing, line.Name)
			}
		}
		maps.DeleteFunc(missing, func(_ string, c *change) bool { return c.immutable() })
	}
	return nil
}

// immutable reports whether the name says what it holds, by a digest or a
// number. Such a name is either new or was in the signing run before.
func (c *change) immutable() bool {
	return c.kind == artifact.OCSPBundle || c.kind == artifact.OCSPResponse ||
		c.line != nil && c.line.History
}

// A ledgerState answers what a name held at one size. The state is computed
// when first asked for, since most syncs never ask.
type ledgerState struct {
	log  *ledger.Log
	size int64

	once  sync.Once
	state *ledger.State
	err   error
}

func (s *ledgerState) get(ctx context.Context, name string) (*ledger.Line, error) {
	s.once.Do(func() { s.state, s.err = s.log.State(ctx, s.size) })
	if s.err != nil {
		return nil, s.err
	}
	line, ok := s.state.Get(name)
	if !ok {
		return nil, nil
	}
	return &line, nil
}
