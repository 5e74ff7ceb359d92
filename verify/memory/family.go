package memory

import (
	"cmp"
	"context"
	"math/big"
	"slices"

	"seihon/artifact"
)

// A family is the lists that are read together: one name, or complete lists and the deltas to them.
type family struct {
	m        *Memory
	versions []Artifact // of all its names
	deltas   bool

	last     map[string]*list // by name
	newest   *list            // complete
	released []release        // holds that ended, which deltas to an older base must say
	carried  map[*list]bool   // deltas whose entries a complete list has taken over
	spare    []listed
}

// A release is a hold that a complete list ended.
type release struct {
	serial   []byte
	was      standing
	list     Artifact // the last that had it
	number   string   // of the list that ended it
	holdFrom string   // the number of list
}

// families sorts the names of lists. Deltas are rare: only where there is one must lists be opened
// to find those they belong to.
func (m *Memory) families(ctx context.Context) ([]*family, error) {
	var all []*family
	withDeltas := slices.ContainsFunc(m.in.Lists, func(v []Artifact) bool { return v[0].Kind == artifact.DeltaCRL })
	byScope := map[string]*family{}
	for _, versions := range m.in.Lists {
		if !withDeltas {
			if len(versions) > 1 {
				all = append(all, &family{m: m, versions: versions})
			}
			continue
		}
		first := m.firstOf(ctx, versions)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if first == nil {
			continue
		}
		key := first.issuer + "\x00" + first.scope.String()
		f := byScope[key]
		if f == nil {
			f = &family{m: m}
			byScope[key] = f
			all = append(all, f)
		}
		f.versions = append(f.versions, versions...)
		f.deltas = f.deltas || versions[0].Kind == artifact.DeltaCRL
	}
	for _, f := range all {
		slices.SortStableFunc(f.versions, before)
	}
	return all, nil
}

// before orders the lists of a family as relying parties see them: by the entry of the log, and
// within it by number, the complete list before the delta of the same number.
func before(a, b Artifact) int {
	delta := func(x Artifact) int {
		if x.Kind == artifact.DeltaCRL {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(a.Index, b.Index), compareNumbers(a.Number, b.Number), cmp.Compare(delta(a), delta(b)))
}

func compareNumbers(a, b string) int {
	x, ok1 := new(big.Int).SetString(a, 10)
	y, ok2 := new(big.Int).SetString(b, 10)
	if !ok1 || !ok2 {
		return 0
	}
	return x.Cmp(y)
}

func (m *Memory) firstOf(ctx context.Context, versions []Artifact) *list {
	for _, a := range versions {
		if l := m.open(ctx, a, nil); l != nil || ctx.Err() != nil {
			return l
		}
	}
	return nil
}

// open reads a list; nil when that cannot be done, or when nobody trusted signed it, which others
// report.
func (m *Memory) open(ctx context.Context, a Artifact, room []listed) *list {
	der, err := m.in.Read(ctx, a)
	if err != nil {
		return nil
	}
	parsed, err := artifact.ParseRevocationList(der)
	if err != nil {
		return nil
	}
	issuer, ok := m.in.Issuer(parsed)
	if !ok {
		return nil
	}
	l, err := newList(a, issuer, parsed, room)
	if err != nil {
		return nil
	}
	return l
}

// walk goes through the family in the order of the log.
func (f *family) walk(ctx context.Context) error {
	f.last, f.carried = map[string]*list{}, map[*list]bool{}
	for _, a := range f.versions {
		if err := ctx.Err(); err != nil {
			return err
		}
		old := f.last[a.Name]
		if old != nil && old.Digest == a.Digest {
			continue
		}
		now := f.m.open(ctx, a, f.spare)
		f.spare = nil
		if now == nil {
			continue
		}
		if now.base != "" {
			f.delta(ctx, old, now)
		} else {
			f.complete(old, now)
		}
		f.last[a.Name] = now
		if old != nil && !f.deltas {
			f.spare = old.entries
		}
	}
	return ctx.Err()
}

// complete compares a complete list with its predecessor and with the deltas since.
func (f *family) complete(old, now *list) {
	if old != nil {
		f.pair(old, now)
	}
	for _, d := range f.last {
		if d.base == "" || f.carried[d] || compareNumbers(d.Number, now.Number) >= 0 {
			continue
		}
		f.carried[d] = true
		eachOf(d, now, func(serial []byte, was, is standing) {
			if was.reason != reasonRemove {
				f.m.judge(step{d.Artifact, now.Artifact, now.issuer, serial, was, is, d.this, false})
			}
		})
	}
	f.newest = now
}

// pair compares two complete lists under one name.
func (f *family) pair(old, now *list) {
	f.m.lists.Add(1)
	if !now.scope.covers(old.scope) {
		f.m.add(Fault{
			Code: CodeScope, Old: old.Artifact, New: now.Artifact, Was: old.scope.String(), Now: now.scope.String(),
		})
	}
	other := now
	if old.issuer != now.issuer { // it speaks of other certificates: nothing that the old one said is said any more
		other = &list{Artifact: now.Artifact, issuer: old.issuer}
	}
	eachOf(old, other, func(serial []byte, was, is standing) {
		f.m.judge(step{old.Artifact, now.Artifact, old.issuer, serial, was, is, old.this, false})
		if f.deltas && was.onHold() && is.status == absent {
			f.released = append(f.released, release{slices.Clone(serial), was, old.Artifact, now.Number, old.Number})
		}
	})
}

// delta compares a delta list with the one before, with the complete list, and with the holds that
// ended.
func (f *family) delta(ctx context.Context, old, now *list) {
	f.m.lists.Add(1)
	if old != nil && old.base == now.base {
		eachOf(old, now, func(serial []byte, was, is standing) {
			s := step{old.Artifact, now.Artifact, now.issuer, serial, was, is, old.this, false}
			switch {
			case is.status == absent:
				f.m.unsaid(CodeDelta, s)
			case was.reason == reasonRemove:
			default:
				f.removed(s)
			}
		})
	}
	if f.newest != nil && compareNumbers(f.newest.Number, now.Number) <= 0 {
		from := f.newest
		for _, e := range now.entries {
			if was := from.find(e.serial); was.status == revoked {
				f.removed(step{from.Artifact, now.Artifact, now.issuer, e.serial, was, e.standing, from.this, false})
			}
		}
	}
	f.ended(ctx, now)
}

// removed judges a step to an entry of a delta, in which removeFromCRL means that the certificate
// is no longer revoked.
func (f *family) removed(s step) {
	if s.is.reason == reasonRemove {
		s.is = standing{}
	}
	f.m.judge(s)
}

// ended wants a delta to say of every hold that ended since its base that it did (RFC 5280 section
// 5.2.4).
func (f *family) ended(ctx context.Context, now *list) {
	f.released = slices.DeleteFunc(f.released, func(r release) bool { return compareNumbers(r.holdFrom, now.base) < 0 })
	var base *list
	for _, r := range f.released {
		if compareNumbers(r.number, now.Number) > 0 || now.find(r.serial).status != absent {
			continue
		}
		if base == nil {
			base = f.numbered(ctx, now.base)
		}
		if base != nil && !base.find(r.serial).onHold() {
			continue // the base does not hold it either
		}
		f.m.unsaid(CodeDelta, step{r.list, now.Artifact, now.issuer, r.serial, r.was, standing{}, now.this, false})
	}
}

// numbered opens the complete list of a number; an empty one when there is none.
func (f *family) numbered(ctx context.Context, number string) *list {
	for _, a := range f.versions {
		if a.Kind != artifact.DeltaCRL && a.Number == number {
			return f.m.open(ctx, a, nil)
		}
	}
	return nil
}

// checkWithdrawn wants the entries of a list that was taken away on another list that speaks of the
// same certificates.
func (m *Memory) checkWithdrawn(ctx context.Context) error {
	for _, versions := range m.in.Lists {
		last := versions[len(versions)-1]
		gone, ok := m.in.Withdrawn[last.Name]
		if !ok || last.Kind == artifact.DeltaCRL {
			continue
		}
		l := m.open(ctx, last, nil)
		if l == nil || m.in.Ends(l.issuer).Before(gone.Time) {
			continue
		}
		if err := m.elsewhere(ctx, l, gone); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (m *Memory) elsewhere(ctx context.Context, l *list, gone Withdrawal) error {
	left := slices.Clone(l.entries)
	for _, versions := range m.in.Lists {
		current := versions[len(versions)-1]
		if _, withdrawn := m.in.Withdrawn[current.Name]; withdrawn || current.Kind == artifact.DeltaCRL {
			continue
		}
		o := m.open(ctx, current, nil)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if o == nil || o.issuer != l.issuer || !o.scope.covers(l.scope) {
			continue
		}
		left = slices.DeleteFunc(left, func(e listed) bool { return compare(e.standing, o.find(e.serial)) == fine })
	}
	nothing := Artifact{Name: l.Name, Kind: l.Kind, Index: gone.Index}
	for _, e := range left {
		if !e.onHold() {
			s := step{l.Artifact, nothing, l.issuer, e.serial, e.standing, standing{}, gone.Time.Unix(), false}
			m.unsaid(CodeWithdrawn, s)
		}
	}
	return nil
}
