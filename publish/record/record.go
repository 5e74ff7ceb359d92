package record

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"seihon/artifact"
	"seihon/internal/durable"
	"seihon/internal/regular"
	"seihon/ledger"
)

// A Config says what is checked and what is believed.
type Config struct {
	Master *ledger.Log
	Keys   []ed25519.PublicKey // whose overrides count; none: no override does
	File   string              // remembers how far the log was found right; "": begin at its first entry
}

// A Ref names one version of an artifact.
type Ref struct {
	Name   string          `json:"name"`
	Number string          `json:"number"`
	Digest artifact.Digest `json:"sha256"`
	Index  int64           `json:"index"` // of the entry of the log
}

func (r Ref) String() string {
	return fmt.Sprintf("%s number %s (sha256 %s, entry %d of the log)", r.Name, r.Number, r.Digest, r.Index)
}

// A Fault is one thing that was said and is unsaid.
type Fault struct {
	Issuer string `json:"issuer"`
	Serial string `json:"serial,omitempty"` // empty when it is about a list as a whole
	Was    string `json:"was,omitempty"`    // as in an override entry
	Now    string `json:"now,omitempty"`
	Why    string `json:"why"`
	Old    Ref    `json:"old"`
	New    Ref    `json:"new"`
}

func (f Fault) String() string {
	if f.Serial == "" {
		return fmt.Sprintf("issuer %s: %s: before %s, then %s", f.Issuer, f.Why, f.Old, f.New)
	}
	return fmt.Sprintf("issuer %s, serial %s: %s: it was %q in %s and is %q in %s",
		f.Issuer, f.Serial, f.Why, f.Was, f.Old, f.Now, f.New)
}

// A Verdict is what a check found.
type Verdict struct {
	From, To int64         // the entries that were looked at
	Faults   []Fault       // the first few of each pair of artifacts
	Count    int           // of all
	Unread   []UnreadError // what could not be compared
}

// An UnreadError is why two versions could not be compared. Nothing is known against them, and nothing of
// the issuer may go out until it is.
type UnreadError struct {
	Issuer string
	Err    error
}

func (e UnreadError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e UnreadError) Unwrap() error { return e.Err }

// Of returns the faults of one issuer.
func (v *Verdict) Of(issuer string) []Fault {
	return slices.DeleteFunc(slices.Clone(v.Faults), func(f Fault) bool { return f.Issuer != issuer })
}

// UnreadOf returns why an issuer could not be judged, nil when it was.
func (v *Verdict) UnreadOf(issuer string) error {
	for _, u := range v.Unread {
		if u.Issuer == issuer {
			return u
		}
	}
	return nil
}

// A head is the newest version under a public name, as far as the log was checked.
type head struct {
	Name   string          `json:"name"`
	Kind   artifact.Kind   `json:"kind"`
	Digest artifact.Digest `json:"sha256"`
	Size   int64           `json:"size"`
	Issuer string          `json:"issuer"`
	Number string          `json:"number"`
	Index  int64           `json:"index"`
}

func headOf(l ledger.Line, index int64) head {
	return head{Name: l.Name, Kind: l.Kind, Digest: l.Digest, Size: l.Size, Issuer: l.Issuer, Number: l.Number,
		Index: index}
}

func (h head) line() ledger.Line {
	return ledger.Line{Name: h.Name, Kind: h.Kind, Digest: h.Digest, Size: h.Size, Issuer: h.Issuer, Number: h.Number}
}

func (h head) ref() Ref { return Ref{h.Name, h.Number, h.Digest, h.Index} }

// memory is what is kept between two checks.
type memory struct {
	V     int                  `json:"v"`
	Size  int64                `json:"size"`
	Root  string               `json:"root"` // of the log at Size: another log's file is of no use
	Heads []head               `json:"heads"`
	Ends  map[string]time.Time `json:"ends"` // of certificates that the master has, by issuer and serial
}

const memoryVersion = 1

func recall(c Config) (memory, error) {
	fresh := memory{V: memoryVersion, Ends: map[string]time.Time{}}
	if c.File == "" {
		return fresh, nil
	}
	b, err := regular.ReadFile(c.File)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return fresh, fmt.Errorf("reading what was checked before: %w", err)
	}
	var m memory
	if json.Unmarshal(b, &m) != nil || m.V != memoryVersion || m.Size < 0 || m.Size > c.Master.Size() || m.Ends == nil {
		return fresh, nil // what cannot be used is as good as lost
	}
	root, err := rootAt(c.Master, m.Size)
	if err != nil {
		return fresh, fmt.Errorf("reading the master log: %w", err)
	}
	if root != m.Root {
		return fresh, nil
	}
	return m, nil
}

func rootAt(log *ledger.Log, size int64) (string, error) {
	if size == 0 {
		return tlog.Hash{}.String(), nil
	}
	root, err := log.RootAt(size)
	return root.String(), err
}

func (m memory) remember(c Config) error {
	if c.File == "" {
		return nil
	}
	b, err := json.MarshalIndent(m, "", " ")
	if err == nil {
		err = durable.WriteFile(c.File, append(b, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping what was checked: %w", err)
	}
	return nil
}

// Check compares every version that the log has since the last check with the one before it. An error means
// that the log could not be read. What was found right is remembered; with a fault it is not, so that the
// next check finds the fault again.
func Check(ctx context.Context, c Config) (*Verdict, error) {
	m, err := recall(c)
	if err != nil {
		return nil, fmt.Errorf("checking the record: %w", err)
	}
	k := &checker{Config: c, memory: m, heads: map[string]head{}, words: words{log: c.Master, keys: c.Keys}}
	for _, h := range m.Heads {
		k.heads[h.Name] = h
	}
	k.verdict = &Verdict{From: m.Size, To: c.Master.Size()}
	if m.Size == c.Master.Size() {
		return k.verdict, nil
	}
	for i := m.Size; i < c.Master.Size(); i++ {
		if err := k.entry(ctx, i); err != nil {
			return nil, fmt.Errorf("checking the record: %w", err)
		}
	}
	if k.verdict.Count > 0 || len(k.verdict.Unread) > 0 {
		return k.verdict, nil
	}
	next := memory{V: memoryVersion, Size: c.Master.Size(), Ends: k.memory.Ends}
	if next.Root, err = rootAt(c.Master, next.Size); err != nil {
		return nil, fmt.Errorf("checking the record: %w", err)
	}
	for _, h := range k.heads {
		next.Heads = append(next.Heads, h)
	}
	slices.SortFunc(next.Heads, func(a, b head) int { return compareText(a.Name, b.Name) })
	if err := next.remember(c); err != nil {
		return nil, fmt.Errorf("checking the record: %w", err)
	}
	return k.verdict, nil
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
