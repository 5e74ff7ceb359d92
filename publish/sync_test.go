package publish_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"seihon/ledger"
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
			// a bundle and the generation; a response
			want := map[publish.Layout]int{publish.Bundle: 2, publish.Objects: 1}[layout]
			if puts != want {
				t.Errorf("one response changed: %d objects under ocsp/ were written, want %d", puts, want)
			}
		})
	}
}

// TestPlanIsWhatApplyDoes compares the requests of a sync with its plan.
func TestPlanIsWhatApplyDoes(t *testing.T) {
	for i, layout := range append(layouts, layouts...) {
		t.Run(string(layout), func(t *testing.T) {
			w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
			store := publish.Store(m)
			if i >= len(layouts) {
				store = struct{ publish.Store }{m} // no tags to predict, as on Cloud Storage
			}
			for range 3 {
				log := w.signingRun(responses, 5, 6, 7)
				c := w.config(log, target("t", layout, store))
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
	if want := must(second.State(t.Context(), second.Size()))(t); !bytes.Equal(m.get("crl/sub.crl"),
		readLine(t, w, second, want, "crl/sub.crl")) {
		t.Error("the CRL is not the new one")
	}
	c.Only = publish.Everything
	r = w.sync(c)
	if err := w.verify(m, second, publish.Bundle); err != nil || len(r.Findings) > 0 {
		t.Errorf("after the full sync: %v, %+v", err, r)
	}
}

// TestAwayForLong brings a target up to date whose last sync is so old that the
// bundles in between have expired.
func TestAwayForLong(t *testing.T) {
	for _, layout := range layouts {
		w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
		w.sync(w.config(w.signingRun(responses, 5, 6, 7), target("t", layout, m)))
		w.signingRun(responses, 5)
		w.now = w.now.Add(2 * validity)
		log := w.signingRun(responses, 5, 6, 7)
		for _, s := range []*memStore{m, newMemStore()} {
			if r := w.sync(w.config(log, target("t", layout, s))); !r.Complete || len(r.Refused) > 0 {
				t.Errorf("%s: %+v", layout, r)
			}
			if err := w.verify(s, log, layout); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestLongUnchanged replaces names that changed last so many entries ago that the plan does not know what they hold:
// what the target has is ours, and no drift.
func TestLongUnchanged(t *testing.T) {
	for _, layout := range layouts {
		w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
		w.sync(w.config(w.signingRun(responses, 5, 6, 7), target("t", layout, m)))
		for i := range 20 {
			w.append(&ledger.Entry{Evidence: &ledger.Evidence{Kind: "review", Name: fmt.Sprint(i)}})
		}
		w.sync(w.config(w.commit(), target("t", layout, m)))
		log := w.signingRun(responses, 5, 6, 7)
		if r := w.sync(w.config(log, target("t", layout, m))); r.From != 21 || !r.Complete || len(r.Findings) > 0 {
			t.Errorf("%s: %+v", layout, r)
		}
		if err := w.verify(m, log, layout); err != nil {
			t.Error(err)
		}
	}
}

// TestLock keeps a second sync of the same target away, and no other.
func TestLock(t *testing.T) {
	w := newWorld(t)
	log := w.signingRun(map[int64][]byte{}, 5)
	state := t.TempDir()
	inside, release := make(chan struct{}), make(chan struct{})
	waiting := &faultStore{memStore: newMemStore(), choose: func(_, name string) fault {
		if name == publish.CheckpointName {
			select {
			case inside <- struct{}{}:
				<-release
			default:
			}
		}
		return healthy
	}}
	c := w.config(log, target("t", publish.Bundle, waiting))
	c.StateDir = state
	first := make(chan *publish.TargetResult)
	go func() { first <- w.trySync(c) }()
	<-inside
	other := w.config(log, target("t", publish.Bundle, newMemStore()), target("u", publish.Bundle, newMemStore()))
	other.StateDir = state
	r, err := publish.Sync(t.Context(), other)
	if err != nil || !errors.Is(r.Targets[0].Err, publish.ErrLocked) || r.Targets[1].Err != nil {
		t.Errorf("%v, %+v", err, r)
	}
	close(release)
	if r := <-first; r.Err != nil || !r.Complete {
		t.Errorf("%+v", r)
	}
}

// TestCannotRemember: a host that cannot write down up to where it goes sends nothing. Killed half-way, its own
// checkpoint would look like another host's to the next sync.
func TestCannotRemember(t *testing.T) {
	w, m, state := newWorld(t), newMemStore(), t.TempDir()
	later := &faultStore{memStore: m, choose: func(string, string) fault { // after the memory was read
		if err := os.MkdirAll(filepath.Join(state, "t.json", "in the way"), 0o700); err != nil {
			t.Error(err)
		}
		return healthy
	}}
	c := w.config(w.signingRun(map[int64][]byte{}, 5), target("t", publish.Bundle, later))
	c.StateDir = state
	if r := w.trySync(c); r.Err == nil || !strings.Contains(r.Err.Error(), "nothing was sent") || len(m.objects) > 0 {
		t.Errorf("%v, %d objects", r.Err, len(m.objects))
	}
}

// TestWithoutTags publishes to a store whose tags say nothing about content.
func TestWithoutTags(t *testing.T) {
	for name, wrap := range map[string]func(*memStore) publish.Store{
		"no prediction":    func(m *memStore) publish.Store { return struct{ publish.Store }{m} },
		"wrong prediction": func(m *memStore) publish.Store { return mistaken{m} },
	} {
		for _, layout := range layouts {
			w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
			w.sync(w.config(w.signingRun(responses, 1, 2, 3, 4, 5, 6, 7, 8), target("t", layout, wrap(m))))
			log := w.signingRun(responses, 1, 2, 3, 4, 5, 6, 7, 8)
			m.took()
			r := w.sync(serial(w.config(log, target("t", layout, wrap(m)))))
			if len(r.Findings) > 0 || r.Counts.Replayed > 0 {
				t.Errorf("%s, %s: %+v", name, layout, r)
			}
			if err := w.verify(m, log, layout); err != nil {
				t.Errorf("%s, %s: %v", name, layout, err)
			}
			if refused := len(m.took()) - r.Counts.Sent*2; layout == publish.Objects && refused > 6 {
				t.Errorf("%s: %d requests too many: a store that is always mispredicted is asked first", name, refused)
			}
		}
	}
}

// mistaken predicts tags that are never right.
type mistaken struct{ *memStore }

func (mistaken) Tag([]byte) string { return "wrong" }

func TestValidate(t *testing.T) {
	c := publish.Config{Only: "some", Targets: []publish.Target{
		{TargetConfig: publish.TargetConfig{Name: "Bad Name"}},
		{TargetConfig: publish.TargetConfig{Name: "a", Layout: "tree"}},
		{TargetConfig: publish.TargetConfig{Name: "a"}},
	}}
	err := c.Validate()
	for _, want := range []string{"master", "policy", `"some"`, `"Bad Name"`, `"tree"`, `two targets are called "a"`,
		"no store"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not speak of %s", err, want)
		}
	}
}

func TestProgress(t *testing.T) {
	w, m := newWorld(t), newMemStore()
	c := w.config(w.signingRun(map[int64][]byte{}, 5), target("t", publish.Bundle, m))
	var last publish.Progress
	c.Progress = func(p publish.Progress) { last = p }
	w.sync(c)
	if last.Done != last.Objects || last.Done == 0 || last.Target != "t" {
		t.Errorf("%+v", last)
	}
}

// TestUnchangedResponses judges only what is new in a bundle, unless something
// in it has expired.
func TestUnchangedResponses(t *testing.T) {
	w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
	responses[6] = w.response(6)
	w.sync(w.config(w.signingRun(responses, 5, 7), target("t", publish.Bundle, m)))
	log := w.signingRun(responses, 5)
	c := w.config(log, target("t", publish.Bundle, m))
	var judged atomic.Int64
	c.Policy.Now = func() time.Time { judged.Add(1); return w.now } // asked once for each list and response
	if r := w.sync(c); !r.Complete {
		t.Errorf("%+v", r)
	}
	if n := judged.Load(); n > 3 { // two lists, one response
		t.Errorf("%d times the clock was asked for", n)
	}
	w.now = epoch.Add(validity + time.Minute) // 6 has expired, 5 and 7 have not
	log = w.signingRun(responses, 5)
	r := w.trySync(w.config(log, target("t", publish.Bundle, m)))
	if len(r.Refused) != 1 || r.Refused[0].Refusal.Rule != "ocsp-bundle" {
		t.Errorf("with an expired response: %+v", r)
	}
}
