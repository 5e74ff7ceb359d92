package ledger

import (
	"bytes"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func records(texts ...string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, s := range texts {
			if !yield([]byte(s), nil) {
				return
			}
		}
	}
}

// withPrivate is a master of one batch and one private manifest.
func withPrivate(t *testing.T) *fixture {
	f := newFixture(t)
	w, err := OpenWriter(t.Context(), f.dir, f.config())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.AppendPrivate(t.Context(), records(`{"serial":"1f"}`, `{"serial":"2e"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

func privateOf(t *testing.T, l *Log) *Private {
	t.Helper()
	e, err := l.Entry(t.Context(), l.Size()-1)
	if err != nil || e.Private == nil {
		t.Fatalf("the last entry is %+v, %v", e, err)
	}
	return e.Private
}

func TestPrivateRecords(t *testing.T) {
	f := withPrivate(t)
	l := f.open(t, f.dir)
	var got []string
	for r, err := range l.Records(t.Context(), privateOf(t, l)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(r))
	}
	if want := []string{`{"serial":"1f"}`, `{"serial":"2e"}`}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	st, err := os.Stat(filepath.Join(f.dir, "private"))
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("private/ is %v, %v", st.Mode(), err)
	}
	f.sound(t, f.dir)
}

// TestPrivateDigestHidesContent: the same records have another digest each time,
// since the public log has the digest and the content could be guessed.
func TestPrivateDigestHidesContent(t *testing.T) {
	a, b := withPrivate(t), withPrivate(t)
	if privateOf(t, a.open(t, a.dir)).Manifest == privateOf(t, b.open(t, b.dir)).Manifest {
		t.Error("two private manifests of the same content have the same digest")
	}
}

func TestPrivateRefusesRecords(t *testing.T) {
	f := newFixture(t)
	w, err := OpenWriter(t.Context(), f.dir, f.config())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, bad := range []string{"", "two\nlines", strings.Repeat("x", maxRecord+1)} {
		if _, err := w.AppendPrivate(t.Context(), records("good", bad)); err == nil {
			t.Errorf("a record of %d bytes was taken", len(bad))
		}
	}
	if p, err := w.AppendPrivate(t.Context(), records()); err != nil || p != nil || w.Staged() != 0 {
		t.Errorf("no records give %v, %v, %d staged", p, err, w.Staged())
	}
}

func TestPrivateTampering(t *testing.T) {
	for _, c := range []struct {
		name, code string
		do         func(t *testing.T, f *fixture, p *Private)
		private    bool
	}{
		{"the folder is gone, as on a publishing host", CodePrivateAbsent, func(t *testing.T, f *fixture, p *Private) {
			os.RemoveAll(filepath.Join(f.dir, privateDir))
		}, false},
		{"the folder is gone in the room", CodeManifestAbsent, func(t *testing.T, f *fixture, p *Private) {
			os.RemoveAll(filepath.Join(f.dir, privateDir))
		}, true},
		{"one manifest is gone", CodeManifestAbsent, func(t *testing.T, f *fixture, p *Private) {
			os.Remove(privatePath(f.dir, p.Manifest))
		}, false},
		{"another's content", CodeManifest, func(t *testing.T, f *fixture, p *Private) {
			other := withPrivate(t)
			b, _ := os.ReadFile(privatePath(other.dir, privateOf(t, other.open(t, other.dir)).Manifest))
			os.WriteFile(privatePath(f.dir, p.Manifest), b, 0o600)
		}, false},
		{"a file too many", CodeUnreferenced, func(t *testing.T, f *fixture, p *Private) {
			os.WriteFile(filepath.Join(f.dir, privateDir, "key.pem"), []byte("x"), 0o600)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := withPrivate(t)
			c.do(t, f, privateOf(t, f.open(t, f.dir)))
			now := func() time.Time { return f.now }
			got, err := Check(t.Context(), f.dir, f.v, CheckConfig{Now: now, Private: c.private})
			if err != nil || len(got) != 1 || got[0].Code != c.code {
				t.Errorf("got %v, %v; want %s", got, err, c.code)
			}
		})
	}
}

func TestPrivateTravelsOnlyWhenAsked(t *testing.T) {
	f := withPrivate(t)
	l := f.open(t, f.dir)
	p := privateOf(t, l)
	var public, private bytes.Buffer
	if err := l.Export(t.Context(), &public, 0); err != nil {
		t.Fatal(err)
	}
	if err := l.ExportPrivate(t.Context(), &private, 0); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(public.Bytes(), fmt.Appendf(nil, "private %s", "")) &&
		bytes.Contains(public.Bytes(), []byte("\nprivate ")) {
		t.Error("the export for the publishing host has a private frame")
	}

	host := filepath.Join(t.TempDir(), "host")
	_, err := Import(t.Context(), bytes.NewReader(private.Bytes()), host, ImportConfig{Verifier: f.v})
	if err == nil || !strings.Contains(err.Error(), "--private") {
		t.Errorf("a private export on the publishing host: %v", err)
	}
	if _, err := os.Stat(filepath.Join(host, privateDir)); !os.IsNotExist(err) {
		t.Errorf("the refused import left a private folder: %v", err)
	}
	if _, err := Import(t.Context(), bytes.NewReader(public.Bytes()), host, ImportConfig{Verifier: f.v}); err != nil {
		t.Fatal(err)
	}
	if f.open(t, host).HasPrivate() {
		t.Error("the publishing host has a private part")
	}

	room := filepath.Join(t.TempDir(), "room")
	if _, err := Import(t.Context(), bytes.NewReader(private.Bytes()), room,
		ImportConfig{Verifier: f.v, Private: true}); err != nil {
		t.Fatal(err)
	}
	for _, err := range f.open(t, room).Records(t.Context(), p) {
		if err != nil {
			t.Fatal(err)
		}
	}

	bag := filepath.Join(t.TempDir(), "bag")
	if _, err := l.Archive(t.Context(), bag, ArchiveConfig{Now: func() time.Time { return f.now }}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(bag, "data/private/manifests", p.Manifest.String()))
	if err != nil || !bytes.Contains(b, []byte(`{"serial":"2e"}`)) {
		t.Errorf("the archive has the private manifest as %q, %v", b, err)
	}
	f.sound(t, bag)
}

func TestCommitmentOpens(t *testing.T) {
	var salt [SaltSize]byte
	a, b := Commit(salt, []byte("tbs")), Commit([SaltSize]byte{1}, []byte("tbs"))
	if a == b {
		t.Error("the salt does not matter")
	}
	both, n := CommitmentRoot(slices.Values([]Commitment{a, b}))
	swapped, _ := CommitmentRoot(slices.Values([]Commitment{b, a}))
	if n != 2 || both == swapped {
		t.Errorf("%d leaves, their order matters: %v", n, both != swapped)
	}
}

// TestPrivateKnowsTheCount: the root alone does not tell an entry that says another number of records.
func TestPrivateKnowsTheCount(t *testing.T) {
	f := withPrivate(t)
	l := f.open(t, f.dir)
	for _, more := range []int64{-1, 1} {
		p := *privateOf(t, l)
		p.Count += more
		for _, err := range l.Records(t.Context(), &p) {
			if err == nil || !strings.Contains(err.Error(), "it has 2 records, its entry says") {
				t.Errorf("%d more: %v", more, err)
			}
		}
	}
}
