package verify

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ledger"
)

// A ReviewStatus is a document about the operation that somebody has to look at again: the newest one of
// its kind in the master log (signer evidence --review).
type ReviewStatus struct {
	Kind     string          `json:"kind"`
	Digest   artifact.Digest `json:"digest"` // of the document
	Recorded time.Time       `json:"recorded"`
	Due      time.Time       `json:"due"` // zero: an earlier document of the kind had a day, and the newest has none
}

// reviewNote is how the signing room writes the day of the next review into the log.
const reviewNote = "next review "

// reviews reads from the master log which documents are to be looked at again. A newer document of
// the same kind takes the place of the one before it.
func reviews(ctx context.Context, log *ledger.Log) ([]ReviewStatus, error) {
	newest := map[string]ReviewStatus{}
	for e, err := range log.Entries(ctx, 0, log.Size()) {
		if err != nil {
			return nil, err
		}
		if e.Evidence == nil {
			continue
		}
		day, ok := strings.CutPrefix(e.Evidence.Note, reviewNote)
		due, err := time.Parse(time.DateOnly, day)
		dated := ok && err == nil
		if _, had := newest[e.Evidence.Kind]; !dated && !had {
			continue
		}
		r := ReviewStatus{Kind: e.Evidence.Kind, Digest: e.Evidence.Digest, Recorded: e.Time}
		if dated {
			r.Due = due
		}
		newest[r.Kind] = r
	}
	all := make([]ReviewStatus, 0, len(newest))
	for _, r := range newest {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b ReviewStatus) int { return cmp.Or(a.Due.Compare(b.Due), strings.Compare(a.Kind, b.Kind)) })
	return all, nil
}
