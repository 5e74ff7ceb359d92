package verify_test

import (
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify"
)

type (
	enters func(kind, document, note string)
	days   func(after time.Duration) string // what day it is then
)

// reviewTampers are documents whose review is overdue, and others of which nothing is to be said: before their day, or
// with a newer document of the kind on record.
func reviewTampers() (all []tamper) {
	add := func(name string, want []string, do func(enter enters, day days)) {
		all = append(all, tamper{name: "review: " + name, want: want, only: true, passes: len(want) == 0,
			do: func(t *testing.T, r *repo, _ *verify.Config) {
				do(func(kind, document, note string) {
					digest, size, err := r.writer.PutBlob(t.Context(), artifact.Log, strings.NewReader(document))
					check(err)
					r.enter(&ledger.Entry{Evidence: &ledger.Evidence{Kind: kind, Name: digest.String(), Digest: digest,
						Size: size, Note: note}})
				}, func(after time.Duration) string { return r.clock().Add(after).UTC().Format(time.DateOnly) })
				r.publish(r.public())
			}})
	}
	const past, future = -72 * time.Hour, 72 * time.Hour
	add("overdue", []string{"review-overdue@risk-review#due"}, func(enter enters, day days) {
		enter("risk-review", "first", ledger.ReviewNote("", day(past)))
	})
	add("overdue, and more is said", []string{"review-overdue@drill#due"}, func(enter enters, day days) {
		enter("drill", "of the HSM", ledger.ReviewNote("at 09:30; all went well", day(past)))
	})
	add("the newer one has an earlier day", []string{"review-overdue@risk-review#due"}, func(enter enters, day days) {
		enter("risk-review", "first", ledger.ReviewNote("", day(future)))
		enter("risk-review", "second", ledger.ReviewNote("", day(past)))
	})
	add("reviewed since", nil, func(enter enters, day days) {
		enter("risk-review", "first", ledger.ReviewNote("", day(past)))
		enter("risk-review", "second", ledger.ReviewNote("", day(future)))
	})
	add("another kind, and no day", nil, func(enter enters, day days) {
		enter("risk-review", "first", ledger.ReviewNote("", day(future)))
		enter("hsm", "evidence", "use: ca; next review some day")
		enter("drill", "of the HSM", "the next review 2020-01-01 was held")
	})
	return all
}
