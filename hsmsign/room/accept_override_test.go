package room_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/accept"
	"seihon/hsmsign/room"
	"seihon/hsmsign/schedule"
	"seihon/internal/inputtest"
	"seihon/inventory"
	"seihon/override"
)

// overrideFor is a signed override for a list.
func overrideFor(t testing.TB, key ed25519.PrivateKey, list []byte, change func(*override.Override)) []byte {
	t.Helper()
	o := override.Override{Digest: artifact.Sum(list), Allow: []string{override.Changed},
		Reason: "revoked by mistake, ticket 4711", Expires: inputtest.Now.Add(time.Hour)}
	if change != nil {
		change(&o)
	}
	text, err := o.Sign(key)
	must(t, err)
	return text
}

// together hands inputs over at once, and gives what became of each in a line.
func (k *keptRoom) together(t testing.TB, raw ...[]byte) (lines []string) {
	t.Helper()
	var inputs []accept.Input
	for n, one := range raw {
		inputs = append(inputs, inputOf(fmt.Sprint(n), one))
	}
	must(t, k.do(t, func(r *room.Room) error {
		res, err := accept.Inputs(t.Context(), r, inputs)
		for i := range res.Verdicts {
			lines = append(lines, res.Verdicts[i].String())
		}
		return err
	}))
	return lines
}

// says wants each line to begin so.
func says(t testing.TB, lines []string, want ...string) {
	t.Helper()
	for i, w := range want {
		if !strings.HasPrefix(lines[i], w) {
			t.Errorf("%s\nwant %s", lines[i], w)
		}
	}
}

// TestAcceptOverride: a list that does not revoke any more what an earlier one revoked comes in with an override for
// this very list, signed by a pinned key. The log has the override before the list, it counts once, and the answers
// follow.
func TestAcceptOverride(t *testing.T) {
	t.Parallel()
	key, yaml := pinOverrides(t, t.TempDir())
	_, stranger, _ := ed25519.GenerateKey(nil)
	k := newKeptRoomOf(t, yaml)
	run := func() {
		t.Helper()
		must(t,
			k.do(t, func(r *room.Room) error { _, err := schedule.Run(t.Context(), r, schedule.Force{}); return err }))
	}
	k.takes(t, k.listed(1, 0x10, 0x11), "2 entries")
	run()
	back := k.listed(2, 0x11)
	k.takes(t,
		back,
		"hand it over together with a signed override for digest "+artifact.Sum(back).String()+" that allows changed")

	good := overrideFor(t, key, back, nil)
	unused := "refused   1: crl/kept.crl unsays what the master says: serial 10"
	says(t, k.together(t, overrideFor(t, stranger, back, nil), back),
		"refused   0: no key of trust.override_keys signed this override", unused)
	says(t, k.together(t, overrideFor(t, key, back, func(o *override.Override) { o.Expires = k.now }), back),
		"refused   0: using override: it expired", unused)
	says(t, k.together(t, overrideFor(t, key, back,
		func(o *override.Override) { o.Allow = []string{override.Vanished} }), back),
		"refused   0: using override: it allows vanished", unused)
	says(t, k.together(t, overrideFor(t, key, k.listed(3, 0x11), nil), back),
		"waits     0: it is an override for the list with digest", unused)
	says(t, k.together(t, good, back[:50]), "waits     0: it is an override for the list with digest", "refused   1: ")
	says(t, k.together(t, append([]byte(nil), good[:len(good)-3]...), back), "refused   0: parsing override", unused)
	if s := k.state(t, 0x10); s != inventory.Revoked {
		t.Fatalf("after refusals it is %v", s)
	}

	accepted := []string{"accepted  0: override of kept; 1 changes of crl/kept.crl are let pass: revoked by mistake, " +
		"ticket 4711", "accepted  1: crl of kept, public as crl/kept.crl; 1 entries: 0 newly revoked, 0 released"}
	says(t, k.together(t, good, back), accepted...)
	if s := k.state(t, 0x10); s != inventory.Issued {
		t.Errorf("after the override it is %v", s)
	}
	run()
	says(t, k.together(t, good, back), "accepted  0: override of kept, which was here already",
		"accepted  1: crl of kept, public as crl/kept.crl, which was here already")
	k.overridden(t, 1)

	k.takes(t, k.listed(3, 0x10, 0x11), "2 entries: 1 newly revoked")
	run()
	again := k.listed(4, 0x11)
	says(t, k.together(t, good, again), "accepted  0: override of kept, which was here already", unused)
	says(t, k.together(t, overrideFor(t, key, again, nil), again), accepted...)
	run()
	k.overridden(t, 2)
	other := k.ca.List(inputtest.List{Number: number(5),
		Entries: []inputtest.Entry{{Serial: number(0x11), Extensions: inputtest.Reason(4)}}})
	k.takes(t,
		other,
		`serial 11 is "revoked 20261126T120000Z - -" in the master and would become "revoked 20261126T120000Z 4 -"`)
	says(t, k.together(t, other, overrideFor(t, key, other, nil)), "accepted  0: crl of kept",
		"accepted  1: override of kept; 1 changes of crl/kept.crl are let pass")
	run()
	k.overridden(t, 3)
	last := k.listed(6, 0x11, 0x12)
	says(t, k.together(t, overrideFor(t, key, last, nil), last), "accepted  0: override of kept; 1 changes",
		"accepted  1: crl of kept")
	needless := k.listed(7, 0x11, 0x12, 0x13)
	says(t, k.together(t, overrideFor(t, key, needless, nil), needless),
		"accepted  0: override of kept; crl/kept.crl says nothing that needed it", "accepted  1: crl of kept")
	k.overridden(t, 4)
}

// overridden wants the log to have that many overrides, each before the list that it is for.
func (k *keptRoom) overridden(t testing.TB, want int) {
	t.Helper()
	n := 0
	must(t, k.do(t, func(r *room.Room) error {
		var open *override.Override
		for e, err := range r.Log.Log().Entries(t.Context(), 0, r.Log.Log().Size()) {
			must(t, err)
			switch {
			case e.Override != nil:
				n++
				if open, err = override.Parse([]byte(e.Override.Text)); err != nil || len(e.Override.Changes) != 1 {
					return errors.Join(err, fmt.Errorf("%d changes", len(e.Override.Changes)))
				}
			case e.Batch != nil && open != nil:
				for line, err := range r.Log.Log().Lines(t.Context(), e.Batch) {
					must(t, err)
					if line.Digest == open.Digest {
						open = nil
						break
					}
				}
			}
		}
		if open != nil {
			return errors.New("an override has no list behind it")
		}
		return nil
	}))
	if n != want {
		t.Errorf("%d overrides in the log, want %d", n, want)
	}
}
