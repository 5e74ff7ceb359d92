package status

import (
	"context"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
	"seihon/verify/report"
)

// A LogStatus is how much of the publication log was read.
type LogStatus struct {
	Origin string    `json:"origin"`
	Size   int64     `json:"size"`
	Newest time.Time `json:"newest_entry"`
}

// A TargetStatus says what the publication log knows of one target.
type TargetStatus struct {
	Name       string          `json:"name"`
	Size       int64           `json:"size"`   // of the master that it was last complete with
	Synced     time.Time       `json:"synced"` // the last sync that wrote something; zero: none is on record
	Behind     int64           `json:"behind"` // entries
	Probed     time.Time       `json:"probed"` // zero: no sample is on record
	Samples    int             `json:"samples"`
	Good       int             `json:"good"`       // of the samples of the last probe
	Last       *SyncStatus     `json:"last_sync"`  // of this host; null: it remembers none
	Configured bool            `json:"configured"` // the configuration names it
	Refused    []RefusedStatus `json:"refused"`    // what is current and was kept away from it, by name
	Probes     []Slot          `json:"probes"`
}

// A SyncStatus says how a sync ended.
type SyncStatus struct {
	At       time.Time `json:"at"`
	Finished bool      `json:"finished"`
	Why      string    `json:"why"` // empty when it finished
}

// An ExpectedTarget is one that the configuration names.
type ExpectedTarget struct {
	Name string
	Last *SyncStatus // of this host; nil when it remembers none
}

// A RefusedStatus is a current artifact that section A kept away from a target.
type RefusedStatus struct {
	Name   string          `json:"name"`
	Digest artifact.Digest `json:"digest"`
	Rule   string          `json:"rule"`
	Reason string          `json:"reason"`
	At     time.Time       `json:"at"` // when it was last refused
}

// A Slot says what was tried in a quarter of an hour, and how much of it went well. Without an
// attempt nothing is known of that time.
type Slot struct {
	From  time.Time `json:"from"`
	Tried int       `json:"tried"`
	Good  int       `json:"good"`
}

// The slots of a status are those of the last day, the oldest first.
const (
	StatusSlot  = 15 * time.Minute
	StatusSlots = 96
)

// A VerificationStatus is the outcome of the last verification on record.
type VerificationStatus struct {
	At       time.Time      `json:"at"`
	OK       bool           `json:"ok"`
	Objects  int64          `json:"objects"` // public copies compared
	Size     int64          `json:"size"`    // of the master that they were compared with
	Findings []FindingTally `json:"findings"`
}

// A FindingTally says how often a verification found one thing.
type FindingTally struct {
	Code     string          `json:"code"`
	Severity report.Severity `json:"severity"`
	Count    int64           `json:"count"`
}

func newSlots(made time.Time) []Slot {
	all := make([]Slot, StatusSlots)
	for i := range all {
		all[i].From = made.Add(-time.Duration(StatusSlots-i) * StatusSlot)
	}
	return all
}

// count adds attempts to the slot of their time. What is older, or of a time that has not come, is in none.
func count(slots []Slot, at time.Time, tried, good int) {
	since := at.Sub(slots[0].From)
	if i := int(since / StatusSlot); since >= 0 && i < len(slots) {
		slots[i].Tried += tried
		slots[i].Good += good
	}
}

// sums counts what was tried and what went well in the whole day.
func sums(slots []Slot) (tried, good int) {
	for _, s := range slots {
		tried, good = tried+s.Tried, good+s.Good
	}
	return tried, good
}

// A publicationReader folds the publication log into what is known of each target.
type publicationReader struct {
	s       *Status
	targets map[string]*TargetStatus
	refused map[string]map[string]RefusedStatus // by target and name
	retired map[string]bool
}

// readPublication reads the whole publication log, and what waits to be recorded there: when each target was last seen,
// and the last day in slots.
func (s *Status) readPublication(ctx context.Context, log *ledger.Log, waiting []*ledger.Entry,
	state *ledger.State) error {
	r := publicationReader{s: s, targets: map[string]*TargetStatus{}, refused: map[string]map[string]RefusedStatus{},
		retired: map[string]bool{}}
	s.Publication = &LogStatus{Origin: log.Origin(), Size: log.Size(), Newest: log.Time()}
	s.Checks = newSlots(s.Made)
	for e, err := range log.Entries(ctx, 0, log.Size()) {
		if err != nil {
			return err
		}
		r.take(e)
	}
	for _, e := range waiting {
		r.take(e)
	}
	for name, t := range r.targets {
		if r.retired[name] {
			s.retired = append(s.retired, *t)
			continue
		}
		if !t.Synced.IsZero() {
			t.Behind = max(s.Size-t.Size, 0)
		}
		for _, f := range r.refused[name] {
			if line, ok := state.Get(f.Name); ok && line.Digest == f.Digest {
				t.Refused = append(t.Refused, f)
			}
		}
		slices.SortFunc(t.Refused, func(a, b RefusedStatus) int { return strings.Compare(a.Name, b.Name) })
		s.Targets = append(s.Targets, *t)
	}
	slices.SortFunc(s.Targets, func(a, b TargetStatus) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// expect holds the targets of the publication log against those of the configuration. Without any nothing is expected.
func (s *Status) expect(targets []ExpectedTarget) {
	if targets == nil {
		for i := range s.Targets {
			s.Targets[i].Configured = true
		}
		return
	}
	for _, x := range targets {
		i := slices.IndexFunc(s.Targets, func(t TargetStatus) bool { return t.Name == x.Name })
		if i < 0 {
			t := TargetStatus{Name: x.Name, Refused: []RefusedStatus{}, Probes: newSlots(s.Made)}
			if k := slices.IndexFunc(s.retired, func(t TargetStatus) bool { return t.Name == x.Name }); k >= 0 {
				t = s.retired[k]
			}
			s.Targets, i = append(s.Targets, t), len(s.Targets)
		}
		s.Targets[i].Configured, s.Targets[i].Last = true, x.Last
	}
	slices.SortFunc(s.Targets, func(a, b TargetStatus) int { return strings.Compare(a.Name, b.Name) })
}

func (r *publicationReader) of(name string) *TargetStatus {
	if r.targets[name] == nil {
		r.targets[name] = &TargetStatus{Name: name, Refused: []RefusedStatus{}, Probes: newSlots(r.s.Made)}
		r.refused[name] = map[string]RefusedStatus{}
	}
	return r.targets[name]
}

func (r *publicationReader) take(e *ledger.Entry) {
	for p := range e.Probes() {
		t := r.of(p.Target)
		t.Probed, t.Samples, t.Good = e.TakenAt(p), len(p.Samples), 0
		for _, sample := range p.Samples {
			good := 0
			if sample.OK {
				good = 1
			}
			t.Good += good
			count(t.Probes, sample.Time, 1, good)
		}
	}
	switch {
	case e.Publish != nil:
		r.published(e.Publish, e.Time)
	case e.Refusal != nil:
		r.of(e.Refusal.Target)
		r.refused[e.Refusal.Target][e.Refusal.Name] = RefusedStatus{Name: e.Refusal.Name, Digest: e.Refusal.Digest,
			Rule: e.Refusal.Rule, Reason: e.Refusal.Reason, At: e.Time}
	case e.Evidence != nil && e.Evidence.Kind == ledger.EvidenceRetired:
		r.retired[e.Evidence.Name] = true
	case e.Verify != nil:
		r.verified(e.Verify, e.Time)
	}
}

// published notes a sync. What a CDN was asked to forget, and what lay at a target when it was taken
// over, are receipts as well, but sent nothing.
func (r *publicationReader) published(p *ledger.Publish, at time.Time) {
	t := r.of(p.Target)
	for _, receipt := range p.Receipts {
		if receipt.Op == "purge" || receipt.Op == ledger.OpFound {
			continue
		}
		t.Synced = at
		if receipt.Name == public.Checkpoint { // it is the promise; what was urgent, or incomplete, goes without
			t.Size = max(t.Size, p.MasterSize)
		}
		delete(r.retired, p.Target) // it was taken up again
		delete(r.refused[p.Target], receipt.Name)
	}
}

func (r *publicationReader) verified(v *ledger.Verify, at time.Time) {
	good := 0
	if v.OK {
		r.s.Verified, good = at, 1
	}
	count(r.s.Checks, at, 1, good)
	last := &VerificationStatus{At: at, OK: v.OK, Objects: v.Objects, Size: v.MasterSize, Findings: []FindingTally{}}
	for _, f := range v.Findings {
		last.Findings = append(last.Findings, FindingTally{f.Code, report.Severity(f.Severity), f.Count})
	}
	r.s.Verification = last
}
