package ledger

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestTimesOfEntries turns the clock of a writer back between two entries. Seconds, as clocks that are kept right are
// put right by, are no event: the second entry has the time of the first. More stays what it is, and the check tells of
// it, as a note where the entry says that the clock before was wrong.
func TestTimesOfEntries(t *testing.T) {
	for _, test := range []struct {
		back  time.Duration
		entry Evidence
		time  time.Duration // of the second entry, after the first
		found string
	}{
		{3 * time.Second, Evidence{Kind: "review", Name: "a"}, 0, ""},
		{5 * time.Minute, Evidence{Kind: "review", Name: "a"}, 0, ""},
		{6 * time.Minute, Evidence{Kind: "review", Name: "a"}, -6 * time.Minute, "warning time-goes-backwards entry 1"},
		{24 * time.Hour, Evidence{Kind: EvidenceClock, Name: "a"}, -24 * time.Hour,
			"note time-goes-backwards entry 1 clock-accepted"},
	} {
		for _, together := range []bool{true, false} {
			r, dir := newRoom(t, testOrigin), t.TempDir()
			now := time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)
			c := r.config()
			c.Now = func() time.Time { return now }
			w, err := Create(t.Context(), dir, c)
			if err != nil {
				t.Fatal(err)
			}
			first := now
			stage := func(e Evidence) {
				t.Helper()
				if err := w.Append(t.Context(), &Entry{Evidence: &e}); err != nil {
					t.Fatal(err)
				}
			}
			stage(Evidence{Kind: "review", Name: "before"})
			if !together {
				if _, err := w.Commit(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			now = now.Add(-test.back)
			stage(test.entry)
			if _, err := w.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			e, err := w.Log().Entry(t.Context(), 1)
			if err != nil || e.Time.Sub(first) != test.time {
				t.Errorf("%v back: %v, %+v", test.back, err, e)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			found, err := Check(t.Context(), dir, r.v, CheckConfig{Now: func() time.Time { return first }})
			if err != nil {
				t.Fatal(err)
			}
			var all []string
			for _, f := range found {
				text := fmt.Sprintf("%s %s %s", f.Severity, f.Code, f.Where)
				if strings.Contains(f.Detail, EvidenceClock) {
					text += " " + EvidenceClock
				}
				all = append(all, text)
			}
			if got := strings.Join(all, "; "); got != test.found {
				t.Errorf("%v back: found %q, want %q", test.back, got, test.found)
			}
		}
	}
}
