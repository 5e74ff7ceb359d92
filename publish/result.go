package publish

import (
	"errors"
	"time"

	"seihon/artifact"
	"seihon/publish/record"
	"seihon/sectiona"
)

// A FindingCode says what is wrong with a target. The codes are API.
type FindingCode string

const (
	Drift    FindingCode = "drift"    // an object holds bytes that the master never had there
	Rollback FindingCode = "rollback" // an object is older than the target's checkpoint promises
	Ahead    FindingCode = "ahead"    // an object is newer than this master
	// a list of this CA that the master never had, under a name that was never published
	Before  FindingCode = "before-takeover"
	Missing FindingCode = "missing" // an object that the checkpoint promises was not there
	Fork    FindingCode = "fork"    // the target's log and the master's went separate ways
	// the target belongs to another log, or its checkpoint is not signed by ours
	Foreign FindingCode = "foreign"
)

// A Finding is something that somebody other than the publisher did to a target.
type Finding struct {
	Code     FindingCode     `json:"code"`
	Name     string          `json:"name"`
	Want     artifact.Digest `json:"want"`
	Got      artifact.Digest `json:"got"`
	Detail   string          `json:"detail"`
	Hint     string          `json:"hint"`
	Restored bool            `json:"restored"` // the master's bytes are there now
}

// A Refused artifact was kept back by section A.
type Refused struct {
	Name    string            `json:"name"`
	Kind    artifact.Kind     `json:"kind"`
	Digest  artifact.Digest   `json:"sha256"`
	Refusal *sectiona.Refusal `json:"refusal"`
}

// Counts of one target.
type Counts struct {
	Sent     int   `json:"sent"`     // objects written
	Replayed int   `json:"replayed"` // objects that were there already
	Deleted  int   `json:"deleted"`
	Kept     int   `json:"kept"` // withdrawn objects left alone, for want of Prune
	Bytes    int64 `json:"bytes"`
	Requests int64 `json:"requests"` // all of them, retries included
	Retries  int64 `json:"retries"`
}

// A TargetResult is what became of one target.
type TargetResult struct {
	Target   string    `json:"target"`
	From     int64     `json:"from"` // size of the target's log before
	To       int64     `json:"to"`   // size it was brought towards
	Size     int64     `json:"size"` // size it says it has now
	Complete bool      `json:"complete"`
	Counts   Counts    `json:"counts"`
	Refused  []Refused `json:"refused,omitempty"`
	Findings []Finding `json:"findings,omitempty"`

	// Unsaid is what the master log said and says no longer. Nothing that speaks
	// of certificates is sent for the issuers of these.
	Unsaid []record.Fault `json:"unsaid,omitempty"`

	Elapsed time.Duration `json:"elapsed"`

	// Behind is the age of the oldest entry that the target lacks.
	Behind time.Duration `json:"behind"`

	// Revocation is the longest time from signing to public copy among the
	// CRLs and OCSP bundles of this sync; zero when there were none.
	Revocation time.Duration `json:"revocation"`

	// Err says why the sync of this target could not finish; nil otherwise.
	Err error `json:"-"`
}

// Unchanged reports whether the target had everything already.
func (r *TargetResult) Unchanged() bool {
	return r.Err == nil && r.Complete && r.From == r.To && r.Counts.Sent == 0 && r.Counts.Deleted == 0
}

// A Result is what a sync did, target by target in the order of Config.
type Result struct {
	Targets []TargetResult `json:"targets"`
}

// Err joins the reasons why targets could not be finished.
func (r *Result) Err() error {
	var errs []error
	for _, t := range r.Targets {
		errs = append(errs, t.Err)
	}
	return errors.Join(errs...)
}

// OnTrial reports whether nothing but [ErrTrial] kept targets from being finished (exit code 4).
func (r *Result) OnTrial() bool { return r.nothingBut(ErrTrial) }

// Unrecorded reports whether nothing but [ErrUnrecorded] kept targets from being finished (exit code 5).
func (r *Result) Unrecorded() bool { return r.nothingBut(ErrUnrecorded) }

func (r *Result) nothingBut(reason error) bool {
	any := false
	for _, t := range r.Targets {
		if t.Err != nil && !errors.Is(t.Err, reason) {
			return false
		}
		any = any || t.Err != nil
	}
	return any
}

// Refused reports whether section A kept anything back (exit code 4).
func (r *Result) Refused() bool {
	for _, t := range r.Targets {
		if len(t.Refused) > 0 {
			return true
		}
	}
	return false
}

// Found reports whether a target was not as the publisher left it (exit code 3).
func (r *Result) Found() bool {
	for _, t := range r.Targets {
		if len(t.Findings) > 0 {
			return true
		}
	}
	return false
}

// Unsaid reports whether an issuer was held back because the master log unsays
// what it said (exit code 5).
func (r *Result) Unsaid() bool {
	for _, t := range r.Targets {
		if len(t.Unsaid) > 0 {
			return true
		}
	}
	return false
}
