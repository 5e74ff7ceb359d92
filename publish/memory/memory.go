// Package memory is the publisher's own judgement of what may follow what the
// master has said: between a revocation list and its successor, and between
// successive responses about one certificate, nothing that is in force vanishes
// or changes. It shares no code with the signing room, which judges before it
// signs, nor with the verifier, which judges all of history.
//
// # What it looks at
//
// [Check] walks a part of the log in its order and compares each list and each
// OCSP generation with the one before of the same name. An entry may stay as it
// is; a hold may end, or become final no earlier than it began; an entry of a
// certificate that had expired when the old list was made may leave, if the log
// states the expiry before; everything else needs an override in the log, signed
// by a key that the publisher's own configuration pins. Statements that come
// after a list do not count for it.
//
// Lists are walked side by side, and a response that both bundles have byte for
// byte is not looked at, so that the cost is that of reading what changed.
package memory

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
)

// A Fault is one status that would be unsaid.
type Fault struct {
	Issuer string `json:"issuer"`
	Name   string `json:"name"` // of the list or the generation
	Entry  int64  `json:"entry"`
	Serial string `json:"serial,omitempty"` // hex; empty when the whole list is at fault
	Was    string `json:"was"`
	Now    string `json:"now"`
	Before string `json:"before"` // number of the one that is replaced
	After  string `json:"after"`
}

func (f Fault) String() string {
	if f.Serial == "" {
		return fmt.Sprintf("%s number %s (log entry %d): %s, number %s was %s", f.Name, f.After, f.Entry, f.Now, f.Before, f.Was)
	}
	return fmt.Sprintf("%s number %s (log entry %d): serial %s becomes %q, number %s says %q",
		f.Name, f.After, f.Entry, f.Serial, f.Now, f.Before, f.Was)
}

// maxFaults is how many faults of one artifact are kept; one is enough to refuse it.
const maxFaults = 20

// Check compares every list and generation of the entries from ≤ i < to with
// the one that it replaces, and returns what would be unsaid, by issuer.
func Check(ctx context.Context, log *ledger.Log, from, to int64, pinned []ed25519.PublicKey) (map[string][]Fault, error) {
	c := &checker{log: log, pinned: pinned, current: map[string]ledger.Line{}, faults: map[string][]Fault{}}
	if err := c.begin(ctx, from, to); err != nil {
		return nil, fmt.Errorf("comparing with what was published: %w", err)
	}
	for change, err := range log.Changes(ctx, from, to) {
		if err == nil && change.Line != nil && speaks(*change.Line) {
			err = c.follow(ctx, change.Index, *change.Line)
		}
		if err != nil {
			return nil, fmt.Errorf("comparing with what was published: %w", err)
		}
	}
	return c.faults, nil
}

// A checker is one run of Check.
type checker struct {
	log     *ledger.Log
	pinned  []ed25519.PublicKey
	current map[string]ledger.Line // what each name held last
	words   *words                 // the log's statements, once one was asked for
	faults  map[string][]Fault
}

// speaks reports whether a line is of a list or a generation that others replace.
func speaks(line ledger.Line) bool {
	if !line.Kind.IsRevocationList() {
		return line.Kind == artifact.OCSPGeneration
	}
	name, err := public.Parse(line.Name)
	return err != nil || !name.History
}

// begin finds what the names that the entries touch held before.
func (c *checker) begin(ctx context.Context, from, to int64) error {
	touched := map[string]bool{}
	for change, err := range c.log.Changes(ctx, from, to) {
		if err != nil {
			return err
		}
		if change.Line != nil && speaks(*change.Line) {
			touched[change.Line.Name] = true
		}
	}
	if len(touched) == 0 || from == 0 {
		return nil
	}
	state, err := c.log.State(ctx, from)
	if err != nil {
		return err
	}
	for name := range touched {
		if line, ok := state.Get(name); ok {
			c.current[name] = line
		}
	}
	return nil
}

// follow compares a line with the one that it replaces.
func (c *checker) follow(ctx context.Context, index int64, line ledger.Line) error {
	old, known := c.current[line.Name]
	c.current[line.Name] = line
	if !known || old.Digest == line.Digest {
		return nil
	}
	step := &step{c: c, ctx: ctx, index: index, old: old, now: line}
	if line.Kind == artifact.OCSPGeneration {
		return step.generations()
	}
	return step.lists()
}

// A step is one artifact and its successor.
type step struct {
	c        *checker
	ctx      context.Context
	index    int64
	old, now ledger.Line
	found    int
}

// fault notes what would be unsaid.
func (s *step) fault(serial, was, now string) {
	if s.found++; s.found > maxFaults {
		return
	}
	s.c.faults[s.now.Issuer] = append(s.c.faults[s.now.Issuer], Fault{Issuer: s.now.Issuer, Name: s.now.Name, Entry: s.index,
		Serial: serial, Was: was, Now: now, Before: s.old.Number, After: s.now.Number})
}
