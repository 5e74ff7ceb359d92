package ledger

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// A State is the set of current lines at one tree size: for each name the line
// of the newest batch that has it, unless it was withdrawn since.
type State struct {
	size  int64
	lines []stateLine // sorted by name
}

// A stateLine keeps a line as text: a million of them fit into the manifest
// that they are a part of.
type stateLine struct {
	raw   string
	entry int64
}

func (s stateLine) name() string { return s.raw[:strings.IndexByte(s.raw, ' ')] }

// Size is the tree size the state was taken at.
func (s *State) Size() int64 { return s.size }

// Len is the number of current names.
func (s *State) Len() int { return len(s.lines) }

// Get returns the current line of a name.
func (s *State) Get(name string) (Line, bool) {
	l, _, ok := s.find(name)
	return l, ok
}

func (s *State) find(name string) (Line, int64, bool) {
	i, ok := slices.BinarySearchFunc(s.lines, name,
		func(l stateLine, name string) int { return strings.Compare(l.name(), name) })
	if !ok {
		return Line{}, 0, false
	}
	l, err := ParseLine(s.lines[i].raw)
	return l, s.lines[i].entry, err == nil // it was parsed when it came in
}

// All gives the current lines in the order of their names.
func (s *State) All() iter.Seq[Line] {
	return func(yield func(Line) bool) {
		for _, sl := range s.lines {
			if l, err := ParseLine(sl.raw); err == nil && !yield(l) {
				return
			}
		}
	}
}

// Replay computes the state at a tree size from the log alone.
func (l *Log) Replay(ctx context.Context, size int64) (*State, error) {
	m := map[string]stateLine{}
	if err := l.replay(ctx, m, 0, size); err != nil {
		return nil, err
	}
	return newState(m, size), nil
}

// State gives the current lines at a tree size: from the log alone or, where
// UseIndex allowed it, from the index as far as that goes and then from the log.
func (l *Log) State(ctx context.Context, size int64) (*State, error) {
	if err := l.within(0, size); err != nil {
		return nil, err
	}
	x := l.usableIndex(ctx)
	if x == nil || x.size > size {
		x.close()
		return l.Replay(ctx, size)
	}
	defer x.close()
	m, err := x.all(ctx)
	if err != nil {
		return l.Replay(ctx, size)
	}
	if err := l.replay(ctx, m, x.size, size); err != nil {
		return nil, err
	}
	return newState(m, size), nil
}

// Lookup finds the current line of one name and the entry that made it
// current, as State does; ErrNotFound when there is none.
func (l *Log) Lookup(ctx context.Context, name string) (line Line, entry int64, err error) {
	x := l.usableIndex(ctx)
	if x == nil {
		s, err := l.Replay(ctx, l.cp.Size)
		if err != nil {
			return Line{}, 0, err
		}
		if line, entry, ok := s.find(name); ok {
			return line, entry, nil
		}
		return Line{}, 0, fmt.Errorf("looking up %q: %w", name, ErrNotFound)
	}
	defer x.close()
	line, entry, err = x.get(ctx, name)
	found := err == nil
	for c, err := range l.Changes(ctx, x.size, l.cp.Size) {
		switch {
		case err != nil:
			return Line{}, 0, err
		case c.Line != nil && c.Line.Name == name:
			line, entry, found = *c.Line, c.Index, true
		case c.Withdraw != nil && c.Withdraw.Name == name:
			found = false
		}
	}
	if !found {
		return Line{}, 0, fmt.Errorf("looking up %q: %w", name, ErrNotFound)
	}
	return line, entry, nil
}

// replay applies the entries from ≤ i < to.
func (l *Log) replay(ctx context.Context, m map[string]stateLine, from, to int64) error {
	i := from
	for e, err := range l.Entries(ctx, from, to) {
		if err != nil {
			return err
		}
		if e.Batch != nil {
			text, err := l.Manifest(ctx, e.Batch)
			if err != nil {
				return fmt.Errorf("entry %d: %w", i, err)
			}
			rest := textString(text)[len(manifestHeader):]
			for line, err := range parseManifest(text, e.Batch) {
				if err != nil {
					return fmt.Errorf("entry %d: %w", i, err)
				}
				raw, after, _ := strings.Cut(rest, "\n")
				m[line.Name], rest = stateLine{raw, i}, after
			}
		}
		if e.Withdraw != nil {
			for _, n := range e.Withdraw.Names {
				delete(m, n.Name)
			}
		}
		i++
	}
	return nil
}

func newState(m map[string]stateLine, size int64) *State {
	s := &State{size: size, lines: make([]stateLine, 0, len(m))}
	for _, l := range m {
		s.lines = append(s.lines, l)
	}
	slices.SortFunc(s.lines, func(a, b stateLine) int { return strings.Compare(a.name(), b.name()) })
	return s
}
