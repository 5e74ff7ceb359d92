package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"seihon/artifact"
)

func (f *fixture) export(t testing.TB, from int64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.open(t, f.dir).Export(t.Context(), &b, from); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (f *fixture) sound(t testing.TB, dir string) {
	t.Helper()
	got, err := Check(t.Context(), dir, f.v, CheckConfig{Now: func() time.Time { return f.now }})
	if err != nil || len(got) > 0 {
		t.Fatalf("the copy: %v %v", got, err)
	}
}

func (f *fixture) more(t testing.TB, n int, names ...string) {
	t.Helper()
	c := f.config()
	w, err := OpenWriter(t.Context(), f.dir, c)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	batch(t, w, n, names...)
}

func TestExportImport(t *testing.T) {
	f := newFixture(t)
	dir := filepath.Join(t.TempDir(), "copy")
	c := ImportConfig{Verifier: f.v}
	do := func(b []byte, from, to int64) {
		t.Helper()
		got, err := Import(t.Context(), bytes.NewReader(b), dir, c)
		if err != nil {
			t.Fatal(err)
		}
		if got.From != from || got.To != to {
			t.Errorf("imported %+v, want %d to %d", got, from, to)
		}
		f.sound(t, dir)
	}
	first := f.export(t, 0)
	do(first, 0, 261)
	do(first, 261, 261) // again: nothing new
	f.more(t, 5, "crl/a.crl", "crl/d.crl")
	f.more(t, 6, "crl/a.crl")
	do(f.export(t, 261), 261, 263)
	f.more(t, 7, "crl/a.crl")
	do(f.export(t, 100), 263, 264) // overlaps
	do(first, 264, 264)            // an older one: fits, nothing new
	// The copy is the master, file for file.
	err := filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(f.dir, path)
		if err != nil || d.IsDir() || strings.HasPrefix(rel, "lock") || strings.HasPrefix(rel, tmpDir) ||
			rel == indexFile || strings.Contains(rel, ".p/") || rel == "log/checkpoints/0" {
			return err
		}
		if b, err := os.ReadFile(filepath.Join(dir, rel)); err != nil || !bytes.Equal(b, f.read(t, rel)) {
			t.Errorf("%s differs: %v", rel, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f.more(t, 8, "crl/a.crl")
	f.more(t, 9, "crl/a.crl")
	if _, err := Import(t.Context(), bytes.NewReader(f.export(t, 265)), dir, c); err == nil ||
		!strings.Contains(err.Error(), "export from 264") {
		t.Errorf("a gap: %v", err)
	}
	f.sound(t, dir)
}

// TestImportRepairs imports an old export again into a damaged copy.
func TestImportRepairs(t *testing.T) {
	f := newFixture(t)
	dir := filepath.Join(t.TempDir(), "copy")
	b := f.export(t, 0)
	if _, err := Import(t.Context(), bytes.NewReader(b), dir, ImportConfig{Verifier: f.v}); err != nil {
		t.Fatal(err)
	}
	copied := &fixture{room: f.room, dir: dir}
	remove(copied.glob(t, "manifests/*"))(t, copied)
	edit(copied.glob(t, "blobs/*/*"), flip(0))(t, copied)
	got, err := Import(t.Context(), bytes.NewReader(b), dir, ImportConfig{Verifier: f.v})
	if err != nil || got.Artifacts != 1 || got.To != 261 {
		t.Errorf("%+v %v", got, err)
	}
	f.sound(t, dir)
}

// TestImportRefuses damages an export at every place, and cuts it everywhere;
// the copy must stay what it was, and take the good file afterwards.
func TestImportRefuses(t *testing.T) {
	f := newFixture(t)
	dir := filepath.Join(t.TempDir(), "copy")
	c := ImportConfig{Verifier: f.v}
	if _, err := Import(t.Context(), bytes.NewReader(f.export(t, 0)), dir, c); err != nil {
		t.Fatal(err)
	}
	f.more(t, 5, "crl/a.crl")
	good := f.export(t, 261)
	base := filepath.Join(t.TempDir(), "base")
	if err := os.CopyFS(base, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for at := range good {
		bad := map[string][]byte{}
		if at%faultStep == 0 {
			bad["changed"] = bytes.Clone(good)
			bad["changed"][at] ^= 1
		}
		if at%(5*faultStep) == 0 {
			bad["cut"] = good[:at]
		}
		for name, b := range bad {
			got, err := Import(t.Context(), bytes.NewReader(b), dir, c)
			if err == nil {
				// There is one thing that can change without harm: how a manifest
				// is compressed. What counts is that the copy is right.
				if name == "cut" || !inManifest(good, at) {
					t.Fatalf("byte %d %s: imported %+v", at, name, got)
				}
				f.sound(t, dir)
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
				if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
					t.Fatal(err)
				}
			}
			if size := f.open(t, dir).Size(); size != 261 {
				t.Fatalf("byte %d %s: the copy has the size %d", at, name, size)
			}
		}
	}
	if _, err := Import(t.Context(), iotest.ErrReader(io.ErrNoProgress), dir, c); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that fails: %v", err)
	}
	if got, err := Import(t.Context(), bytes.NewReader(append(bytes.Clone(good), 'x')), dir, c); err == nil ||
		f.open(t, dir).Size() != 261 {
		t.Errorf("a byte behind the end: imported %+v", got)
	}
	foreign := ImportConfig{Verifier: newRoom(t, testOrigin).v}
	if _, err := Import(t.Context(), bytes.NewReader(f.export(t, 0)), t.TempDir(), foreign); !errors.Is(err, ErrKey) {
		t.Errorf("foreign keys: %v", err)
	}
	other := ImportConfig{Verifier: newRoom(t, "other").v}
	if _, err := Import(t.Context(), bytes.NewReader(good), t.TempDir(), other); !errors.Is(err, ErrOrigin) {
		t.Errorf("foreign origin: %v", err)
	}
	if _, err := Import(t.Context(), bytes.NewReader(good), dir, c); err != nil {
		t.Fatal(err)
	}
	f.sound(t, dir)
}

// inManifest reports whether a byte of an export is in a manifest frame.
func inManifest(export []byte, at int) bool {
	from := bytes.Index(export, []byte("\n"+frameManifest+" "))
	to := bytes.Index(export, []byte("\n"+frameBlob+" "))
	return from > 0 && to > from && at > from && at < to
}

// TestImportRefusesFork imports a second history of the same keys.
func TestImportRefusesFork(t *testing.T) {
	f := newFixture(t)
	dir := filepath.Join(t.TempDir(), "copy")
	if _, err := Import(t.Context(), bytes.NewReader(f.export(t, 0)), dir, ImportConfig{Verifier: f.v}); err != nil {
		t.Fatal(err)
	}
	twin := &fixture{room: f.room, dir: filepath.Join(t.TempDir(), "twin")}
	w := twin.create(t, twin.dir)
	batch(t, w, 1, "crl/x.crl")
	probes(t, w, 270)
	w.Close()
	if _, err := Import(t.Context(), bytes.NewReader(twin.export(t, 0)), dir,
		ImportConfig{Verifier: f.v}); !errors.Is(err, ErrFork) {
		t.Errorf("a fork from the start: %v", err)
	}
	if _, err := Import(t.Context(), bytes.NewReader(twin.export(t, 261)), dir,
		ImportConfig{Verifier: f.v}); !errors.Is(err, ErrFork) {
		t.Errorf("a fork that shows no common entry: %v", err)
	}
	f.sound(t, dir)
}

// TestImportSurvivesFaults lets every system call of an import fail for good;
// importing again must finish it.
func TestImportSurvivesFaults(t *testing.T) {
	f := newFixture(t)
	first := f.export(t, 0)
	base := filepath.Join(t.TempDir(), "base")
	if _, err := Import(t.Context(), bytes.NewReader(first), base, ImportConfig{Verifier: f.v}); err != nil {
		t.Fatal(err)
	}
	f.more(t, 5, "crl/a.crl")
	f.more(t, 6, "crl/a.crl")
	second := f.export(t, 261)
	empty := t.TempDir()
	for _, c := range []struct {
		from string
		file []byte
		size int64
	}{{empty, first, 261}, {base, second, 263}} {
		for at := 1; ; at += 2*faultStep - 1 {
			dir := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(dir, os.DirFS(c.from)); err != nil {
				t.Fatal(err)
			}
			ff := newFaultFS()
			ff.after, ff.dead = at%2 == 0, true
			ff.arm(at)
			_, err := Import(t.Context(), bytes.NewReader(c.file), dir, ImportConfig{Verifier: f.v, fs: ff})
			luck := never
			if at%4 > 1 {
				luck = chance(uint64(at))
			}
			for i, d := range []string{dir, ff.image(t, c.from, dir, luck)} {
				if _, err := Import(t.Context(), bytes.NewReader(c.file), d, ImportConfig{Verifier: f.v}); err != nil {
					t.Errorf("call %d, image %d, after %v: %v", at, i, ff.log[min(at, len(ff.log))-1], err)
					continue
				}
				if l := f.open(t, d); l.Size() != c.size {
					t.Errorf("call %d, image %d: size %d", at, i, l.Size())
				}
				f.sound(t, d)
			}
			if ff.calls < at {
				if err != nil {
					t.Error(err)
				}
				break
			}
		}
	}
}

func TestExportOfRotatedLog(t *testing.T) {
	old, next := newRoom(t, testOrigin), newRoom(t, testOrigin)
	f := &fixture{room: old, dir: t.TempDir()}
	w := old.create(t, f.dir)
	batch(t, w, 1, "crl/a.crl")
	if _, err := w.RotateKeys(t.Context(), next.signers, ""); err != nil {
		t.Fatal(err)
	}
	batch(t, w, 2, "crl/a.crl")
	w.Close()
	b := f.export(t, 0)
	for i, v := range []*Verifier{old.v, next.v} {
		dir := filepath.Join(t.TempDir(), fmt.Sprint("copy", i))
		if _, err := Import(t.Context(), bytes.NewReader(b), dir, ImportConfig{Verifier: v}); err != nil {
			t.Errorf("pin %d: %v", i, err)
			continue
		}
		if got, err := Check(t.Context(), dir, v, CheckConfig{Now: func() time.Time { return f.now }}); err != nil ||
			len(got) > 0 {
			t.Errorf("pin %d: %v %v", i, got, err)
		}
	}
	if _, err := Import(t.Context(), bytes.NewReader(b), t.TempDir(),
		ImportConfig{Verifier: newRoom(t, testOrigin).v}); !errors.Is(err, ErrKey) {
		t.Errorf("a foreign pin: %v", err)
	}
}

func FuzzImport(f *testing.F) {
	fx := &fixture{room: vectorRoom(f), dir: "testdata/log"}
	f.Add(fx.export(f, 0))
	f.Add([]byte(exportHeader + "head 4 \nx\n0\n1\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Import(t.Context(), bytes.NewReader(b), dir, ImportConfig{Verifier: fx.v})
		if err == nil && got.To != 3 {
			t.Fatalf("imported %+v", got)
		}
	})
}

func TestPublicFiles(t *testing.T) {
	f := newFixture(t)
	l := f.open(t, f.dir)
	for _, step := range [][]int64{{0, 1}, {1, 258}, {0, 261}, {258, 261}, {261, 261}} {
		seen := map[string]artifact.Kind{}
		for file, err := range l.PublicFiles(t.Context(), step[0], step[1]) {
			if err != nil {
				t.Fatal(err)
			}
			r, err := file.Open()
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err != nil || artifact.Sum(b) != file.Digest || int64(len(b)) != file.Size {
				t.Errorf("%s: %d bytes, %v", file.Name, len(b), err)
			}
			seen[file.Name] = file.Kind
		}
		want := 0
		for path := range newPaths(step[0], step[1]) {
			if seen["log/"+path] != artifact.Tile {
				t.Errorf("%v: %s is not there", step, path)
			}
			want++
		}
		manifests := 0
		for e, err := range l.Entries(t.Context(), step[0], step[1]) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Batch != nil {
				manifests++
			}
		}
		if len(seen) != want+manifests {
			t.Errorf("%v: %d files, want %d tiles and %d manifests", step, len(seen), want, manifests)
		}
	}
}
