package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKeyRotation(t *testing.T) {
	old, next, third := newRoom(t, testOrigin), newRoom(t, testOrigin), newRoom(t, testOrigin)
	dir := t.TempDir()
	w := old.create(t, dir)
	batch(t, w, 1, "crl/a.crl")
	before := w.Log().Checkpoint()
	handover, err := w.RotateKeys(t.Context(), next.signers, "planned")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.v.Open(handover); err != nil {
		t.Errorf("the handover is not signed by the old keys: %v", err)
	}
	for i, pin := range []*room{old, next} { // nothing is signed by the new keys yet
		if l, err := Open(t.Context(), dir, pin.v); err != nil || !slices.Equal(l.Keys(), old.v.Keys()) {
			t.Errorf("pin %d, at the handover: %v", i, err)
		}
	}
	if _, err := Open(t.Context(), dir, third.v); !errors.Is(err, ErrKey) {
		t.Errorf("a foreign pin at the handover: %v", err)
	}
	w.Close()
	if w, err = OpenWriter(t.Context(), dir, next.config()); err != nil {
		t.Fatal(err)
	}
	batch(t, w, 2, "crl/a.crl")
	if _, err := next.v.Open(w.Log().Checkpoint()); err != nil {
		t.Errorf("the checkpoint after is not signed by the new keys: %v", err)
	}
	if _, err := w.RotateKeys(t.Context(), third.signers, "again"); err != nil {
		t.Fatal(err)
	}
	w.Close()

	// The retired keys cannot go on, the appointed ones can, with any pin.
	c := old.config()
	if _, err := OpenWriter(t.Context(), dir, c); !errors.Is(err, ErrKey) {
		t.Errorf("a writer with retired keys: %v", err)
	}
	c.Signers, c.Verifier = third.signers, old.v
	if w, err = OpenWriter(t.Context(), dir, c); err != nil {
		t.Fatal(err)
	}
	batch(t, w, 3, "crl/b.crl")
	w.Close()
	for i, pin := range []*room{old, next, third} {
		l, err := Open(t.Context(), dir, pin.v)
		if err != nil {
			t.Errorf("pin %d: %v", i, err)
			continue
		}
		if !slices.Equal(l.Keys(), third.v.Keys()) {
			t.Errorf("pin %d: read with the keys %v", i, l.Keys())
		}
		for _, cp := range [][]byte{before, handover} {
			if err := l.Consistent(t.Context(), cp); err != nil {
				t.Errorf("pin %d: %v", i, err)
			}
		}
		got, err := Check(t.Context(), dir, pin.v,
			CheckConfig{Now: func() time.Time { return old.now }, Known: [][]byte{before, handover}})
		if err != nil || len(got) > 0 {
			t.Errorf("pin %d: %v %v", i, got, err)
		}
	}
	if _, err := Open(t.Context(), dir, newRoom(t, testOrigin).v); !errors.Is(err, ErrKey) {
		t.Errorf("a foreign pin: %v", err)
	}
}

// TestRetiredKeyCannotSign re-signs a rotated log with the old keys.
func TestRetiredKeyCannotSign(t *testing.T) {
	old, next, dir := newRoom(t, testOrigin), newRoom(t, testOrigin), t.TempDir()
	w := old.create(t, dir)
	batch(t, w, 1, "crl/a.crl")
	if _, err := w.RotateKeys(t.Context(), next.signers, ""); err != nil {
		t.Fatal(err)
	}
	batch(t, w, 2, "crl/a.crl")
	w.Close()
	f := &fixture{room: old, dir: dir}
	text, _, _ := strings.Cut(string(f.read(t, "log/checkpoint")), "\n\n")
	for _, p := range []string{"log/checkpoint", "log/checkpoints/3"} {
		f.write(t, p, f.sign(t, text+"\n"))
	}
	got, err := Check(t.Context(), dir, old.v, CheckConfig{Now: func() time.Time { return old.now }})
	if err != nil || !slices.ContainsFunc(got, func(g Finding) bool { return g.Code == CodeRetiredKey }) {
		t.Errorf("%v %v", got, err)
	}
	if got, _ := Check(t.Context(), dir, next.v, CheckConfig{}); !slices.ContainsFunc(got,
		func(g Finding) bool { return g.Code == CodeKey }) {
		t.Errorf("with the new keys pinned: %v", got)
	}
}

func TestFreeze(t *testing.T) {
	r, dir := newRoom(t, testOrigin), t.TempDir()
	w := r.create(t, dir)
	batch(t, w, 1, "crl/a.crl")
	if _, err := w.Freeze(t.Context(), Freeze{Reason: "the CA ends", Successor: "next"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(t.Context(), &Entry{Evidence: &Evidence{Kind: "k"}}); !errors.Is(err, ErrFrozen) {
		t.Errorf("an entry after the freeze: %v", err)
	}
	w.Close()
	w, err := OpenWriter(t.Context(), dir, r.config())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Append(t.Context(), &Entry{Evidence: &Evidence{Kind: "k"}}); !errors.Is(err, ErrFrozen) {
		t.Errorf("an entry after the freeze, opened again: %v", err)
	}
	if _, err := w.RotateKeys(t.Context(), newRoom(t, testOrigin).signers, ""); !errors.Is(err, ErrFrozen) {
		t.Errorf("a key rotation after the freeze: %v", err)
	}
	if f := w.Log().Frozen(); f == nil || f.Successor != "next" {
		t.Errorf("frozen: %+v", f)
	}
}
