package verify_test

import (
	"slices"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify"
	"seihon/verify/report"
	"seihon/verify/status"
)

// TestPartThreeWithNumberThree has part 3 of a live list with CRL number 3 beside the archived list with CRL number 3.
// One of them must be current, the other not, and nothing but the line of the manifest says which.
func TestPartThreeWithNumberThree(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	const live, archived = "crl/sub/3.crl", "crl/sub/history/3.crl"
	short := r.sub.list(list{number: 3, this: r.now, next: r.now.Add(time.Hour), revoked: r.revoked, reason: 1})
	r.line = func(l *ledger.Line) { l.History = l.Name == archived }
	r.put(live, artifact.CRL, short)
	r.put(archived, artifact.CRL, short)
	r.commit()
	r.line = nil
	r.publish(r.public())
	made := r.now
	r.now = r.now.Add(90 * time.Minute)

	told := must(status.New(t.Context(), status.Config{Master: r.writer.Log(), Now: r.clock}))
	if !told.First.Equal(made.Add(time.Hour)) || !told.Critical || told.Expired != 1 {
		t.Errorf("half an hour after part 3 has expired: %s", told.Line())
	}
	config := r.config()
	checked := must(verify.Check(t.Context(), config))
	var stale []string
	for _, f := range checked.Findings {
		if f.Code == "crl-stale" {
			stale = append(stale, f.Name)
		}
	}
	if !slices.Equal(stale, []string{live}) {
		t.Errorf("stale are %q of %v", stale, checked.Findings)
	}
	if life := checked.ShelfLife; life[0].Name != live ||
		slices.ContainsFunc(life, func(l report.ShelfLife) bool { return l.Name == archived }) {
		t.Errorf("the calendar is %+v", life)
	}
}
