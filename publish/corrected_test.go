package publish_test

import (
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/ledger"
)

// TestWayBackFromAWrongClock sends lists after the room's clock was a day ahead, which the publisher noticed or, with
// the same clock, did not. The right list follows when the room said between the two, on record, that the clock before
// was wrong, and at a time that fits both; otherwise an older list is put in the place of a newer one.
func TestWayBackFromAWrongClock(t *testing.T) {
	const off = 24 * time.Hour
	accepted := &ledger.Entry{Evidence: &ledger.Evidence{Kind: ledger.EvidenceClock, Name: "x", Note: "NTP was wrong"}}
	for _, test := range []struct {
		name   string
		sent   bool // the list of the wrong clock
		before *ledger.Entry
		after  func(w *world) *ledger.Entry
		back   bool
	}{
		{"accepted", false, nil, func(*world) *ledger.Entry { return accepted }, true},
		{"accepted after it was sent", true, nil, func(*world) *ledger.Entry { return accepted }, true},
		{"not accepted", false, nil, nil, false},
		{"not accepted, and sent", true, nil, nil, false},
		{"accepted before", true, accepted, nil, false},
		{"something else on record", true, nil, func(*world) *ledger.Entry {
			return &ledger.Entry{Evidence: &ledger.Evidence{Kind: "review", Name: "x"}}
		}, false},
		{"accepted at a time when its date was past", true, nil, func(w *world) *ledger.Entry {
			return &ledger.Entry{Time: w.now.Add(off + time.Hour), Evidence: accepted.Evidence}
		}, false},
		{"accepted at a time to which the new list is old", true, nil, func(w *world) *ledger.Entry {
			return &ledger.Entry{Time: w.now.Add(2 * time.Hour), Evidence: accepted.Evidence}
		}, false},
	} {
		for _, layout := range layouts {
			w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
			w.sync(w.config(w.signingRun(responses, 5, 6, 7), target("t", layout, m)))
			right := w.now
			if test.before != nil {
				w.append(&ledger.Entry{Evidence: test.before.Evidence})
			}
			w.now = right.Add(off)
			wrong := w.signingRun(responses, 5)
			if !test.sent {
				w.now = right
			}
			r := w.trySync(w.config(wrong, target("t", layout, m)))
			if r.Err != nil || r.Complete != test.sent {
				t.Fatalf("%s, %s: the list of the wrong clock: %+v", test.name, layout, r)
			}
			w.now = right.Add(time.Minute)
			if test.after != nil {
				e := *test.after(w)
				w.append(&e)
			}
			w.withdraw(aheadOf(t, wrong, w.now)...)
			log := w.signingRun(responses, 5, 6, 7)
			r = w.trySync(w.config(log, target("t", layout, m)))
			if !test.back {
				if r.Complete || len(r.Unsaid) == 0 || !strings.Contains(r.Unsaid[0].Why, "older list") ||
					crlNumber(t, m) == 3 {
					t.Errorf("%s, %s: %+v", test.name, layout, r)
				}
				continue
			}
			if r.Err != nil || !r.Complete || crlNumber(t, m) != 3 {
				t.Errorf("%s, %s: %+v", test.name, layout, r)
			}
			if err := w.verify(m, log, layout); err != nil {
				t.Errorf("%s, %s: %v", test.name, layout, err)
			}
		}
	}
}

// aheadOf are the bundles that are dated ahead of a clock, which the room withdraws when it signs again.
func aheadOf(t *testing.T, log *ledger.Log, now time.Time) (names []ledger.WithdrawnName) {
	t.Helper()
	for line := range must(log.Replay(t.Context(), log.Size()))(t).All() {
		if line.Kind == artifact.OCSPBundle && line.NotBefore.After(now) {
			names = append(names,
				ledger.WithdrawnName{Name: line.Name, Digest: line.Digest, Reason: "dated by a wrong clock"})
		}
	}
	return names
}
