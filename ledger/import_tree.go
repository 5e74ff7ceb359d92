package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// entries reads entries and checkpoints and checks that they belong together
// and go on from the copy.
func (m *importer) entries(ctx context.Context) error {
	total := int64(0)
	for i := m.start; i < m.to; i++ {
		h, err := m.f.next()
		if err != nil {
			return err
		}
		if total += h.size; h.what != frameEntry || total > maxImportEntries {
			return fmt.Errorf("want entry %d, not a frame %q", i, h.what)
		}
		raw, err := m.f.bytes(MaxEntry)
		if err != nil {
			return err
		}
		if i < m.from { // the copy has it; it must be the same
			have, err := m.w.log.Raw(ctx, i)
			if err != nil {
				return err
			}
			if string(have) != string(raw) {
				return fmt.Errorf("entry %d is not the one the copy has: %w", i, ErrFork)
			}
		}
		e, err := ParseEntry(raw)
		if err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		if m.all = append(m.all, e); i < m.from {
			continue
		}
		m.staged, m.parsed = append(m.staged, raw), append(m.parsed, e)
	}
	if err := m.readCheckpoints(); err != nil {
		return err
	}
	return m.checkTree(ctx)
}

func (m *importer) readCheckpoints() error {
	m.checkpoints, m.tokens = map[int64][]byte{}, map[string][]byte{}
	tokens := int64(0)
	for {
		h, err := m.f.next()
		if err != nil {
			return err
		}
		switch h.what {
		case frameCheckpoint:
			n, err := strconv.ParseInt(h.name, 10, 64)
			b, err2 := m.f.bytes(maxCheckpoint)
			if err := errors.Join(err, err2); err != nil {
				return err
			}
			if n <= m.start && n != m.to || n > m.to || m.checkpoints[n] != nil {
				return fmt.Errorf("a checkpoint of size %d is out of place", n)
			}
			m.checkpoints[n] = b
		case frameToken:
			b, err := m.f.bytes(maxToken)
			if err != nil {
				return err
			}
			n, rest, ok := strings.Cut(h.name, ".")
			if _, err := strconv.ParseUint(n, 10, 53); !ok || err != nil || !tokenName.MatchString(rest) ||
				!strings.HasSuffix(rest, ".tsr") {
				return fmt.Errorf("%q is not the name of a timestamp", h.name)
			}
			if tokens += h.size; tokens > maxTokens {
				return fmt.Errorf("the timestamps are more than %d bytes", int64(maxTokens))
			}
			m.tokens[h.name] = b
		default:
			m.f.unread(h)
			return nil
		}
	}
}

// checkTree hashes the new entries onto the copy's tree and compares with
// every checkpoint, whose keys follow the rotations among the entries.
func (m *importer) checkTree(ctx context.Context) error {
	final, ok := m.checkpoints[m.to]
	if !ok {
		return fmt.Errorf("the export has no checkpoint of size %d", m.to)
	}
	if m.to <= m.from {
		return m.w.log.Consistent(ctx, final)
	}
	eras, err := m.eras()
	if err != nil {
		return err
	}
	g := edgeOf(m.w.log)
	for i, raw := range m.staged {
		g.push(leafHash(raw), nil)
		size := m.from + int64(i) + 1
		b, ok := m.checkpoints[size]
		if !ok {
			continue
		}
		k := slices.IndexFunc(eras, func(e era) bool { return size <= e.upTo })
		cp, err := eras[k].keys.Open(b)
		if err != nil {
			return err
		}
		if cp.Size != size {
			return fmt.Errorf("the checkpoint of size %d stands at %d", cp.Size, size)
		}
		if root := edgeRoot(g.edge); root != cp.Root {
			return &ForkError{Size: size, Here: root, Seen: cp.Root, Where: "the export's checkpoint"}
		}
	}
	return nil
}

// eras finds out which keys sign which sizes. The chain of rotations must go
// through the keys the copy was read with, or, of a new copy, the pinned ones.
func (m *importer) eras() ([]era, error) {
	keys, trusted := m.w.log.keys, false
	if l := m.w.log.last; l != nil && l.KeyRotation != nil {
		next, err := l.KeyRotation.check(keys)
		if err != nil {
			return nil, err
		}
		keys = next
	}
	var eras []era
	if first := slices.IndexFunc(m.parsed, func(e *Entry) bool { return e.KeyRotation != nil }); first >= 0 &&
		m.from == 0 {
		// The pin may be one of a later era: begin with the oldest.
		old, err := NewVerifier(m.origin, m.parsed[first].KeyRotation.Old...)
		if err != nil {
			return nil, err
		}
		keys = old
	}
	pinned := func(v *Verifier) bool { return m.from > 0 || slices.Equal(v.Keys(), m.c.Verifier.Keys()) }
	trusted = pinned(keys)
	for i, e := range m.parsed {
		if e.KeyRotation == nil {
			continue
		}
		next, err := e.KeyRotation.check(keys)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", m.from+int64(i), err)
		}
		border := m.from + int64(i) + 1
		if m.checkpoints[border] == nil {
			// It is the old keys' endorsement: without it anybody could appoint keys of his own.
			return nil, &KeyError{Origin: m.origin, Size: border,
				Err: fmt.Errorf("the export has no checkpoint of the size at which its entry %d replaces the keys, "+
					"so that the old keys have signed nothing of it", border-1)}
		}
		eras = append(eras, era{upTo: border, keys: keys})
		keys = next
		trusted = trusted || pinned(keys)
	}
	if !trusted {
		return nil, &KeyError{Origin: m.origin, Size: m.to,
			Err: errors.New("the pinned keys are not among those of the log")}
	}
	return append(eras, era{upTo: maxInt, keys: keys}), nil
}
