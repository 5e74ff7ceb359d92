package record

import (
	"errors"
	"testing"
	"time"

	"seihon/ledger"
)

// TestExpiryIsSaidBefore: what the log says of a certificate's end counts for what is recorded after it, and two
// different dates count against the log from the second on.
func TestExpiryIsSaidBefore(t *testing.T) {
	t.Parallel()
	first, second := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	w := &words{read: true, ends: map[string]ending{}}
	say := func(at time.Time, index int64) {
		w.addExpiry(&ledger.Expiry{Issuer: "sub", Entries: []ledger.Expired{{Serial: "0a", NotAfter: at}}}, index)
	}
	say(first, 5)
	say(first, 6)
	say(second, 8)
	for _, c := range []struct {
		before int64
		found  bool
		err    error
	}{{5, false, nil}, {6, true, nil}, {8, true, nil}, {9, false, errTwoDates}} {
		end, found, err := w.expiry(t.Context(), "sub", "0a", c.before)
		if found != c.found || !errors.Is(err, c.err) || found && !end.Equal(first) {
			t.Errorf("before entry %d: %v, %t, %v", c.before, end, found, err)
		}
	}
	if _, found, err := w.expiry(t.Context(), "sub", "0b", 9); found || err != nil {
		t.Errorf("of another certificate: %t, %v", found, err)
	}
}

// TestEndedBeforeTheOlderVersion: only a certificate that had ended when the older version was made may leave, by the
// memory of the publisher as by the log.
func TestEndedBeforeTheOlderVersion(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, remembered := range []bool{true, false} {
		for _, c := range []struct {
			since time.Time
			want  bool
		}{{end.Add(time.Second), true}, {end, false}, {end.Add(-time.Second), false}} {
			k := &checker{words: words{read: true, ends: map[string]ending{}}}
			if remembered {
				k.memory.Ends = map[string]time.Time{certificateKey("sub", "a"): end}
			} else {
				k.words.ends[certificateKey("sub", "a")] = ending{notAfter: end, index: 1}
			}
			p := &pair{checker: k, since: c.since}
			p.now.Issuer, p.now.Index = "sub", 3
			ended, why, err := p.expired(t.Context(), "a")
			if ended != c.want || why != "" || err != nil {
				t.Errorf("remembered %t, older version %s after its end: %t, %q, %v", remembered, c.since.Sub(end),
					ended, why, err)
			}
		}
	}
}
