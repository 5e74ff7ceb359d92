package memory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"seihon/artifact"
)

// The codes of faults.
const (
	CodeVanished  = "memory-vanished"   // a revocation is on no list any more
	CodeChanged   = "memory-changed"    // its date, reason or invalidity date is another
	CodeScope     = "memory-scope"      // a list speaks of fewer certificates than its predecessor
	CodeDelta     = "memory-delta"      // a delta list forgets what an earlier one of the same base said
	CodeAnswer    = "memory-answer"     // an OCSP response is good, unknown or gone where one said revoked
	CodeExpiry    = "expiry-false"      // a statement of expiry is not true
	CodeTwoDates  = "expiry-two-dates"  // two statements give one certificate different dates
	CodeOverride  = "override-unpinned" // an override counts for nothing
	CodeWithdrawn = "memory-withdrawn"  // a list was withdrawn, and no other has its entries
)

// An Artifact is one version of a public name, as the log has it.
type Artifact struct {
	Name   string
	Kind   artifact.Kind
	Number string
	Digest artifact.Digest
	Index  int64 // of the log's entry
}

// String names the artifact so that anybody can find it in the log.
func (a Artifact) String() string {
	number := ""
	if a.Number != "" {
		number = " number " + a.Number
	}
	return fmt.Sprintf("%s%s (sha256 %s, log entry %d)", a.Name, number, a.Digest, a.Index)
}

// A Fault is something that the record said and no longer says, or says otherwise. Faults of one
// code between the same two artifacts are one Fault with several certificates.
type Fault struct {
	Code     string
	Old, New Artifact // zero where there is none
	Was, Now string   // of the first certificate, in the words of an override
	Serials  []string // the first of them
	Count    int      // of certificates; 0: it is not about certificates
	Why      string   // what else is to be known
}

// maxSerials is how many certificates a fault names; the others are counted.
const maxSerials = 8

// String tells the fault in a sentence.
func (f *Fault) String() string {
	var b strings.Builder
	if f.Count > 0 {
		fmt.Fprintf(&b, "serial %s", strings.Join(f.Serials, ", "))
		if more := f.Count - len(f.Serials); more > 0 {
			fmt.Fprintf(&b, " and %d more", more)
		}
		b.WriteString(": ")
	}
	b.WriteString(f.sentence())
	if f.Why != "" {
		b.WriteString("; " + f.Why)
	}
	return b.String()
}

func (f *Fault) sentence() string {
	switch f.Code {
	case CodeScope:
		return fmt.Sprintf("%s is of the scope %s, %s of the scope %s", f.Old, f.Was, f.New, f.Now)
	case CodeExpiry, CodeTwoDates, CodeOverride:
		return f.Old.Name
	case CodeWithdrawn:
		const form = "%s says %s, was withdrawn by log entry %d, and no current list of its issuer has it"
		return fmt.Sprintf(form, f.Old, f.Was, f.New.Index)
	}
	return fmt.Sprintf("%s says %s, %s says %s", f.Old, f.Was, f.New, f.Now)
}

// A tally collects faults and joins those of one kind between the same two artifacts.
type tally struct {
	byPair map[string]*Fault
}

func (t *tally) add(f Fault, serials ...string) {
	if t.byPair == nil {
		t.byPair = map[string]*Fault{}
	}
	key := fmt.Sprint(f.Code, "\x00", f.Old, "\x00", f.New)
	if len(serials) == 0 {
		key += "\x00" + f.Why
	}
	known := t.byPair[key]
	if known == nil {
		known = &f
		t.byPair[key] = known
	}
	for _, s := range serials {
		known.Count++
		if len(known.Serials) < maxSerials {
			known.Serials = append(known.Serials, s)
		}
	}
}

// sorted returns the faults in the order of the log.
func (t *tally) sorted() []Fault {
	var all []Fault
	for _, f := range t.byPair {
		slices.Sort(f.Serials)
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.New.Index, b.New.Index), cmp.Compare(a.New.Name, b.New.Name),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Old.Name, b.Old.Name), cmp.Compare(a.Old.Index, b.Old.Index),
			cmp.Compare(a.Why, b.Why))
	})
	return all
}
