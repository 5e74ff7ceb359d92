package report

import (
	"fmt"
	"strings"
	"time"
)

// A Resumed is what a report takes from earlier runs of the same check.
type Resumed struct {
	Runs []ResumedRun `json:"runs"` // whose objects were not read again
	// records that did not count: too old, or the listing has another tag
	Again   int64  `json:"again"`
	Ignored string `json:"ignored,omitempty"` // why the file was not used
}

// A ResumedRun is one earlier run.
type ResumedRun struct {
	From    time.Time `json:"from"` // between these times the objects were read
	Until   time.Time `json:"until"`
	Objects int64     `json:"objects"`
	Bytes   int64     `json:"bytes"`
}

// text tells what was not read in this run.
func (r *Resumed) text(b *strings.Builder) {
	if r == nil {
		return
	}
	for _, run := range r.Runs {
		fmt.Fprintf(b,
			"taken from a run that was interrupted: %d objects (%d bytes), read between %s and %s and not again\n",
			run.Objects, run.Bytes, Stamp(run.From), Stamp(run.Until))
	}
	if r.Ignored != "" {
		fmt.Fprintf(b, "the progress file was not used: %s\n", r.Ignored)
	}
}

// resumed is the same on the page.
func (p *page) resumed(r *Resumed) {
	if r == nil {
		return
	}
	for _, run := range r.Runs {
		p.bothIn("p", fmt.Sprintf("このうち %d 件（%d バイト）は、中断された検証で %s から %s の間に読み、正本と照合したものであり、改めて取得していない。", run.Objects,
			run.Bytes, Clock(run.From), Clock(run.Until)),
			fmt.Sprintf("Of these, %d (%d bytes) were read and compared between %s and %s by a check that was "+
				"interrupted, and were not fetched again.", run.Objects, run.Bytes, Clock(run.From), Clock(run.Until)))
	}
}
