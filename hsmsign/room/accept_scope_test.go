package room_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/accept"
	"seihon/hsmsign/room"
	"seihon/hsmsign/schedule"
	"seihon/internal/inputtest"
	"seihon/inventory"
)

// takes hands inputs over at once, and wants each verdict to say that.
func (k *keptRoom) takes(t testing.TB, raw []byte, want string) {
	t.Helper()
	must(t, k.do(t, func(r *room.Room) error {
		res, err := accept.Inputs(t.Context(), r, []accept.Input{inputOf("input", raw)})
		if err == nil && !strings.Contains(res.Verdicts[0].String(), want) {
			t.Errorf("%s; want %q", res.Verdicts[0].String(), want)
		}
		return err
	}))
}

func (k *keptRoom) state(t testing.TB, serial byte) (s inventory.State) {
	t.Helper()
	must(t, k.do(t, func(r *room.Room) error {
		e, err := r.Inventory.Get(t.Context(), "kept", []byte{serial})
		if err == nil {
			s = e.State
		}
		return err
	}))
	return s
}

// TestAcceptDelta takes deltas of a complete list: each says what is new, and must not unsay what the one before it
// said.
func TestAcceptDelta(t *testing.T) {
	t.Parallel()
	k := newKeptRoomOf(t, strings.Replace(keptYAML, "history: true", "delta: 6h", 1))
	hold := inputtest.Entry{Serial: number(0x20), Extensions: inputtest.Reason(6)}
	delta := func(n, base byte, entries ...inputtest.Entry) []byte {
		return k.ca.List(inputtest.List{Number: number(n), Extensions: [][]byte{inputtest.Delta(base)},
			Entries: entries})
	}
	k.takes(t, delta(6, 5, hold), "hand that over first")
	k.takes(t, k.listed(5, 0x10), "accepted  input: crl of kept, public as crl/kept.crl")
	k.takes(t, delta(7, 6, hold), "the newest full list of kept here is 5")
	k.takes(t, delta(7, 5, hold, inputtest.Entry{Serial: number(0x21)}),
		"accepted  input: delta-crl of kept, public as crl/kept-delta.crl; 2 entries")
	if s := k.state(t, 0x20); s != inventory.Revoked {
		t.Errorf("on hold by the delta: %v", s)
	}
	k.takes(t, delta(8, 5, hold), `crl/kept-delta.crl unsays what the master says: serial 21 is "revoked`)
	// a delta must say removeFromCRL
	k.takes(t, delta(8, 5, inputtest.Entry{Serial: number(0x21)}), `serial 20 is "revoked`)
	released := inputtest.Entry{Serial: number(0x20), Extensions: inputtest.Reason(8)}
	k.takes(t, delta(8, 5, released, inputtest.Entry{Serial: number(0x21)}), "1 released")
	if s := k.state(t, 0x20); s != inventory.Issued {
		t.Errorf("released by the delta: %v", s)
	}
	k.takes(t, k.listed(9, 0x10, 0x21), "accepted  input: crl of kept")
	if s := k.state(t, 0x21); s != inventory.Revoked {
		t.Errorf("revoked by delta and list: %v", s)
	}
}

// TestAcceptParts takes a list in two parts, which their distribution points tell apart.
func TestAcceptParts(t *testing.T) {
	t.Parallel()
	k := newKeptRoomOf(t, strings.Replace(keptYAML, "history: true",
		`shards: 2, points: ["http://old.example/a.crl", "http://old.example/b.crl"]`, 1))
	part := func(n byte, uri string, serials ...byte) []byte {
		l := inputtest.List{Number: number(n), Extensions: [][]byte{inputtest.Point(uri)}}
		for _, s := range serials {
			l.Entries = append(l.Entries, inputtest.Entry{Serial: number(s)})
		}
		return k.ca.List(l)
	}
	k.takes(t, k.listed(1, 0x10), "has no distribution point that says which part it is")
	k.takes(t, part(1, "http://old.example/c.crl", 0x10), "name it in crl.points")
	k.takes(t, part(1, "http://old.example/b.crl", 0x11), "public as crl/kept/1.crl")
	if err := k.do(t, func(r *room.Room) error {
		_, err := schedule.Run(t.Context(), r,
			schedule.Force{})
		return err
	}); err == nil || !strings.Contains(err.Error(), "no crl/kept/0.crl was taken in yet") {
		t.Errorf("answers with half of the lists: %v", err)
	}
	k.takes(t, part(1, "http://room.example/crl/kept/0.crl", 0x10), "public as crl/kept/0.crl")
	k.takes(t, part(2, "http://old.example/a.crl", 0x10), "its scope is not that of the list which it replaces")
	k.takes(t, part(2, "http://old.example/b.crl"), `serial 11 is "revoked`)
	must(t, k.do(t, func(r *room.Room) error { _, err := schedule.Run(t.Context(), r, schedule.Force{}); return err }))
}

// TestAcceptUnsorted takes a list whose entries are in the order of their revocation, and its successor in another one.
func TestAcceptUnsorted(t *testing.T) {
	t.Parallel()
	k := newKeptRoom(t)
	k.takes(t, k.listed(1, 0x33, 0x11, 0x22), "3 entries: 3 newly revoked")
	k.takes(t, k.listed(2, 0x22, 0x44, 0x33, 0x11), "4 entries: 1 newly revoked")
	k.takes(t, k.listed(3, 0x44, 0x33, 0x11), `serial 22 is "revoked`)
	k.takes(t, k.listed(2, 0x22, 0x44, 0x33, 0x11), "which was here already")
	k.takes(t, k.listed(1, 0x33, 0x11, 0x22), "number 2 has replaced it since")
}

// TestExpiredLeaves: an entry leaves the list after its certificate has expired, and not because nobody knows the
// certificate.
func TestExpiredLeaves(t *testing.T) {
	t.Parallel()
	k := newKeptRoom(t)
	short := k.ca.Certificate(inputtest.Certificate{Serial: number(0x12),
		NotAfter: inputtest.Time(k.now.Add(24 * time.Hour))})
	k.takes(t, short, "recorded in the private master and in the inventory")
	k.takes(t, k.listed(1, 0x12, 0x13), "2 entries")
	k.now = k.now.Add(48 * time.Hour)
	later := func(n byte, serials ...byte) []byte {
		l := inputtest.List{Number: number(n), This: inputtest.Time(k.now.Add(-time.Minute)),
			Next: inputtest.Time(k.now.Add(72 * time.Hour))}
		for _, s := range serials {
			l.Entries = append(l.Entries, inputtest.Entry{Serial: number(s)})
		}
		return k.ca.List(l)
	}
	// it has to stand on one list after its expiry (RFC 5280 section 3.3)
	k.takes(t, later(2, 0x13), `serial 12 is "revoked`)
	k.takes(t, later(2, 0x12, 0x13), "2 entries")
	k.now = k.now.Add(time.Hour)
	k.takes(t, later(3, 0x12), "nobody knows when its certificate expires")
	k.takes(t, later(3, 0x13), "1 entries")
	must(t, k.do(t, func(r *room.Room) error {
		for e, err := range r.Log.Log().Entries(t.Context(), 0, r.Log.Log().Size()) {
			if err != nil || e.Expiry != nil && e.Expiry.Entries[0].Serial == "12" {
				return err
			}
		}
		return errors.New("the log does not say that the certificate expired")
	}))
}

// TestAcceptKeepsItsHandsOff: what the room signs itself is not taken from outside.
func TestAcceptKeepsItsHandsOff(t *testing.T) {
	t.Parallel()
	tr := newTestRoom(t, t.TempDir())
	tr.issue(t, 1)
	must(t, tr.run(t), tr.do(t, func(r *room.Room) error {
		state, err := r.LogState(t.Context())
		if err != nil {
			return err
		}
		line, _ := state.Get("crl/ca.crl")
		raw, err := r.Log.Log().ReadBlob(t.Context(), line)
		if err != nil {
			return err
		}
		res, err := accept.Inputs(t.Context(), r,
			[]accept.Input{inputOf("own", raw), inputOf("ca", r.Certificate("ca").Raw)})
		if err == nil &&
			(!strings.Contains(res.Verdicts[0].Refused, "whose lists are signed in this room") ||
				!res.Verdicts[1].Present) {
			t.Errorf("%s\n%s", res.Verdicts[0].String(), res.Verdicts[1].String())
		}
		if kind := artifact.Parse(raw).Kind; kind != artifact.CRL {
			t.Errorf("the list is a %s", kind)
		}
		return err
	}))
}
