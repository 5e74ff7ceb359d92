package publish_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"seihon/publish"
)

var layouts = []publish.Layout{publish.Bundle, publish.Objects}

func TestSync(t *testing.T) {
	for _, layout := range layouts {
		t.Run(string(layout), func(t *testing.T) {
			w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
			first := w.signingRun(responses, 5, 6, 7)
			r := w.sync(w.config(first, target("t", layout, m)))
			if err := w.verify(m, first, layout); err != nil {
				t.Fatal(err)
			}
			if !r.Complete || r.From != 0 || r.Size != 1 || r.Counts.Replayed != 0 || len(r.Findings) != 0 {
				t.Errorf("first sync: %+v", r)
			}

			m.took()
			r = w.sync(w.config(first, target("t", layout, m)))
			if got := m.took(); !slices.Equal(got, []string{"GET log/checkpoint"}) || !r.Unchanged() {
				t.Errorf("nothing changed: requests %v, result %+v", got, r)
			}

			w.revoked[6] = true
			second := w.signingRun(responses, 6)
			r = w.sync(w.config(second, target("t", layout, m)))
			if err := w.verify(m, second, layout); err != nil {
				t.Fatal(err)
			}
			if r.Counts.Replayed != 0 || len(r.Findings) != 0 {
				t.Errorf("second sync: %+v", r)
			}
			puts := 0
			for _, q := range m.took() {
				if strings.HasPrefix(q, "PUT ocsp/") {
					puts++
				}
			}
			want := map[publish.Layout]int{publish.Bundle: 2, publish.Objects: 1}[layout] // a bundle and the generation; a response
			if puts != want {
				t.Errorf("one response changed: %d objects under ocsp/ were written, want %d", puts, want)
			}
		})
	}
}

// TestPlanIsWhatApplyDoes compares the requests of a sync with its plan.
func TestPlanIsWhatApplyDoes(t *testing.T) {
	for _, layout := range layouts {
		t.Run(string(layout), func(t *testing.T) {
			w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
			for range 3 {
				log := w.signingRun(responses, 5, 6, 7)
				c := w.config(log, target("t", layout, m))
				plans, _, err := publish.Plans(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				m.took()
				r := w.sync(c)
				puts, gets := 0, 0
				for _, q := range m.took() {
					if strings.HasPrefix(q, "PUT") {
						puts++
					} else {
						gets++
					}
				}
				e := plans[0].Estimate
				if puts != e.Puts || gets != e.Gets || int64(puts+gets) != r.Counts.Requests {
					t.Errorf("%d PUT and %d GET, counted %d; the plan said %+v", puts, gets, r.Counts.Requests, e)
				}
			}
		})
	}
}

// TestOrder shows that whatever a written object points to was there before.
func TestOrder(t *testing.T) {
	w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
	w.signingRun(responses, 5, 6, 7)
	log := w.signingRun(responses, 5, 6, 7)
	w.sync(w.config(log, target("t", publish.Bundle, m)))
	requests := m.took()
	position := func(prefix string, last bool) int {
		found := -1
		for i, q := range requests {
			if strings.HasPrefix(q, "PUT "+prefix) && (found < 0 || last) {
				found = i
			}
		}
		if found < 0 {
			t.Fatalf("no PUT of %s", prefix)
		}
		return found
	}
	order := []string{"ocsp/bundles/", "ocsp/sub.generation", "cert/", "index.html", "log/tile/", "log/checkpoint"}
	for i := 1; i < len(order); i++ {
		if position(order[i-1], true) > position(order[i], false) {
			t.Errorf("%s was written before %s: %v", order[i], order[i-1], requests)
		}
	}
	if last := requests[len(requests)-1]; last != "GET log/checkpoint" {
		t.Errorf("the last request is %s", last)
	}
}

func TestOnlyUrgent(t *testing.T) {
	w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
	first := w.signingRun(responses, 5, 6, 7)
	w.sync(w.config(first, target("t", publish.Bundle, m)))
	index := m.get("index.html")
	w.revoked[5] = true
	second := w.signingRun(responses, 5)
	c := w.config(second, target("t", publish.Bundle, m))
	c.Only = publish.Urgent
	r := w.sync(c)
	if r.Complete || r.Size != 1 || r.Revocation == 0 || r.Behind == 0 {
		t.Errorf("urgent sync: %+v", r)
	}
	if !bytes.Equal(m.get("index.html"), index) {
		t.Error("the index page was written by an urgent sync")
	}
	if want := must(second.State(t.Context(), second.Size()))(t); !bytes.Equal(m.get("crl/sub.crl"), readLine(t, w, second, want, "crl/sub.crl")) {
		t.Error("the CRL is not the new one")
	}
	c.Only = publish.Everything
	r = w.sync(c)
	if err := w.verify(m, second, publish.Bundle); err != nil || len(r.Findings) > 0 {
		t.Errorf("after the full sync: %v, %+v", err, r)
	}
}
