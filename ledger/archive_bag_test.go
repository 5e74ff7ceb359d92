package ledger

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func (f *fixture) archive(t *testing.T, c ArchiveConfig) []string {
	t.Helper()
	c.Now = func() time.Time { return f.now }
	c.Documents = map[string][]byte{"operations.md": []byte("# Operations\n")}
	dirs, err := f.open(t, f.dir).Archive(t.Context(), filepath.Join(t.TempDir(), "bag"), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if got, err := CheckBag(t.Context(), d); err != nil || len(got) > 0 {
			t.Errorf("%s: %v %v", d, got, err)
		}
	}
	return dirs
}

func TestArchive(t *testing.T) {
	f := newFixture(t)
	bag := f.archive(t, ArchiveConfig{})[0]
	f.sound(t, bag)
	l := f.open(t, bag)
	s, err := l.State(t.Context(), l.Size())
	if err != nil || s.Len() != 3 {
		t.Fatalf("%v %v", s, err)
	}
	for line := range s.All() {
		if _, err := l.ReadBlob(t.Context(), line); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.open(t, f.dir).Archive(t.Context(), bag, ArchiveConfig{}); err == nil {
		t.Error("an archive was written over another")
	}
	f.sound(t, bag)
}

func TestArchiveSplitAndIncremental(t *testing.T) {
	f := newFixture(t)
	whole := filepath.Join(t.TempDir(), "whole")
	parts := f.archive(t, ArchiveConfig{MaxBytes: 60_000})
	if len(parts) < 2 {
		t.Fatalf("%d bags", len(parts))
	}
	for _, p := range parts {
		if err := os.CopyFS(whole, os.DirFS(filepath.Join(p, "data"))); err != nil {
			t.Fatal(err)
		}
	}
	f.sound(t, whole)
	if _, err := f.open(t, f.dir).Archive(t.Context(), filepath.Join(t.TempDir(), "bag"),
		ArchiveConfig{MaxBytes: 10}); err == nil {
		t.Error("a file was split")
	}
	// Only the artifacts of the newest entry: the others are in an older bag.
	newest := f.archive(t, ArchiveConfig{From: 260})[0]
	got, err := Check(t.Context(), newest, f.v, CheckConfig{Now: func() time.Time { return f.now }})
	if err != nil ||
		len(got) != 7 || slices.ContainsFunc(got, func(g Finding) bool { return g.Code != CodeBlobAbsent }) {
		t.Errorf("%v %v", got, err)
	}
}

func TestCheckBagFinds(t *testing.T) {
	f := newFixture(t)
	bag := f.archive(t, ArchiveConfig{})[0]
	for _, c := range []struct{ file, code string }{
		{"data/log/checkpoint", CodeArchive}, {"HOW-TO-CHECK.txt", CodeArchive}, {"manifest-sha256.txt", CodeArchive},
		{"readable/state.txt", CodeArchive}, {"tagmanifest-sha256.txt", CodeArchive},
	} {
		p := filepath.Join(bag, c.file)
		good, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, flip(0)(slices.Clone(good)), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := CheckBag(t.Context(), bag)
		if err != nil || !slices.ContainsFunc(got, func(g Finding) bool { return g.Code == c.code }) {
			t.Errorf("%s: %v %v", c.file, got, err)
		}
		if err := os.WriteFile(p, good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(bag, "data/extra"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, _ := CheckBag(t.Context(), bag); len(got) != 1 || got[0].Code != CodeExtraFile {
		t.Errorf("%v", got)
	}
}
