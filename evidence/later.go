package evidence

import (
	"context"
	"fmt"
	"time"

	"seihon/artifact"
	"seihon/ledger"
)

// after finds, from an entry on, the first list of each name whose thisUpdate
// is after t.
func (s *search) after(ctx context.Context, from int64, names map[string]bool, t time.Time) ([]*Source, error) {
	wanted := map[string]bool{}
	for n := range names {
		wanted[n] = true
	}
	var out []*Source
	for i := from; i < s.log.Size() && len(wanted) > 0; i++ {
		e, err := s.entry(ctx, i)
		if err != nil {
			return nil, err
		}
		found, err := s.lines(ctx, e, func(l *ledger.Line) bool {
			return wanted[l.Name] && l.Kind.IsRevocationList() && l.NotBefore.After(t)
		})
		if err != nil {
			return nil, err
		}
		for _, line := range found {
			delete(wanted, line.Name)
			src, err := s.readList(ctx, line, i, e.Time)
			if err != nil {
				return nil, err
			}
			out = append(out, src)
		}
	}
	return out, nil
}

// later adds to what was in force what the log has about it since: the next
// list, and the last word.
func (s *search) later(ctx context.Context, n int64, in []*Source) ([]*Source, error) {
	names := map[string]bool{}
	last := s.q.Time // the youngest list that was in force
	for _, src := range in {
		if src.list != nil && src.list.BaseNumber == nil {
			names[src.Name] = true
			if src.ThisUpdate.After(last) {
				last = src.ThisUpdate
			}
		}
	}
	all := &sources{list: in}
	next, err := s.after(ctx, n, names, last)
	if err != nil {
		return nil, err
	}
	all.add(RoleNext, next...)
	final, err := s.lastWord(ctx, n, names)
	if err != nil {
		return nil, err
	}
	all.add(RoleLast, final...)
	if s.mayHaveExpired(all.list) {
		says, err := s.everyList(ctx, n, names)
		if err != nil {
			return nil, err
		}
		all.add(RoleSays, says...)
	}
	return all.list, nil
}

// sources is a set of them: one artifact is in it once.
type sources struct{ list []*Source }

func (a *sources) add(r Role, more ...*Source) {
next:
	for _, m := range more {
		for _, s := range a.list {
			if s.SHA256 == m.SHA256 {
				continue next
			}
		}
		m.Role = r
		a.list = append(a.list, m)
	}
}

// lastWord finds the lists and the response that say most about the time: the
// newest, or the first after the certificate's expiry, which is the last that
// must name it (RFC 5280 section 3.3).
func (s *search) lastWord(ctx context.Context, n int64, names map[string]bool) ([]*Source, error) {
	if c := s.q.Certificate; c != nil && c.NotAfter.Before(s.log.Time()) {
		from, err := s.entriesBy(ctx, c.NotAfter)
		if err != nil {
			return nil, err
		}
		found, err := s.after(ctx, max(from, n), names, c.NotAfter)
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	p, err := s.inForceAt(ctx, s.log.Size(), s.log.Time(), true)
	if err != nil {
		return nil, err
	}
	return p.sources, nil
}

// mayHaveExpired reports whether a revocation may have left the lists again
// because the certificate, whose end nobody told, had expired.
func (s *search) mayHaveExpired(all []*Source) bool {
	if s.q.Certificate != nil {
		return false
	}
	for _, src := range all {
		kept := src.Role == RoleLast && src.list != nil && !src.list.ExpiredCertsOnCRL.IsZero() &&
			!src.list.ExpiredCertsOnCRL.After(s.q.Time)
		if src.Says.Status == Revoked || kept && src.Covers {
			return false
		}
	}
	return true
}

// everyList looks at all later lists, the newest first, for one that names the
// serial as revoked.
func (s *search) everyList(ctx context.Context, n int64, names map[string]bool) ([]*Source, error) {
	for i := s.log.Size() - 1; i >= n; i-- {
		e, err := s.entry(ctx, i)
		if err != nil {
			return nil, err
		}
		found, err := s.lines(ctx, e, func(l *ledger.Line) bool { return names[l.Name] && l.Kind.IsRevocationList() })
		if err != nil {
			return nil, err
		}
		for _, line := range found {
			src, err := s.naming(ctx, line, i, e.Time)
			if err != nil {
				return nil, err
			}
			if src != nil && src.Says.Status == Revoked {
				return []*Source{src}, nil
			}
		}
	}
	return nil, nil
}

// naming reads a list and gives it when it names the serial. Only then is its
// signature checked.
func (s *search) naming(ctx context.Context, line ledger.Line, entry int64, recorded time.Time) (*Source, error) {
	der, err := s.log.ReadBlob(ctx, line)
	if err != nil {
		return nil, err
	}
	list, err := artifact.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("reading %s of entry %d: %w", line.Name, entry, err)
	}
	if c, err := ofList(list, s.q.Serial); err != nil || c.Status == NotListed {
		return nil, err
	}
	return s.readList(ctx, line, entry, recorded)
}
