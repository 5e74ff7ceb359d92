package verify

import (
	"fmt"

	"seihon/ledger"
)

// checkReviews reports the documents whose review is overdue.
func (c *checker) checkReviews(all []ledger.Review) {
	for i := range all {
		if r := &all[i]; r.Overdue(c.now) {
			c.add(Finding{Code: "review-overdue", Source: sourceLog, Name: r.Kind,
				Detail: fmt.Sprintf("due %s; recorded in log entry %d, SHA-256 %s", day(r.Due), r.Entry, r.Digest)})
		}
	}
}
