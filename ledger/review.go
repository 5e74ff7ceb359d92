package ledger

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
)

// A Review is a document about the operation that somebody has to look at again: the newest
// evidence of its kind, such as a risk assessment (report 3-1), the minutes of a key ceremony, or
// the list of approved HSMs.
type Review struct {
	Kind     string          `json:"kind"`
	Digest   artifact.Digest `json:"digest"` // of the document
	Entry    int64           `json:"entry"`
	Recorded time.Time       `json:"recorded"`
	Due      time.Time       `json:"due"` // zero: an earlier document of the kind had a day, and the newest has none
}

// EvidenceRisk is the kind of the evidence that is an assessment of risks (report 3-1).
const EvidenceRisk = "risk-review"

// ReviewSoon is how long before a review is due people are told.
const ReviewSoon = 30 * 24 * time.Hour

// Overdue reports whether the day of the review has begun (UTC).
func (r *Review) Overdue(now time.Time) bool { return !r.Due.IsZero() && !r.Due.After(now) }

// Soon reports whether the review is due within ReviewSoon.
func (r *Review) Soon(now time.Time) bool {
	return !r.Due.IsZero() && r.Due.After(now) && r.Due.Sub(now) <= ReviewSoon
}

// reviewWords stand before the day in the note of an evidence, which is all of the note or its end
// behind a semicolon.
const reviewWords = "next review "

// ReviewNote is the note of an evidence that is to be looked at again on a day, as 2027-04-01.
// Before it stands what else is to be said, if anything.
func ReviewNote(said, day string) string {
	note := reviewWords + day
	if said != "" {
		note = said + "; " + note
	}
	return note
}

// review reads the day from a note.
func (e *Evidence) review() (day time.Time, ok bool) {
	note := e.Note
	if i := strings.LastIndex(note, "; "); i >= 0 {
		note = note[i+2:]
	}
	text, ok := strings.CutPrefix(note, reviewWords)
	if !ok {
		return day, false
	}
	day, err := time.Parse(time.DateOnly, text)
	return day, err == nil
}

// Reviews gathers the reviews from the entries of a log.
type Reviews struct {
	newest map[string]Review
}

// Enter takes the next entry and its index.
func (r *Reviews) Enter(i int64, e *Entry) {
	if e.Evidence == nil {
		return
	}
	day, dated := e.Evidence.review()
	if _, had := r.newest[e.Evidence.Kind]; !dated && !had {
		return
	}
	if r.newest == nil {
		r.newest = map[string]Review{}
	}
	r.newest[e.Evidence.Kind] = Review{Kind: e.Evidence.Kind, Digest: e.Evidence.Digest, Entry: i, Recorded: e.Time,
		Due: day}
}

// All lists them, the first to be due first.
func (r *Reviews) All() []Review {
	all := make([]Review, 0, len(r.newest))
	for _, one := range r.newest {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b Review) int {
		return cmp.Or(a.Due.Compare(b.Due), strings.Compare(a.Kind, b.Kind))
	})
	return all
}

// Reviews reads from a log which documents are to be looked at again.
func (l *Log) Reviews(ctx context.Context) ([]Review, error) {
	var r Reviews
	i := int64(0)
	for e, err := range l.Entries(ctx, 0, l.Size()) {
		if err != nil {
			return nil, err
		}
		r.Enter(i, e)
		i++
	}
	return r.All(), nil
}
