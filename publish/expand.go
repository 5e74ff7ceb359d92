package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/public"
)

// An expansion is the way from one generation of an issuer's responses to the
// next, response by response, for the objects layout.
type expansion struct {
	next *ocspcache.Generation
	prev *ocspcache.Generation // nil: none, or its bundles are gone
}

// A member is one response that changed.
type member struct {
	name    string
	der     []byte // valid until the iteration goes on
	prev    []byte // what the old generation had; nil if nothing
	removed bool   // it is in the old generation only

	key      ocspcache.Key   // valid until the iteration goes on
	promised artifact.Digest // see item
}

// addExpansion plans the objects of one issuer.
func (p *Plan) addExpansion(ctx context.Context, c *change) error {
	x := &expansion{}
	var err error
	if x.next, err = readGeneration(ctx, p.master, *c.line); err != nil {
		return err
	}
	if p.From > 0 && c.prev == nil {
		if c.prev, err = p.current.get(ctx, c.name); err != nil {
			return err
		}
	}
	if c.prev != nil {
		if x.prev, err = readGeneration(ctx, p.master, *c.prev); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	s := Step{
		Name: c.name, Kind: artifact.OCSPResponse, Action: Expand, Stage: Revocations, Digest: c.line.Digest,
		line: *c.line, index: c.index, prev: c.prev, older: c.older, expand: x,
	}
	gone, err := x.count(ctx, p.master, &s)
	if err != nil {
		return err
	}
	if s.Objects > 0 {
		p.Steps = append(p.Steps, s)
	}
	if gone > 0 {
		p.Steps = append(p.Steps, Step{
			Name: c.name, Kind: artifact.OCSPResponse, Action: Remove, Stage: Removals, Digest: c.line.Digest,
			Objects: gone, expand: x,
		})
	}
	return nil
}

func readGeneration(ctx context.Context, log *ledger.Log, line ledger.Line) (*ocspcache.Generation, error) {
	body, err := log.ReadBlob(ctx, line)
	if err != nil {
		return nil, err
	}
	g, _, err := ocspcache.ParseGeneration(body)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", line.Name, err)
	}
	return g, nil
}

// count fills in how many objects change and says how many vanish. Without an old generation the new
// one's own counts say it; the bundles need not be read.
func (x *expansion) count(ctx context.Context, log *ledger.Log, s *Step) (gone int, err error) {
	if x.prev == nil {
		for _, b := range x.next.Bundles {
			s.Objects += b.Count
			s.Size += b.Size
		}
		return 0, nil
	}
	for _, b := range x.changed() {
		for m, err := range x.members(ctx, log, b, nil) {
			switch {
			case err != nil:
				return 0, err
			case m.removed:
				gone++
			default:
				s.Objects++
				s.Size += int64(len(m.der))
			}
		}
	}
	return gone, nil
}

// changed returns the bundles of the new generation that the old one lacks.
func (x *expansion) changed() []ocspcache.GenerationBundle {
	if x.prev == nil {
		return x.next.Bundles
	}
	old := map[artifact.Digest]bool{}
	for _, b := range x.prev.Bundles {
		old[b.Digest] = true
	}
	var out []ocspcache.GenerationBundle
	for _, b := range x.next.Bundles {
		if !old[b.Digest] {
			out = append(out, b)
		}
	}
	return out
}

// members yields the responses in which a bundle of the new generation differs
// from the old one, whatever number of shards that had. check, if not nil, is
// called before the bundle is used.
func (x *expansion) members(ctx context.Context, log *ledger.Log, gb ocspcache.GenerationBundle,
	check func(ledger.Line) error) iter.Seq2[member, error] {
	return func(yield func(member, error) bool) {
		line := bundleLine(gb)
		if check != nil {
			if err := check(line); err != nil {
				yield(member{}, err)
				return
			}
		}
		bundle, err := ocspcache.OpenBundle(log.BlobPath(line))
		if err != nil {
			yield(member{}, fmt.Errorf("reading bundle %s: %w", gb.Digest, err))
			return
		}
		defer bundle.Close()
		old := openOld(log, x.prev)
		defer old.close()
		for k, der := range bundle.All() {
			prev, err := old.lookup(k)
			if err == nil {
				err = ctx.Err()
			}
			if err == nil && bytes.Equal(prev, der) {
				continue
			}
			if !yield(member{name: ocspcache.ObjectName(k), der: der, prev: prev, key: k}, err) || err != nil {
				return
			}
		}
		// With as many shards as before, one bundle can tell what is gone.
		if x.prev == nil || len(x.prev.Bundles) != len(x.next.Bundles) {
			return
		}
		before, err := old.shard(int(gb.Shard))
		if err != nil {
			yield(member{}, err)
			return
		}
		if before != nil {
			vanished(before, bundle, yield)
		}
	}
}

// vanished yields what the old bundle has and the new one has not.
func vanished(before, now *ocspcache.Bundle, yield func(member, error) bool) {
	for k, der := range before.All() {
		if _, ok := now.Lookup(k); ok {
			continue
		}
		if !yield(member{name: ocspcache.ObjectName(k), prev: der, removed: true}, nil) {
			return
		}
	}
}

func bundleLine(b ocspcache.GenerationBundle) ledger.Line {
	return ledger.Line{Name: public.Bundle(b.Digest), Kind: artifact.OCSPBundle, Digest: b.Digest, Size: b.Size}
}

// An oldGeneration looks responses up in the generation that is replaced. Its
// bundles are opened when first needed. A bundle that the master no longer has
// knows nothing: its responses count as unknown, which costs requests but is
// never wrong.
type oldGeneration struct {
	log    *ledger.Log
	shards []oldShard
	check  func(ledger.Line) error // of a bundle before it is believed; may be nil
}

type oldShard struct {
	line   ledger.Line
	tried  bool
	bundle *ocspcache.Bundle
}

func openOld(log *ledger.Log, g *ocspcache.Generation) *oldGeneration {
	o := &oldGeneration{log: log}
	if g != nil {
		for _, gb := range g.Bundles {
			o.shards = append(o.shards, oldShard{line: bundleLine(gb)})
		}
	}
	return o
}

// shard returns the bundle of a shard, nil if there is none.
func (o *oldGeneration) shard(i int) (*ocspcache.Bundle, error) {
	s := &o.shards[i]
	if s.tried {
		return s.bundle, nil
	}
	s.tried = true
	if o.check != nil {
		if err := o.check(s.line); err != nil {
			return nil, err
		}
	}
	b, err := ocspcache.OpenBundle(o.log.BlobPath(s.line))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading bundle %s: %w", s.line.Digest, err)
	}
	s.bundle = b
	return b, nil
}

func (o *oldGeneration) lookup(k ocspcache.Key) ([]byte, error) {
	if len(o.shards) == 0 {
		return nil, nil
	}
	b, err := o.shard(ocspcache.ShardOf(k.Serial, len(o.shards)))
	if b == nil || err != nil {
		return nil, err
	}
	der, _ := b.Lookup(k)
	return der, nil
}

func (o *oldGeneration) close() {
	for _, s := range o.shards {
		if s.bundle != nil {
			s.bundle.Close()
		}
	}
}
