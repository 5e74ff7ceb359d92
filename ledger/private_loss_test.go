package ledger

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPrivateLoss: a lost manifest is an error until the log says that it is lost; one that is lost later stays an
// error.
func TestPrivateLoss(t *testing.T) {
	f := withPrivate(t)
	w, err := OpenWriter(t.Context(), f.dir, f.config())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	first := privateOf(t, w.Log())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	codes := func(private bool) (all []string) {
		t.Helper()
		found, err := Check(t.Context(), f.dir, f.v,
			CheckConfig{Now: func() time.Time { return f.now }, Private: private})
		must(err)
		for _, x := range found {
			all = append(all, x.Severity+" "+x.Code)
		}
		return all
	}
	is := func(got []string, want ...string) {
		t.Helper()
		if strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("found %q, want %q", got, want)
		}
	}

	must(w.Log().NewestPrivate(t.Context()))
	if e, err := w.Log().PrivateLoss(t.Context(), "none"); err != nil || e != nil {
		t.Errorf("a whole master lost %v, %v", e, err)
	}
	must(os.RemoveAll(filepath.Join(f.dir, privateDir)))
	if err := w.Log().NewestPrivate(t.Context()); !errors.Is(err, ErrPrivateLost) {
		t.Errorf("a lost private master: %v", err)
	}
	is(codes(true), "error "+CodeManifestAbsent)
	if err := w.Log().ExportPrivate(t.Context(), &bytes.Buffer{}, 0); err == nil {
		t.Error("a private master that is lost was exported")
	}

	loss, err := w.Log().PrivateLoss(t.Context(), "the disk burnt")
	must(err)
	must(w.Append(t.Context(), &Entry{Evidence: loss}))
	_, err = w.AppendPrivate(t.Context(), records("anew"))
	must(err)
	_, err = w.Commit(t.Context())
	must(err)
	must(w.Log().NewestPrivate(t.Context()))
	is(codes(true), "note "+CodePrivateLost)
	must(w.Log().ExportPrivate(t.Context(), &bytes.Buffer{}, 0))
	if e, err := w.Log().PrivateLoss(t.Context(), "again"); err != nil || e != nil {
		t.Errorf("what is on record is lost again: %v, %v", e, err)
	}
	if _, err := w.Log().Archive(t.Context(), filepath.Join(t.TempDir(), "bag"), ArchiveConfig{}); err != nil {
		t.Error(err)
	}

	second := privateOf(t, w.Log())
	must(os.Remove(privatePath(f.dir, second.Manifest)))
	is(codes(true), "error "+CodeManifestAbsent, "note "+CodePrivateLost)
	if first.Manifest == second.Manifest {
		t.Error("one manifest was counted twice")
	}
}

// TestPrivateLossCovers: only entries before the statement that it names are accepted, and what cannot be read names
// none.
func TestPrivateLossCovers(t *testing.T) {
	for _, c := range []struct {
		name     string
		at, lost int64
		want     bool
	}{
		{"3", 9, 3, true}, {"3", 9, 4, false}, {"3-5", 9, 5, true}, {"3-5", 9, 6, false}, {"1,3-5", 9, 1, true},
		{"1,3-5", 9, 2, false}, {"3-12", 9, 9, false}, {"3-12", 9, 10, false}, {"", 9, 0, false}, {"5-3", 9, 4, false},
		{"3-5,x", 9, 4, false}, {"all", 9, 1, false},
	} {
		e := &Entry{Evidence: &Evidence{Kind: EvidencePrivateLoss, Name: c.name}}
		if got := e.accepts(c.at, c.lost); got != c.want {
			t.Errorf("%q in entry %d, of entry %d: %v", c.name, c.at, c.lost, got)
		}
	}
	if (&Entry{Evidence: &Evidence{Kind: "another", Name: "3"}}).accepts(9, 3) {
		t.Error("evidence of another kind accepts a loss")
	}
}

// TestPrivateLossSpans: what is lost is named in spans that leave out what is here.
func TestPrivateLossSpans(t *testing.T) {
	f := withPrivate(t)
	w, err := OpenWriter(t.Context(), f.dir, f.config())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	start := w.Log().Size() - 1
	for range 4 {
		if _, err := w.AppendPrivate(t.Context(), records("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, lost := range []int64{0, 1, 3} {
		e, err := w.Log().Entry(t.Context(), start+lost)
		if err == nil {
			err = os.Remove(privatePath(f.dir, e.Private.Manifest))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	e, err := w.Log().PrivateLoss(t.Context(), "some")
	if err != nil || e.Name != (span{start, start + 1}).String()+","+(span{start + 3, start + 3}).String() {
		t.Errorf("got %+v, %v", e, err)
	}
}
