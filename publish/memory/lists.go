package memory

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/override"
)

// Reasons of RFC 5280, section 5.3.1.
const (
	certificateHold = 6
	removeFromCRL   = 8
)

// lists compares a list with its successor.
func (s *step) lists() error {
	old, err := s.list(s.old)
	if err != nil {
		return err
	}
	now, err := s.list(s.now)
	if err != nil {
		return err
	}
	if why := narrower(old, now); why != "" {
		s.fault("", "of a wider scope", why)
	}
	partial := old.BaseNumber != nil
	if partial && (now.BaseNumber == nil || now.BaseNumber.Cmp(old.BaseNumber) != 0) {
		return nil // the new base holds what the delta said
	}
	a, err := sorted(old)
	if err != nil {
		return fmt.Errorf("reading %s: %w", s.old.Name, err)
	}
	b, err := sorted(now)
	if err != nil {
		return fmt.Errorf("reading %s: %w", s.now.Name, err)
	}
	return s.merge(a, b, old.ThisUpdate, partial)
}

// merge walks both lists by serial.
func (s *step) merge(a, b entries, made time.Time, partial bool) error {
	x, moreA, err := a.Next()
	if err != nil {
		return err
	}
	y, moreB, err := b.Next()
	for err == nil && moreA {
		order := -1
		if moreB {
			order = bytes.Compare(x.Serial, y.Serial)
		}
		switch {
		case order > 0:
			y, moreB, err = b.Next()
			continue
		case order == 0:
			err = s.stays(x, y)
		default:
			err = s.leaves(x, made, partial)
		}
		if err == nil {
			x, moreA, err = a.Next()
		}
	}
	return err
}

func status(e artifact.RevokedEntry) override.Status {
	return override.Status{State: override.Revoked, Time: e.Time, Reason: e.Reason, Invalidity: e.InvalidityDate}
}

// stays judges an entry that both lists have.
func (s *step) stays(x, y artifact.RevokedEntry) error {
	if x.Reason == y.Reason && x.Time.Equal(y.Time) && x.InvalidityDate.Equal(y.InvalidityDate) || x.Reason == removeFromCRL {
		return nil
	}
	was, now := status(x), status(y)
	held := x.Reason == certificateHold
	if was.Equal(now) || held && y.Reason == removeFromCRL || held && y.Reason != certificateHold && !y.Time.Before(x.Time) {
		return nil
	}
	return s.judge(x.Serial, was, now)
}

// leaves judges an entry that the new list does not have.
func (s *step) leaves(x artifact.RevokedEntry, made time.Time, partial bool) error {
	if x.Reason == certificateHold && !partial {
		return nil
	}
	if ok, err := s.expired(serialText(x.Serial), made); err != nil || ok {
		return err
	}
	return s.judge(x.Serial, status(x), override.Status{State: override.Absent})
}

func (s *step) judge(serial []byte, was, now override.Status) error {
	text := serialText(serial)
	ok, err := s.permitted(text, was, now, false)
	if err == nil && !ok {
		s.fault(text, was.String(), now.String())
	}
	return err
}

func (s *step) list(line ledger.Line) (*artifact.RevocationList, error) {
	der, err := s.c.log.ReadBlob(s.ctx, line)
	if err != nil {
		return nil, err
	}
	list, err := artifact.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("parsing %s number %s: %w", line.Name, line.Number, err)
	}
	return list, nil
}

// narrower says how a list covers less than the one that it replaces.
func narrower(old, now *artifact.RevocationList) string {
	var was, is artifact.DistributionPoint
	if old.IDP != nil {
		was = *old.IDP
	}
	if now.IDP != nil {
		is = *now.IDP
	}
	switch {
	case !bytes.Equal(old.RawIssuer, now.RawIssuer):
		return "a list of another issuer"
	case is.OnlyCA && !was.OnlyCA:
		return "a list of CA certificates only"
	case is.OnlyUser && !was.OnlyUser:
		return "a list of subscriber certificates only"
	case is.OnlyAttribute && !was.OnlyAttribute:
		return "a list of attribute certificates only"
	case is.OnlySomeReasons && !was.OnlySomeReasons:
		return "a list of some reasons only"
	case now.BaseNumber != nil && old.BaseNumber == nil:
		return "a delta in the place of a complete list"
	}
	return ""
}

// entries are the entries of a list by serial.
type entries interface {
	Next() (artifact.RevokedEntry, bool, error)
}

// sorted gives the entries of a list by serial; those of our room are written so.
func sorted(l *artifact.RevocationList) (entries, error) {
	var last []byte
	inOrder := true
	r := l.Reader()
	for {
		e, more, err := r.Next()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		if bytes.Compare(last, e.Serial) >= 0 {
			inOrder = false
			break
		}
		last = e.Serial
	}
	if inOrder {
		return l.Reader(), nil
	}
	var all queue
	for e, err := range l.Entries() {
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b artifact.RevokedEntry) int { return bytes.Compare(a.Serial, b.Serial) })
	return &all, nil
}

// A queue is what had to be sorted.
type queue []artifact.RevokedEntry

// Next takes the first entry.
func (q *queue) Next() (e artifact.RevokedEntry, more bool, err error) {
	if len(*q) == 0 {
		return e, false, nil
	}
	e, *q = (*q)[0], (*q)[1:]
	return e, true, nil
}
