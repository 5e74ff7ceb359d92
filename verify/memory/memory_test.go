package memory_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"testing"

	"seihon/verify/memory"
)

const crl = "crl/sub.crl"

// A tale is a history and the faults that it must yield: code and serial number in hexadecimal, or code alone.
type tale struct {
	name string
	tell func(r *record)
	want []string
}

func run(t *testing.T, tales []tale) {
	t.Helper()
	for _, c := range tales {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRecord(t)
			c.tell(r)
			var got, told []string
			for _, f := range r.check().Faults() {
				got = append(got, strings.TrimSpace(f.Code+" "+strings.Join(f.Serials, " ")))
				told = append(told, f.Code+": "+f.String())
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("faults %q, want %q\n%s", got, c.want, strings.Join(told, "\n"))
			}
		})
	}
}

var (
	final  = row{serial: 5, at: 0.5, reason: 1}
	second = row{serial: 0x90, at: 0.25, reason: 4}
	hold   = row{serial: 7, at: 0.5, reason: 6}
)

func (e row) with(change func(*row)) row {
	change(&e)
	return e
}

func at(day float64) func(*row)      { return func(e *row) { e.at = day } }
func reason(code int) func(*row)     { return func(e *row) { e.reason = code } }
func invalid(day float64) func(*row) { return func(e *row) { e.invalid = day } }
func status(s string) func(*row)     { return func(e *row) { e.status = s } }

func TestLists(t *testing.T) {
	t.Parallel()
	lists := func(days ...[]row) func(*record) {
		return func(r *record) {
			for _, rows := range days {
				r.list(crl, rows...)
			}
		}
	}
	rows := func(r ...row) []row { return r }
	run(t, []tale{
		{"nothing changes", lists(rows(final, second, hold), rows(final, second, hold)), nil},
		{"entries in another order", lists(rows(second, final), rows(final, second)), nil},
		{"one more", lists(rows(final), rows(final, second)), nil},
		{"unspecified in place of none", lists(rows(final.with(reason(0))), rows(final.with(reason(0)))), nil},
		{"vanished", lists(rows(final, second), rows(second)), []string{"memory-vanished 5"}},
		{"vanished in the past and back again", lists(rows(final), rows(), rows(final)), []string{"memory-vanished 5"}},
		{"all vanished", lists(rows(final, second), rows()), []string{"memory-vanished 5 90"}},
		{"changed date", lists(rows(final), rows(final.with(at(0.75)))), []string{"memory-changed 5"}},
		{"changed reason", lists(rows(final), rows(final.with(reason(4)))), []string{"memory-changed 5"}},
		{"reason taken away", lists(rows(final), rows(final.with(reason(0)))), []string{"memory-changed 5"}},
		{"an invalidity date where there was none", lists(rows(final), rows(final.with(invalid(0.1)))),
			[]string{"memory-changed 5"}},
		{"another invalidity date", lists(rows(final.with(invalid(0.2))), rows(final.with(invalid(0.1)))),
			[]string{"memory-changed 5"}},
		{"final becomes hold", lists(rows(final), rows(final.with(reason(6)))), []string{"memory-changed 5"}},
		{"a hold is released", lists(rows(hold), rows()), nil},
		{"a hold becomes final", lists(rows(hold), rows(hold.with(reason(1)))), nil},
		{"a hold becomes final later", lists(rows(hold), rows(hold.with(reason(1)).with(at(0.9)))), nil},
		{"a hold becomes final before it began", lists(rows(hold), rows(hold.with(reason(1)).with(at(0.1)))),
			[]string{"memory-changed 7"}},
		{"a hold is released and begins again", lists(rows(hold), rows(hold.with(at(0.9)))), nil},
		{"a hold begins earlier than it did", lists(rows(hold), rows(hold.with(at(0.1)))),
			[]string{"memory-changed 7"}},
	})
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	run(t, []tale{
		{"by the certificate", func(r *record) {
			r.certificate(5, 1.5)
			r.list(crl, final)
			r.list(crl, final) // stood on the list of day 2
			r.list(crl)
		}, nil},
		{"not on a list after the certificate expired", func(r *record) {
			r.certificate(5, 1.5)
			r.list(crl, final)
			r.list(crl)
		}, []string{"memory-vanished 5"}},
		{"by statement", func(r *record) {
			r.list(crl, final)
			r.list(crl, final)
			r.expiry(5, 1.5)
			r.list(crl)
		}, nil},
		{"by a statement that comes too late", func(r *record) {
			r.list(crl, final)
			r.list(crl, final)
			r.list(crl)
			r.expiry(5, 1.5)
		}, []string{"memory-vanished 5"}},
		{"by a statement about another", func(r *record) {
			r.list(crl, final)
			r.list(crl, final)
			r.expiry(6, 1.5)
			r.list(crl)
		}, []string{"memory-vanished 5"}},
		{"a statement of a later day", func(r *record) {
			r.list(crl, final)
			r.expiry(5, 300)
			r.list(crl)
		}, []string{"memory-vanished 5"}},
		{"a false statement", func(r *record) {
			r.certificate(5, 300)
			r.list(crl, final)
			r.list(crl, final)
			r.expiry(5, 1.5)
			r.list(crl)
		}, []string{"expiry-false 5", "memory-vanished 5"}},
		{"two statements", func(r *record) {
			r.list(crl, final)
			r.list(crl, final)
			r.expiry(5, 1.5)
			r.expiry(5, 1.25)
			r.list(crl)
		}, []string{"expiry-two-dates 5"}},
		{"the same statement twice", func(r *record) {
			r.expiry(5, 1.5)
			r.expiry(5, 1.5)
		}, nil},
		{"a statement that is no serial", func(r *record) {
			r.in.Statements = append(r.in.Statements, memory.Statement{Issuer: "sub", Serial: "xyz", NotAfter: day0})
		}, []string{"expiry-false"}},
		{"a statement about a stranger", func(r *record) {
			r.in.Statements = append(r.in.Statements,
				memory.Statement{Issuer: "stranger", Serial: "05", NotAfter: day0})
		}, []string{"expiry-false"}},
	})
}

// TestInventory lets an inventory settle what the log leaves open.
func TestInventory(t *testing.T) {
	t.Parallel()
	tell := func(statement, known float64) []string {
		r := newRecord(t)
		r.list(crl, final)
		r.list(crl, final)
		if statement > 0 {
			r.expiry(5, statement)
		}
		r.list(crl)
		m := r.check()
		m.Known("sub", []byte{5}, days(known), "the inventory")
		var got []string
		for _, f := range m.Faults() {
			got = append(got, f.Code)
		}
		return got
	}
	for _, c := range []struct {
		statement, known float64
		want             string
	}{{0, 1.5, "[]"}, {0, 300, "[memory-vanished]"}, {1.5, 1.5, "[]"}, {1.5, 300, "[expiry-false]"}} {
		if got := fmt.Sprint(tell(c.statement, c.known)); got != c.want {
			t.Errorf("statement %v, inventory %v: faults %s, want %s", c.statement, c.known, got, c.want)
		}
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	later := final.with(at(0.75))
	changed := memory.Change{Serial: "05", Was: final.String(), Now: later.String()}
	tell := func(allow string, change memory.Change, now ...row) func(*record) {
		return func(r *record) {
			r.list(crl, final)
			r.permit(r.override, allow, change)
			r.list(crl, now...)
		}
	}
	run(t, []tale{
		{"a changed date", tell("changed", changed, later), nil},
		{"a serial without its zero",
			tell("changed", memory.Change{Serial: "5", Was: changed.Was, Now: changed.Now}, later), nil},
		{"for another date", tell("changed", changed, final.with(at(0.8))), []string{"memory-changed 5"}},
		{"from another date", tell("changed", memory.Change{Serial: "05", Was: later.String(), Now: later.String()},
			later), []string{"memory-changed 5"}},
		{"for another certificate",
			tell("changed", memory.Change{Serial: "06", Was: changed.Was, Now: changed.Now}, later),
			[]string{"memory-changed 5"}},
		{"of another kind", tell("older", changed, later), []string{"memory-changed 5"}},
		{"only to vanish", tell("vanished", changed, later), []string{"memory-changed 5"}},
		{"a revocation taken back", tell("changed", memory.Change{Serial: "05", Was: final.String(), Now: "good"}),
			nil},
		{"a revocation that may vanish",
			tell("vanished", memory.Change{Serial: "05", Was: final.String(), Now: "absent"}), nil},
		{"used a second time", func(r *record) {
			r.list(crl, final)
			r.permit(r.override, "vanished", memory.Change{Serial: "05", Was: final.String(), Now: "absent"})
			r.list(crl)
			r.list(crl, final)
			r.list(crl)
		}, []string{"memory-vanished 5"}},
		{"made before what it lets pass", func(r *record) {
			r.permit(r.override, "changed", changed)
			r.list(crl, final)
			r.list(crl, later)
		}, []string{"memory-changed 5"}},
		{"made afterwards", func(r *record) {
			r.list(crl, final)
			r.list(crl, later)
			r.permit(r.override, "changed", changed)
		}, []string{"memory-changed 5"}},
		{"signed by a stranger", func(r *record) {
			_, stranger, _ := ed25519.GenerateKey(rand.Reader)
			r.list(crl, final)
			r.permit(stranger, "changed", changed)
			r.list(crl, later)
		}, []string{"memory-changed 5", "override-unpinned"}},
		{"no key is pinned", func(r *record) {
			r.in.Keys = nil
			r.list(crl, final)
			r.permit(r.override, "changed", changed)
			r.list(crl, later)
		}, []string{"memory-changed 5", "override-unpinned"}},
		{"expired before it was entered", func(r *record) {
			r.list(crl, final)
			r.permit(r.override, "changed", changed)
			r.in.Overrides[0].Time = days(401)
			r.list(crl, later)
		}, []string{"memory-changed 5", "override-unpinned"}},
		{"its signature has a CR behind it", func(r *record) {
			r.list(crl, final)
			r.permit(r.override, "changed", changed)
			r.in.Overrides[0].Text = strings.TrimSuffix(r.in.Overrides[0].Text, "\n") + "\r\n"
			r.list(crl, later)
		}, []string{"memory-changed 5", "override-unpinned"}},
		{"changed after it was signed", func(r *record) {
			r.list(crl, final)
			r.permit(r.override, "changed", changed)
			r.in.Overrides[0].Text = strings.Replace(r.in.Overrides[0].Text, "4711", "4712", 1)
			r.list(crl, later)
		}, []string{"memory-changed 5", "override-unpinned"}},
		{"of nonsense", func(r *record) {
			r.permit(r.override, "changed", memory.Change{Serial: "05", Was: "revoked", Now: "good"})
		}, []string{"override-unpinned"}},
	})
}

func TestScopes(t *testing.T) {
	t.Parallel()
	const onlyUser, uriA, uriAB = "30038101ff", "3009a007a005860361" + "3a62",
		"3010a00ea00c8604613a6263" + "8604613a6264"
	two := func(a, b string, rows ...row) func(*record) {
		return func(r *record) {
			for _, der := range []string{a, b} {
				var change func(*x509.RevocationList)
				if der != "" {
					change = within(der)
				}
				r.listWith(crl, change, rows...)
			}
		}
	}
	const a, ab, b = "300aa008a0068604613a6263", uriAB, "300aa008a0068604613a6264"
	_ = uriA
	run(t, []tale{
		{"the same", two(a, a, final), nil},
		{"narrower: only subscribers", two("", onlyUser, final), []string{"memory-scope"}},
		{"wider", two(onlyUser, "", final), nil},
		{"another address", two(a, b, final), []string{"memory-scope"}},
		{"one address more", two(a, ab, final), nil},
		{"one address less", two(ab, a, final), []string{"memory-scope"}},
		{"a shard loses serials when shards change", func(r *record) {
			r.listWith("crl/sub/0.crl", within(a), final, second)
			r.listWith("crl/sub/1.crl", within(b), hold)
			r.listWith("crl/sub/0.crl", within(a), final)
			r.listWith("crl/sub/1.crl", within(b), hold, second)
		}, []string{"memory-vanished 90"}},
		{"a list is withdrawn", func(r *record) {
			r.list(crl, final, second, hold)
			r.in.Withdrawn[crl] = memory.Withdrawal{Index: 2, Time: days(2)}
			r.list("crl/new.crl", second)
		}, []string{"memory-withdrawn 5"}},
		{"a list is withdrawn, another has it all", func(r *record) {
			r.list(crl, final, second, hold)
			r.in.Withdrawn[crl] = memory.Withdrawal{Index: 2, Time: days(2)}
			r.list("crl/new.crl", second, final)
		}, nil},
	})
}

func TestDeltas(t *testing.T) {
	t.Parallel()
	const delta = "crl/sub-delta.crl"
	remove := hold.with(reason(8))
	run(t, []tale{
		{"a delta grows", func(r *record) {
			r.list(crl, final)
			r.listWith(delta, deltaOf(1), second)
			r.listWith(delta, deltaOf(1), second, hold)
			r.list(crl, final, second, hold)
		}, nil},
		{"a delta forgets", func(r *record) {
			r.list(crl, final)
			r.listWith(delta, deltaOf(1), second)
			r.listWith(delta, deltaOf(1))
		}, []string{"memory-delta 90"}},
		{"a delta forgets a hold", func(r *record) {
			r.list(crl, final)
			r.listWith(delta, deltaOf(1), hold)
			r.listWith(delta, deltaOf(1))
		}, []string{"memory-delta 7"}},
		{"a hold leaves by removeFromCRL", func(r *record) {
			r.list(crl, hold)
			r.listWith(delta, deltaOf(1), remove)
			r.list(crl)
		}, nil},
		{"a hold in a delta leaves by removeFromCRL", func(r *record) {
			r.list(crl)
			r.listWith(delta, deltaOf(1), hold)
			r.listWith(delta, deltaOf(1), remove)
			r.list(crl)
		}, nil},
		{"removeFromCRL for a revocation for good", func(r *record) {
			r.list(crl, final)
			r.listWith(delta, deltaOf(1), final.with(reason(8)))
		}, []string{"memory-vanished 5"}},
		{"a delta changes what the base says", func(r *record) {
			r.list(crl, final)
			r.listWith(delta, deltaOf(1), final.with(at(0.75)))
		}, []string{"memory-changed 5"}},
		{"the complete list forgets what a delta said", func(r *record) {
			r.list(crl, final)
			r.listWith(delta, deltaOf(1), second)
			r.list(crl, final)
		}, []string{"memory-vanished 90"}},
		{"a new base", func(r *record) {
			r.list(crl, final)
			r.listWith(delta, deltaOf(1), second)
			r.list(crl, final, second)
			r.listWith(delta, deltaOf(3))
		}, nil},
		{"a hold ended, the delta to the old base does not say so", func(r *record) {
			r.list(crl, hold)
			r.list(crl)
			r.listWith(delta, deltaOf(1), final)
		}, []string{"memory-delta 7"}},
		{"a hold ended, the delta to the old base says so", func(r *record) {
			r.list(crl, hold)
			r.list(crl)
			r.listWith(delta, deltaOf(1), remove)
		}, nil},
		{"a hold ended before the base", func(r *record) {
			r.list(crl, hold)
			r.list(crl)
			r.listWith(delta, deltaOf(2), final)
		}, nil},
	})
}
