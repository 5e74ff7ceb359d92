package verify

import (
	"fmt"

	"seihon/ledger"
	"seihon/verify/report"
)

// checkReviews reports the documents whose review is overdue.
func (c *checker) checkReviews(all []ledger.Review) {
	for i := range all {
		if r := &all[i]; r.Overdue(c.now) {
			c.Found(report.Finding{Code: "review-overdue", Source: report.SourceLog, Name: r.Kind,
				Detail: fmt.Sprintf("due %s; recorded in log entry %d, SHA-256 %s", report.Day(r.Due), r.Entry,
					r.Digest)})
		}
	}
}
