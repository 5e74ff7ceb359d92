package publish_test

import (
	"testing"
	"time"

	"seihon/artifact"
	"seihon/publish"
)

// TestPartThreeWithNumberThree sends part 3 of a live list with CRL number 3, and the archived list with CRL
// number 3, after both have passed their nextUpdate: section A's clock is for the live one.
func TestPartThreeWithNumberThree(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), newMemStore()
	const live, archived = "crl/sub/3.crl", "crl/sub/history/3.crl"
	log := w.commit(w.line(live, artifact.CRL, w.crl(3), "3"), w.line(archived, artifact.CRL, w.crl(3), "3"))
	w.now = w.now.Add(validity + time.Hour)
	r := w.trySync(w.config(log, target("t", publish.Objects, m)))
	if len(r.Refused) != 1 || r.Refused[0].Name != live {
		t.Errorf("refused are %+v", r.Refused)
	}
	if m.get(archived) == nil || m.get(live) != nil {
		t.Error("the archived list is not public, or the expired one is")
	}
}
