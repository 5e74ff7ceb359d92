package ledger

import (
	"fmt"
	"slices"
	"testing"
)

// TestCloseKeepsTheIndex compares what the index says after several sessions
// with the log.
func TestCloseKeepsTheIndex(t *testing.T) {
	r, dir := newRoom(t, testOrigin), t.TempDir()
	c := r.config()
	c.Index = true
	r.create(t, dir).Close()
	for i := range 4 {
		w, err := OpenWriter(t.Context(), dir, c)
		if err != nil {
			t.Fatal(err)
		}
		if i < 3 {
			batch(t, w, i, "crl/a.crl", fmt.Sprintf("crl/%d.crl", i))
		} else {
			if err := w.Append(t.Context(),
				&Entry{Withdraw: &Withdraw{Names: []WithdrawnName{{Name: "crl/1.crl"}}}}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		l := r.open(t, dir)
		x := l.openIndex(t.Context())
		if x == nil || x.size != l.Size() {
			t.Fatalf("session %d: the index is %+v", i, x)
		}
		x.close()
		if got, err := Check(t.Context(), dir, r.v, CheckConfig{Now: c.Now}); err != nil || len(got) > 0 {
			t.Errorf("session %d: %v %v", i, got, err)
		}
	}
	// One that is behind is read together with the rest of the log.
	w, err := OpenWriter(t.Context(), dir, r.config())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	batch(t, w, 9, "crl/a.crl", "crl/1.crl")
	l := w.Log().UseIndex()
	want, err := l.Replay(t.Context(), l.Size())
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.State(t.Context(), l.Size())
	if err != nil || !slices.Equal(got.lines, want.lines) {
		t.Errorf("state %v, want %v, %v", got, want, err)
	}
	for line := range want.All() {
		if got, _, err := l.Lookup(t.Context(), line.Name); err != nil || got != line {
			t.Errorf("%s: %+v %v", line.Name, got, err)
		}
	}
}

// TestForeignIndexIsNotBelieved changes index.db of a master that came from
// elsewhere: a reader must not publish what it says.
func TestForeignIndexIsNotBelieved(t *testing.T) {
	f := newFixture(t)
	l := f.open(t, f.dir)
	want, _, err := l.Lookup(t.Context(), "crl/a.crl")
	if err != nil {
		t.Fatal(err)
	}
	f.sql(t, `UPDATE current SET line = replace(line, ' 4', ' 1')`)
	s, err := l.State(t.Context(), l.Size())
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := s.Get("crl/a.crl"); !ok || got != want {
		t.Errorf("State: %+v", got)
	}
	if got, _, err := l.Lookup(t.Context(), "crl/a.crl"); err != nil || got != want {
		t.Errorf("Lookup: %+v %v", got, err)
	}
	if got, _, err := l.UseIndex().Lookup(t.Context(), "crl/a.crl"); err != nil || got == want {
		t.Errorf("the index was not changed: %+v %v", got, err)
	}
}

func (f *fixture) sql(t *testing.T, q string) {
	t.Helper()
	db, err := openSQLite(f.path(indexFile), "rw")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(q); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", q, err))
	}
}
