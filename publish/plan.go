package publish

import (
	"context"

	"seihon/artifact"
	"seihon/ledger"
)

// A Stage is the place of a step in the order of a sync.
type Stage int

// The stages, in order. What a later one points to was written by an earlier one.
const (
	Immutable Stage = iota // names that carry a digest or number, documents, certificates
	Mutable                // CRLs, responses as objects, pages
	Pointer                // generation files
	LogFile                // tiles and manifests
	Removal                // withdrawn names, with Prune
)

// An Action is what a plan does with one name.
type Action string

const (
	Send   Action = "send"   // a new name
	Update Action = "update" // a name that holds older bytes
	Expand Action = "expand" // a bundle whose changed responses become objects
	Remove Action = "remove" // a withdrawn name
)

// A Step is one name of the plan; for Expand, one bundle.
type Step struct {
	Name    string          `json:"name"`
	Kind    artifact.Kind   `json:"kind"`
	Action  Action          `json:"action"`
	Stage   Stage           `json:"-"`
	Urgent  bool            `json:"urgent"`
	Digest  artifact.Digest `json:"sha256"`
	Size    int64           `json:"size"`
	Objects int             `json:"objects"` // 1, or the changed responses of Expand

	line  ledger.Line       // what the master has under the name
	prev  *ledger.Line      // what the target should have now
	older []artifact.Digest // what the log had in between
	file  *ledger.File      // for LogFile
}

// A Plan is what a sync of one target will do: it is printed by `publisher
// plan` and executed by Apply, so that what is shown is what is done.
type Plan struct {
	Target   string   `json:"target"`
	From     int64    `json:"from"`
	To       int64    `json:"to"`
	Steps    []Step   `json:"steps"`
	Estimate Estimate `json:"estimate"`

	master *ledger.Log
	config TargetConfig
}

// An Estimate is what a plan will cost if nothing fails.
type Estimate struct {
	Objects int     `json:"objects"`
	Bytes   int64   `json:"bytes"`
	Puts    int     `json:"puts"`
	Gets    int     `json:"gets"`
	Deletes int     `json:"deletes"`
	USD     float64 `json:"usd"`
}

// NewPlan computes what changes a target that is complete at log size from into
// one that is complete at size to. It reads the master and nothing else: the
// same arguments give the same plan.
func NewPlan(ctx context.Context, master *ledger.Log, from, to int64, c TargetConfig) (*Plan, error) {
	return nil, errSkeleton
}
