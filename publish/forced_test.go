package publish_test

import (
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/internal/inputtest"
	"seihon/publish"
)

// TestForced: a list or a response that says what an RFC forbids and was forced past the room's door, into a good master,
// is not sent; what was right before it stays.
func TestForced(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T, name, says string, force func(w *world, ca *inputtest.CA, now time.Time)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, m := newWorld(t), newMemStore()
			log := w.signingRun(map[int64][]byte{}, 5)
			w.sync(w.config(log, target("t", publish.Bundle, m)))
			before := m.get("crl/sub.crl")
			force(w, inputtest.Of(w.ca, w.key), w.now)
			r := w.trySync(w.config(w.log(), target("t", publish.Bundle, m)))
			if r.Err != nil || r.Complete || len(r.Refused) != 1 {
				t.Fatalf("%v, complete %v, refused %+v", r.Err, r.Complete, r.Refused)
			}
			if got := r.Refused[0].Refusal.Reason; !strings.Contains(got, says) {
				t.Errorf("refused since %q, want %q", got, says)
			}
			if string(m.get("crl/sub.crl")) != string(before) {
				t.Error("the list in public is another one now")
			}
		})
	}
	for i, d := range inputtest.DeviantLists(inputtest.NewCA("x"), epoch) {
		refused(t, "list with "+d.Name, d.Says, func(w *world, ca *inputtest.CA, now time.Time) {
			w.commit(w.line("crl/sub.crl", artifact.CRL, inputtest.DeviantLists(ca, now)[i].DER, "7"))
		})
	}
	for i, d := range inputtest.DeviantResponses(inputtest.NewCA("x"), epoch, []byte{5}, true) {
		refused(t, "response with "+d.Name, d.Says, func(w *world, ca *inputtest.CA, now time.Time) {
			w.commit(w.bundles(2, 2, map[int64][]byte{5: inputtest.DeviantResponses(ca, now, []byte{5}, true)[i].DER})...)
		})
	}
}
