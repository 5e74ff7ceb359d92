package report

import (
	"time"
)

// An About says who made a report, for whom and with what. Only Now is used by the check itself.
type About struct {
	Auditor       string `json:"auditor,omitempty"`       // who verified
	Body          string `json:"body,omitempty"`          // the survey body (調査機関) that the report is for
	Tool          *Tool  `json:"tool,omitempty"`          // the running program
	Configuration *Cited `json:"configuration,omitempty"` // the file that names what is believed

	// Now says that the time of the check was given instead of read from a clock. Then no time of reading is recorded:
	// it would not be true, and the same input gives the same bytes.
	Now bool `json:"now_given,omitempty"`
}

// A Tool is the program that verified.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Go      string `json:"go"` // the toolchain
	SHA256  string `json:"sha256"`
}

// A Cited is a file that the report relies on or comes with, by its digest.
type Cited struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// A Period is the time that a report is about: from the newest checkpoint that the auditor had seen before, or else
// from the log's first entry, to the time of the check.
type Period struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}
