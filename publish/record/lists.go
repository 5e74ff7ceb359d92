package record

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/override"
)

// lists compares a list with its successor.
func (p *pair) lists(ctx context.Context) error {
	was, err := p.readList(ctx, p.was)
	if err != nil {
		return err
	}
	now, err := p.readList(ctx, p.now)
	if err != nil {
		return err
	}
	p.since = was.ThisUpdate
	older := was.Number != nil && now.Number != nil && now.Number.Cmp(was.Number) < 0
	if !older && now.ThisUpdate.Before(was.ThisUpdate) {
		corrected, err := Corrected(ctx, p.Master, was.ThisUpdate, now.ThisUpdate, p.was.Index, p.now.Index)
		if err != nil {
			return err
		}
		older = !corrected
	}
	if older {
		p.fault(Fault{Why: "an older list was put in the place of a newer one"})
	}
	if why := narrower(was, now); why != "" {
		p.fault(Fault{Why: why})
	}
	if was.BaseNumber != nil || now.BaseNumber != nil {
		if was.BaseNumber == nil || now.BaseNumber == nil || was.BaseNumber.Cmp(now.BaseNumber) != 0 {
			return nil // deltas of two bases are no succession: their bases are
		}
		p.delta = true
	}
	return p.merge(ctx, was, now)
}

// Corrected reports whether a list may be dated before the one that it follows: between the entries of both, the room
// said on record that its clock was right, at a time to which the older list was of the future and the newer one is not
// of the past.
func Corrected(ctx context.Context, master *ledger.Log, was, now time.Time, after, before int64) (bool, error) {
	for e, err := range master.Entries(ctx, after+1, before) {
		if err != nil {
			return false, fmt.Errorf("looking for an accepted clock: %w", err)
		}
		if e.Evidence != nil && e.Evidence.Kind == ledger.EvidenceClock && was.After(e.Time) && !now.Before(e.Time) {
			return true, nil
		}
	}
	return false, nil
}

func (p *pair) readList(ctx context.Context, h head) (*artifact.RevocationList, error) {
	der, err := p.Master.ReadBlob(ctx, h.line())
	if err != nil {
		return nil, fmt.Errorf("comparing %s with the list before: %w", p.now.Name, err)
	}
	l, err := artifact.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("comparing %s with the list before: %w", p.now.Name, err)
	}
	return l, nil
}

// narrower says what a list covers no longer, or covers otherwise, than the one before.
func narrower(was, now *artifact.RevocationList) string {
	a, b := was.IDP, now.IDP
	switch {
	case a == nil && b == nil:
		return ""
	case a == nil:
		return "its successor is for a part of the certificates only (issuing distribution point)"
	case b == nil:
		b = new(artifact.DistributionPoint)
	}
	if a.OnlyUser != b.OnlyUser || a.OnlyCA != b.OnlyCA || a.OnlyAttribute != b.OnlyAttribute ||
		a.OnlySomeReasons != b.OnlySomeReasons || a.Indirect != b.Indirect {
		return "its successor is for other certificates or reasons (issuing distribution point)"
	}
	return ""
}

// merge walks both lists in the order of their serials.
func (p *pair) merge(ctx context.Context, was, now *artifact.RevocationList) error {
	old, err := ordered(was)
	if err != nil {
		return fmt.Errorf("reading %s: %w", p.was.ref(), err)
	}
	newer, err := ordered(now)
	if err != nil {
		return fmt.Errorf("reading %s: %w", p.now.ref(), err)
	}
	next, stop := iter.Pull(newer)
	defer stop()
	e, more := next()
	n := 0
	for o := range old {
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		for more && bytes.Compare(e.Serial, o.Serial) < 0 {
			e, more = next()
		}
		said := override.Status{State: override.Absent}
		if more && bytes.Equal(e.Serial, o.Serial) {
			if same(&o, &e) {
				continue
			}
			said = statusOf(e)
		}
		if err := p.changed(ctx, o.Serial, statusOf(o), said); err != nil {
			return err
		}
	}
	return nil
}

func same(a, b *artifact.RevokedEntry) bool {
	return a.Time.Equal(b.Time) && max(a.Reason, 0) == max(b.Reason, 0) && a.InvalidityDate.Equal(b.InvalidityDate)
}

// statusOf is what an entry says. Reason 0, unspecified, is the same as none (RFC 5280, section 5.3.1).
func statusOf(e artifact.RevokedEntry) override.Status {
	s := override.Status{State: override.Revoked, Time: e.Time.UTC(), Reason: e.Reason}
	if s.Reason <= 0 {
		s.Reason = override.NoReason
	}
	if !e.InvalidityDate.IsZero() {
		s.Invalidity = e.InvalidityDate.UTC()
	}
	return s
}

// ordered gives the entries of a list in the byte order of their serials. The room writes them so, and then
// they are read as they stand; the entries of another order are sorted in memory.
func ordered(l *artifact.RevocationList) (iter.Seq[artifact.RevokedEntry], error) {
	sorted, count := true, 0
	var last []byte
	for e, err := range l.Entries() {
		if err != nil {
			return nil, err
		}
		sorted = sorted && (count == 0 || bytes.Compare(last, e.Serial) < 0)
		last = e.Serial
		count++
	}
	if sorted {
		return func(yield func(artifact.RevokedEntry) bool) {
			for e := range l.Entries() { // the pass above has met every error
				if !yield(e) {
					return
				}
			}
		}, nil
	}
	all := make([]artifact.RevokedEntry, 0, count)
	for e := range l.Entries() {
		all = append(all, e)
	}
	slices.SortStableFunc(all, func(a, b artifact.RevokedEntry) int { return bytes.Compare(a.Serial, b.Serial) })
	return slices.Values(all), nil
}
