package report

import (
	"fmt"
	"time"
)

// Labels are those of the figures of an artifact.
func (l *ShelfLife) Labels() string { return fmt.Sprintf("name=%q,kind=%q", l.Name, l.Kind) }

// Schema names the version of the JSON report; schema.json describes it.
const Schema = "seihon/verify-report/v1"

// A Report is the outcome of a check.
type Report struct {
	Schema      string      `json:"schema"`
	RulePack    string      `json:"rule_pack"`
	Made        time.Time   `json:"made"`
	Tier        Tier        `json:"tier"`
	Sample      *Sample     `json:"sample,omitempty"` // tier sample: what was drawn
	OK          bool        `json:"ok"`               // no finding above a note
	Scope       Scope       `json:"scope"`
	Verdict     *Verdict    `json:"verdict"`
	About       *About      `json:"about,omitempty"` // who made it, and with what
	Pins        []Pin       `json:"pins"`            // what was believed without proof
	Period      Period      `json:"period"`
	Log         LogSummary  `json:"log"`
	Publication *LogSummary `json:"publication_log,omitempty"` // when it was looked at
	Counts      Counts      `json:"counts"`
	// what reading the copies would cost, computed before it began
	Estimate []Estimate `json:"estimate,omitempty"`
	// when the check could be interrupted: what it takes from earlier runs
	Resumed    *Resumed           `json:"resumed,omitempty"`
	Copies     []CopySummary      `json:"copies"`
	Responders []ResponderSummary `json:"responders,omitempty"` // that were asked
	ShelfLife  []ShelfLife        `json:"shelf_life"`
	Memory     *MemorySummary     `json:"memory,omitempty"` // of the tiers that read the master's bytes
	Exceptions []ExceptionEntry   `json:"exceptions,omitempty"`
	HSM        *HSMSummary        `json:"hsm,omitempty"`      // when the log has verdicts on it, and they are here
	Approval   *ApprovalSummary   `json:"approval,omitempty"` // when the documents of the log are here
	Record     *Record            `json:"record,omitempty"`   // not in tier log
	Findings   []Finding          `json:"findings"`
	Omitted    []Omitted          `json:"omitted,omitempty"` // findings beyond the first of a code
	Annex      *AnnexSummary      `json:"annex,omitempty"`   // when it was asked for
}

// A Sample says how the names of tier sample were drawn: the same seed draws the
// same names from the same log.
type Sample struct {
	Names int    `json:"names"`
	Seed  uint32 `json:"seed"`
}

// A LogSummary says which tree was checked.
type LogSummary struct {
	Origin     string    `json:"origin"`
	Size       int64     `json:"size"`
	Root       string    `json:"root"` // base64, as in the checkpoint
	Time       time.Time `json:"time"` // of the newest entry
	Keys       []string  `json:"keys"`
	Checkpoint string    `json:"checkpoint"` // the signed note, to be kept for the next check
	Known      int       `json:"known"`      // older checkpoints it was compared with
}

// Counts say how much was looked at.
type Counts struct {
	Entries         int64 `json:"entries"`
	Artifacts       int64 `json:"artifacts"` // blobs and bundles of the master
	ArtifactBytes   int64 `json:"artifact_bytes"`
	Current         int64 `json:"current"` // names of the newest state
	Certificates    int64 `json:"certificates"`
	RevocationLists int64 `json:"revocation_lists"`
	Revocations     int64 `json:"revocations"`
	Responses       int64 `json:"responses"`
	Signatures      int64 `json:"signatures"`
	Inventory       int64 `json:"inventory"`
	Commitments     int64 `json:"commitments"` // of the log that the inventory opened
}

// A CopySummary says what was seen of one copy.
type CopySummary struct {
	Source   string `json:"source"`
	Layout   string `json:"layout"`
	Size     int64  `json:"size"` // tree size that its checkpoint promises
	Objects  int64  `json:"objects"`
	Bytes    int64  `json:"bytes"`
	Requests int64  `json:"requests"`
	Listed   bool   `json:"listed"` // extra objects were looked for
	Extra    int64  `json:"extra"`
}

// A ShelfLife says until when one current artifact holds.
type ShelfLife struct {
	Name       string    `json:"name"`
	Kind       string    `json:"kind"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	Number     string    `json:"number,omitempty"`
}

// An Omitted says how many findings of one code were not listed.
type Omitted struct {
	Code   string `json:"code"`
	Source string `json:"source"`
	Count  int    `json:"count"`
}

// A MemorySummary says what of the past was compared: every list and response with the one that it replaced.
type MemorySummary struct {
	Lists      int64           `json:"lists"`      // compared with the list that each replaced
	Answers    int64           `json:"answers"`    // responses of bundles that were read for it
	Statements int64           `json:"statements"` // of expiry, in the log
	Overrides  []OverrideEntry `json:"overrides"`
}

// An OverrideEntry is a person's word in the log that lets exact changes to what was said pass.
type OverrideEntry struct {
	Entry   int64            `json:"entry"` // of the log
	Time    time.Time        `json:"time"`
	Issuer  string           `json:"issuer"`
	Reason  string           `json:"reason"`
	Allow   []string         `json:"allow"`
	Expires time.Time        `json:"expires"`
	Counts  bool             `json:"counts"` // a pinned key has signed it
	Problem string           `json:"problem,omitempty"`
	Changes []OverrideChange `json:"changes"`
	Text    string           `json:"text"` // as it was signed
}

// An OverrideChange is one certificate's, in the words of docs/formats.md.
type OverrideChange struct {
	Serial string `json:"serial"`
	Was    string `json:"was"`
	Now    string `json:"now"`
}

// Findings above a note make a report that is not OK.
func Failed(findings []Finding) bool {
	for _, f := range findings {
		if f.Severity != Note {
			return true
		}
	}
	return false
}

// Count returns how many findings have the severity.
func (r *Report) Count(s Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// depth names the tier and, of a sample, what repeats it.
func (r *Report) depth() string {
	if r.Sample == nil {
		return string(r.Tier)
	}
	return fmt.Sprintf("%s (%d names, seed %d)", r.Tier, r.Sample.Names, r.Sample.Seed)
}
