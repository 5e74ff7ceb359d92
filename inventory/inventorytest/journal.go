package inventorytest

import (
	"context"
	"database/sql"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"

	"seihon/artifact"
	"seihon/inventory"
)

// record takes what the private master lacks, as the room does when it commits.
func (b *Bench) record(t *testing.T, size int64) [][]byte {
	t.Helper()
	var lines [][]byte
	for _, line := range collect(t, b.Journal(t.Context())) {
		lines = append(lines, slices.Clone(line))
	}
	must(t, b.MarkRecorded(t.Context(), place, inventory.Position{Size: size, Root: artifact.Sum([]byte("root"))}))
	return lines
}

// newestFirst gives the records of several commits as Heal wants them.
func newestFirst(commits ...[][]byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, lines := range slices.Backward(commits) {
			for _, line := range lines {
				if !yield(line, nil) {
					return
				}
			}
		}
	}
}

func (b *Bench) heal(t *testing.T, size int64, commits ...[][]byte) *inventory.Healed {
	t.Helper()
	healed, err := b.Heal(t.Context(), inventory.Healing{Origin: place, Records: newestFirst(commits...),
		Position: inventory.Position{Size: size, Root: artifact.Sum([]byte("root"))}})
	must(t, err)
	return healed
}

// lived fills an inventory with one of everything that is recorded.
func (b *Bench) lived(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	b.AddIssuer(t, "root", 1)
	b.AddIssuer(t, Issuer, 4)
	batch, rows := intents(t, 1, 2)
	must(t, b.ReserveIssuance(ctx, Issuer, place, batch))
	must(t, b.RecordIssued(ctx, Issuer, place, committed(batch, 3), rows, nil))
	b.Issue(t, Issuer, year, 3, 4, 5, 6)
	must(t, b.Reserve(ctx, Issuer, Serial(7)))
	must(t, b.Revoke(ctx, Issuer, Serial(1), key, inventory.RevokeOptions{}))
	must(t, b.Revoke(ctx, Issuer, Serial(3), inventory.Revocation{Time: key.Time, Reason: 6}, none))
	must(t, b.Revoke(ctx, Issuer, Serial(4), inventory.Revocation{Time: key.Time, Reason: inventory.NoReason,
		InvalidityDate: key.Time}, none))
	_, err := b.DeclareNeverIssued(ctx, inventory.Declaration{Issuer: Issuer, Serials: [][]byte{Serial(8)}})
	must(t, err)
	for range 3 {
		_, err := b.NextCRLNumber(ctx, Issuer, "full")
		must(t, err)
	}
}

// rows are the certificates of the suite's issuer as they stand.
func (b *Bench) rows(t *testing.T) []inventory.Entry {
	t.Helper()
	var all []inventory.Entry
	for _, e := range collect(t, b.Export(t.Context(), Issuer)) {
		full, err := b.Get(t.Context(), Issuer, e.Serial)
		must(t, err)
		full.ThisUpdate, full.NextUpdate = e.ThisUpdate, e.NextUpdate
		all = append(all, *full)
	}
	return all
}

// other opens another, empty inventory of the same kind.
func (b *Bench) other(t *testing.T) *Bench {
	t.Helper()
	c := &Bench{Clock: b.Clock, NewDSN: b.NewDSN, DSN: b.NewDSN(t)}
	c.DB = c.Open(t)
	return c
}

// edit changes the database behind the back of the inventory.
func (b *Bench) edit(t *testing.T, statement string, args ...any) {
	t.Helper()
	db := b.bare(t)
	defer db.Close()
	res, err := db.ExecContext(t.Context(), statement, args...)
	must(t, err)
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s: changed %d rows, %v", statement, n, err)
	}
}

// bare opens the database itself.
func (b *Bench) bare(t *testing.T) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", b.DSN
	if !strings.HasPrefix(dsn, "postgres") {
		driver, dsn = "sqlite", strings.TrimPrefix(dsn, "sqlite:")
	}
	db, err := sql.Open(driver, dsn)
	must(t, err)
	return db
}

// query reads one value out of the database itself.
func (b *Bench) query(t *testing.T, query string, to any) {
	t.Helper()
	db := b.bare(t)
	defer db.Close()
	must(t, db.QueryRowContext(t.Context(), query).Scan(to))
}

func testJournal(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.lived(t)
	if _, err := b.Position(ctx, "another log"); err == nil {
		t.Error("a position in a log that was never seen")
	}
	unrecorded := func() bool {
		any, err := b.Unrecorded(ctx)
		must(t, err)
		return any
	}
	first := collect(t, b.Journal(ctx))
	if again := collect(t, b.Journal(ctx)); len(again) != len(first) || !unrecorded() {
		t.Errorf("what is on its way has %d records, then %d", len(first), len(again))
	}
	b.record(t, 5)
	if p, err := b.Position(ctx, place); err != nil || p.Size != 5 {
		t.Errorf("position is %+v, %v", p, err)
	}
	// That there is a head stays known, also where somebody writes a position without one.
	for _, headed := range []bool{false, true, true, false} {
		must(t, b.SetPosition(ctx, "headed log", inventory.Position{Size: 1, Headed: headed}))
	}
	if p, err := b.Position(ctx, "headed log"); err != nil || !p.Headed {
		t.Errorf("position is %+v, %v", p, err)
	}
	if p, err := b.Position(ctx, place); err != nil || p.Headed {
		t.Errorf("the head of another log counts: %+v, %v", p, err)
	}
	if left := collect(t, b.Journal(ctx)); len(left) != 0 || unrecorded() {
		t.Errorf("after it was recorded: %s", left)
	}
	// A change in the middle of a commit is not taken for recorded.
	must(t, b.Revoke(ctx, Issuer, Serial(5), key, none))
	_ = collect(t, b.Journal(ctx))
	must(t, b.Revoke(ctx, Issuer, Serial(6), key, none))
	must(t, b.MarkRecorded(ctx, place, inventory.Position{Size: 6}))
	if left := b.record(t, 7); len(left) != 2+1+1 { // issuers, the row, its event
		t.Errorf("the change in the middle left %d records:\n%s", len(left), left)
	}
}

// testHealLost makes an inventory again from what was recorded of it.
func testHealLost(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.lived(t)
	first := b.record(t, 5)
	must(t, b.Revoke(ctx, Issuer, Serial(3), inventory.Revocation{Time: Epoch, Reason: 8}, none)) // released
	must(t, b.Revoke(ctx, Issuer, Serial(5), key, none))
	second := b.record(t, 6)
	c := b.other(t)
	dry, err := c.Heal(ctx, inventory.Healing{Origin: place, Records: newestFirst(first, second), DryRun: true})
	must(t, err)
	if issuers, err := c.Issuers(ctx); err != nil || len(issuers) != 0 {
		t.Errorf("a dry run left %v, %v", issuers, err)
	}
	if healed := c.heal(t, 6, first, second); !reflect.DeepEqual(healed, dry) || len(healed.Certificates) != 8 {
		t.Errorf("healed %+v, the dry run said %+v", healed, dry)
	}
	if want, got := b.rows(t), c.rows(t); len(want) != 8 || !reflect.DeepEqual(got, want) {
		t.Errorf("rows are\n%+v, want\n%+v", got, want)
	}
	for _, bench := range []*Bench{b, c} { // nothing is left to heal, in either
		if healed := bench.heal(t, 6, first, second); healed.Any() {
			t.Errorf("healing again changed %+v", healed)
		}
		if any, err := bench.Unrecorded(ctx); err != nil || any {
			t.Errorf("unrecorded: %v, %v", any, err)
		}
	}
	if n, err := c.LastCRLNumber(ctx, Issuer, "full"); err != nil || n.Int64() != 3 {
		t.Errorf("the CRL number is %v, %v, want 3", n, err)
	}
	if p, err := c.Position(ctx, place); err != nil || p.Size != 6 {
		t.Errorf("position is %+v, %v", p, err)
	}
}

// testWhole makes an inventory again from a record of each row alone, as after a loss of the records before.
func testWhole(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.lived(t)
	b.record(t, 5)
	batch, _ := intents(t, 9)
	must(t, b.ReserveIssuance(ctx, Issuer, place, batch))
	must(t, b.Committed(ctx, Issuer, place, committed(batch, 7)))
	var whole [][]byte
	for _, line := range collect(t, b.Whole(ctx)) {
		whole = append(whole, slices.Clone(line))
	}
	c := b.other(t)
	c.heal(t, 8, whole)
	if want, got := b.rows(t), c.rows(t); len(want) != 9 || !reflect.DeepEqual(got, want) {
		t.Errorf("rows are\n%+v, want\n%+v", got, want)
	}
	asked, _ := intents(t, 1)
	if e, err := c.Issuance(ctx, Issuer, asked[0].CSR); err != nil || len(e.DER) == 0 {
		t.Errorf("the certificate of a request is %+v, %v", e, err)
	}
	if want, got := collect(t, b.Pending(ctx, Issuer, place)),
		collect(t, c.Pending(ctx, Issuer, place)); len(want) != 1 || !reflect.DeepEqual(got, want) {
		t.Errorf("to be signed is %+v, want %+v", got, want)
	}
	if want, got := collect(t, b.Events(ctx, Issuer, nil)),
		collect(t, c.Events(ctx, Issuer, nil)); !reflect.DeepEqual(got, want) {
		t.Errorf("history is %+v, want %+v", got, want)
	}
	if n, err := c.LastCRLNumber(ctx, Issuer, "full"); err != nil || n.Int64() != 3 {
		t.Errorf("the CRL number is %v, %v, want 3", n, err)
	}
	if healed := b.heal(t, 8, whole); healed.Any() {
		t.Errorf("its own records changed %+v", healed)
	}
}

// testHealOlder restores an older state, and uses it before it is healed.
func testHealOlder(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.lived(t)
	first := b.record(t, 5)
	c := b.other(t)
	c.heal(t, 5, first)
	must(t, b.Revoke(ctx, Issuer, Serial(5), key, none))
	second := b.record(t, 6)
	// The restored one hears of another revocation, and of one that the master has with another date.
	later := inventory.Revocation{Time: Epoch, Reason: 4}
	must(t, c.Revoke(ctx, Issuer, Serial(6), later, none))
	healed := c.heal(t, 6, first, second)
	if len(healed.Certificates) != 1 || healed.Certificates[0].Was != "issued" ||
		!strings.HasPrefix(healed.Certificates[0].Now, "revoked") {
		t.Errorf("healed %+v", healed)
	}
	for n, want := range map[int]inventory.Revocation{5: key, 6: later} {
		if e, err := c.Get(ctx, Issuer, Serial(n)); err != nil || e.State != inventory.Revoked || e.Revocation != want {
			t.Errorf("certificate %d is %+v, %v", n, e, err)
		}
	}
	if left := collect(t, c.Journal(ctx)); len(left) != 2+1+1 {
		t.Errorf("what was said here since has %d records:\n%s", len(left), left)
	}
}

// testHealEdited sets back rows that somebody edited in the database itself.
func testHealEdited(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.lived(t)
	first := b.record(t, 5)
	want := b.rows(t)
	for name, edit := range map[string]func(){
		"revoked made good": func() {
			b.edit(t,
				`UPDATE certificates SET state = 1, revoked_at = NULL, reason = -1, revoked_here = 0 WHERE serial = $1`,
				Serial(1))
		},
		"another date": func() {
			b.edit(t, `UPDATE certificates SET revoked_at = revoked_at - 60 WHERE serial = $1`,
				Serial(4))
		},
		"another reason": func() { b.edit(t, `UPDATE certificates SET reason = 4 WHERE serial = $1`, Serial(1)) },
		"marked as changed": func() {
			b.edit(t,
				`UPDATE certificates SET state = 1, revoked_at = NULL, reason = -1, recorded = 0, revision = revision + 1 WHERE serial = $1`, Serial(1))
		},
		"row deleted": func() {
			b.edit(t, `DELETE FROM bodies WHERE serial = $1`, Serial(1))
			b.edit(t, `DELETE FROM certificates WHERE serial = $1`, Serial(1))
		},
		"events deleted": func() { b.edit(t, `DELETE FROM events WHERE serial = $1`, Serial(1)) },
		"number lowered": func() { b.edit(t, `UPDATE counters SET value = $1 WHERE name LIKE 'crl/%'`, []byte{1}) },
	} {
		edit()
		if healed := b.heal(t, 5, first); !healed.Any() {
			t.Errorf("%s: nothing healed", name)
		}
		got := b.rows(t)
		for i := range got { // a healed row is newer than any edit of it
			if i < len(want) && got[i].Revision >= want[i].Revision {
				got[i].Revision = want[i].Revision
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: rows are\n%+v, want\n%+v", name, got, want)
		}
		if n, err := b.LastCRLNumber(ctx, Issuer, "full"); err != nil || n.Int64() != 3 {
			t.Errorf("%s: the CRL number is %v, %v", name, n, err)
		}
		first = append(b.record(t, 5), first...)
	}
	b.edit(t, `UPDATE certificates SET state = 2, revoked_at = 1, recorded = 0 WHERE serial = $1`, Serial(6))
	if edited, err := b.Unvouched(ctx); err != nil || len(edited) != 1 || edited[0].Serial == "" {
		t.Errorf("revoked with nobody behind it: %+v, %v", edited, err)
	}
	standings, err := b.Standings(ctx, Issuer, [][]byte{Serial(1), Serial(6), Serial(9)})
	if must(t, err); len(standings) != 2 || !standings[string(Serial(1))].Recorded ||
		standings[string(Serial(6))].Recorded {
		t.Errorf("standings are %+v", standings)
	}
}

// testHealRefuses leaves the inventory as it was when a record cannot be true.
func testHealRefuses(t *testing.T, b *Bench) {
	b.lived(t)
	first := b.record(t, 5)
	want := b.rows(t)
	var row string
	for _, line := range first {
		if strings.Contains(string(line), `"t":"certificate"`) {
			row = string(line)
		}
	}
	for name, line := range map[string]string{
		"no JSON":       "x",
		"no kind":       `{"t":"other"}`,
		"no serial":     `{"t":"certificate","issuer":"sub","state":"issued"}`,
		"no state":      strings.Replace(row, `"state":"`, `"state":"un`, 1),
		"another key":   `{"t":"issuer","issuer":"sub","key":"` + artifact.Sum([]byte("x")).String() + `","shards":1}`,
		"half a key":    `{"t":"issuer","issuer":"new","key":"00","shards":1}`,
		"no number":     `{"t":"counter","issuer":"sub","name":"full","value":"x"}`,
		"unknown owner": strings.Replace(row, `"issuer":"sub"`, `"issuer":"nobody"`, 1),
	} {
		_, err := b.Heal(context.WithoutCancel(t.Context()),
			inventory.Healing{Origin: place, Records: newestFirst(first, [][]byte{[]byte(line)})})
		wantRefused(t, name, err)
	}
	if got := b.rows(t); !reflect.DeepEqual(got, want) {
		t.Errorf("rows are\n%+v, want\n%+v", got, want)
	}
}
