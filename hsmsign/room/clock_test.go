package room_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seihon/hsmsign/books"
	"seihon/hsmsign/room"
	"seihon/hsmsign/schedule"
	"seihon/ledger"
)

// bounded gives a test room's configuration a bound for its clock.
func bounded(t *testing.T, tr *testRoom, bound string) {
	t.Helper()
	file := filepath.Join(tr.dir, "repository.yaml")
	r := strings.NewReplacer("log_keys: [log]", "log_keys: [log], max_clock_jump: "+bound, "refresh: 1d",
		"refresh: 12h")
	must(t, os.WriteFile(file, []byte(r.Replace(roomYAML)), 0o644))
}

func run(t *testing.T, tr *testRoom, reason string) error {
	t.Helper()
	r, err := tr.openWith(t, reason)
	if err != nil {
		return err
	}
	_, err = schedule.Run(t.Context(), r, schedule.Force{CRLs: true, Only: true})
	must(t, r.Close())
	return err
}

// openWith opens the room with a reason to accept its clock.
func (tr *testRoom) openWith(t *testing.T, reason string) (*room.Room, error) {
	tr.reason = reason
	defer func() { tr.reason = "" }()
	return tr.open(t)
}

// TestWrongClock moves the clock a day ahead and back, and asks what is signed then.
func TestWrongClock(t *testing.T) {
	tr := newTestRoom(t, t.TempDir())
	tr.issue(t, 1)
	bounded(t, tr, "23h")
	must(t, run(t, tr, ""))
	right := tr.now
	for name, test := range map[string]struct {
		moved time.Duration
		says  string
	}{
		"a day ahead": {24 * time.Hour,
			"24h0m0s after the last entry of the master log, more than signer.max_clock_jump (23h0m0s)"},
		"within the bound":   {22 * time.Hour, ""},
		"a day back":         {-24 * time.Hour, "before the last entry of the master log"},
		"what clocks differ": {22*time.Hour - 4*time.Minute, ""},
	} {
		fresh := newTestRoom(t, t.TempDir())
		fresh.issue(t, 1)
		bounded(t, fresh, "23h")
		must(t, run(t, fresh, ""))
		fresh.now = right.Add(test.moved)
		err := run(t, fresh, "")
		if test.says == "" && err != nil ||
			test.says != "" && (err == nil || !room.RefusedByRecord(err) || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWayBackFromAWrongClock signs a list of the day after tomorrow, as a room without
// a bound does, and comes back: the clock is accepted once, on record, and the next
// list has the right date.
func TestWayBackFromAWrongClock(t *testing.T) {
	tr := newTestRoom(t, t.TempDir())
	tr.issue(t, 1)
	must(t, run(t, tr, ""))
	right := tr.now.Add(time.Hour)
	tr.now = right.Add(48 * time.Hour)
	must(t, run(t, tr, "")) // nobody said a bound
	tr.now = right
	if err := run(t, tr, ""); err == nil || !room.RefusedByRecord(err) ||
		!strings.Contains(err.Error(), "before the last entry") {
		t.Fatalf("a clock that went back: %v", err)
	}
	r, err := tr.openWith(t, "NTP was wrong from 02:00 to 02:10")
	must(t, err)
	e, err := r.Log.Log().Entry(t.Context(), r.Log.Log().Size()-1)
	if must(t, err); e.Evidence == nil || e.Evidence.Kind != ledger.EvidenceClock ||
		!strings.Contains(e.Evidence.Note, "NTP was wrong") || !e.Time.Equal(right) {
		t.Errorf("on record: %+v", e)
	}
	must(t, r.Close())
	if err := run(t, tr, "once more"); err == nil || !strings.Contains(err.Error(), "leave the flag out") {
		t.Errorf("accepted what fits: %v", err)
	}
	must(t, run(t, tr, ""))
	must(t, tr.do(t, func(r *room.Room) error {
		state, err := r.LogState(t.Context())
		if err != nil {
			return err
		}
		if l, ok := state.Get("crl/ca.crl"); !ok || !l.NotBefore.Equal(right) || l.Number != "3" {
			t.Errorf("the list is %+v, want number 3 of %v", l, right)
		}
		return nil
	}))
}

// TestRevocationDateNeedsAClock: a date that a list will say is not that of a clock which does not fit the master; the
// operator's own word is one.
func TestRevocationDateNeedsAClock(t *testing.T) {
	tr := newTestRoom(t, t.TempDir())
	serials := tr.issue(t, 2)
	right := tr.now
	revoke := func(now time.Time, serial []byte, at time.Time) error {
		b, err := books.Open(t.Context(), tr.room(t).Config, func() time.Time { return now }, nil)
		must(t, err)
		defer b.Close()
		return b.Revoke(t.Context(),
			books.Revocation{Issuer: "ca", Serial: hex.EncodeToString(serial), Reason: "superseded", Time: at})
	}
	behind := right.Add(-time.Hour)
	if err := revoke(behind, serials[0], time.Time{}); !room.RefusedByRecord(err) ||
		!strings.Contains(err.Error(), "1h0m0s before the last entry of the master log") {
		t.Errorf("a clock behind the log: %v", err)
	}
	must(t, revoke(right, serials[0], right))
	must(t, revoke(right.Add(time.Minute), serials[1], time.Time{}))
}

// TestClockPutRightBySeconds: a list that follows one of a few seconds ahead has the same date, since dates do not go
// back.
func TestClockPutRightBySeconds(t *testing.T) {
	tr := newTestRoom(t, t.TempDir())
	tr.issue(t, 1)
	must(t, run(t, tr, ""))
	first := tr.now
	tr.now = first.Add(-3 * time.Second)
	must(t, run(t, tr, ""))
	must(t, tr.do(t, func(r *room.Room) error {
		state, err := r.LogState(t.Context())
		if err != nil {
			return err
		}
		if l, ok := state.Get("crl/ca.crl"); !ok || !l.NotBefore.Equal(first) || l.Number != "2" {
			t.Errorf("the list is %+v, want number 2 of %v", l, first)
		}
		return nil
	}))
}

// TestWhatAWrongClockDatedIsDue: once the clock is accepted, an ordinary run signs all that is dated ahead of it.
func TestWhatAWrongClockDatedIsDue(t *testing.T) {
	tr := newTestRoom(t, t.TempDir())
	tr.issue(t, 1)
	everything := func(reason string) *schedule.RunResult {
		t.Helper()
		r, err := tr.openWith(t, reason)
		must(t, err)
		res, err := schedule.Run(t.Context(), r, schedule.Force{})
		must(t, err)
		must(t, r.Close())
		return res
	}
	right := tr.now.Add(time.Hour)
	tr.now = right.Add(48 * time.Hour)
	everything("")
	tr.now = right
	res := everything("NTP was wrong")
	var names []string
	for _, d := range res.Signed {
		names = append(names, d.Name)
		if strings.HasSuffix(d.Name, ".crl") && d.Why != "dated ahead of the clock" {
			t.Errorf("%s: %s", d.Name, d.Why)
		}
	}
	for _, want := range []string{"crl/ca.crl", "ocsp/ca.generation"} {
		if !slices.Contains(names, want) {
			t.Errorf("signed %v, want %s among them", names, want)
		}
	}
	if res := everything(""); !res.UpToDate {
		t.Errorf("signed again: %+v", res.Signed)
	}
}
