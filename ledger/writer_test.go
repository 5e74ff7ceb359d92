package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"seihon/artifact"

	"golang.org/x/mod/sumdb/note"
)

func TestSecondWriterIsToldWhoWrites(t *testing.T) {
	r, dir := newRoom(t, testOrigin), t.TempDir()
	w := r.create(t, dir)
	for _, open := range []func() (*Writer, error){
		func() (*Writer, error) { return OpenWriter(t.Context(), dir, r.config()) },
		func() (*Writer, error) { return Create(t.Context(), dir, r.config()) },
	} {
		_, err := open()
		var le *LockedError
		if !errors.Is(err, ErrLocked) || !errors.As(err, &le) ||
			!strings.Contains(le.Holder, fmt.Sprint("process ", os.Getpid())) {
			t.Errorf("a second writer gives %v", err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := OpenWriter(t.Context(), dir, r.config())
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
}

// TestLostStateIsRefused puts a log into states that a restore from a bad
// backup leaves. No writer may open them, and none may start over.
func TestLostStateIsRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		lose  func(t *testing.T, f *fixture)
		open  error // of OpenWriter
		known bool  // it takes a checkpoint seen elsewhere to notice
	}{
		{"checkpoint lost", remove("log/checkpoint"), ErrCorrupt, false},
		{"checkpoint older",
			func(t *testing.T, f *fixture) { f.write(t, "log/checkpoint", f.read(t, "log/checkpoints/1")) },
			ErrRollback, false},
		{"archive lost", func(t *testing.T, f *fixture) { os.RemoveAll(f.path("log/checkpoints")) }, ErrCorrupt, false},
		{"archive older", remove("log/checkpoints/261"), ErrCorrupt, false},
		{"tiles lost", func(t *testing.T, f *fixture) { os.RemoveAll(f.path("log/tile")) }, ErrCorrupt, false},
		{"edge lost", remove("log/tile/0/001.p/5"), ErrCorrupt, false},
		{"last bundle lost", remove("log/tile/entries/001.p/5"), ErrCorrupt, false},
		{"log lost", func(t *testing.T, f *fixture) { os.RemoveAll(f.path("log")) }, ErrNotExist, false},
		{"log put back, index not", func(t *testing.T, f *fixture) { f.putBack(t) }, ErrRollback, false},
		{"all put back", func(t *testing.T, f *fixture) { f.putBack(t); os.Remove(f.path(indexFile)) }, ErrRollback,
			true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			newest := f.read(t, "log/checkpoint")
			c.lose(t, f)
			config := f.config()
			if c.known {
				config.Known = [][]byte{newest}
			}
			if _, err := OpenWriter(t.Context(), f.dir, config); !errors.Is(err, c.open) {
				t.Errorf("OpenWriter: %v", err)
			}
			if _, err := Create(t.Context(), f.dir, f.config()); !errors.Is(err, ErrExist) {
				t.Errorf("Create: %v", err)
			}
		})
	}
}

// putBack makes the log what it was at size 260.
func (f *fixture) putBack(t *testing.T) {
	f.write(t, "log/checkpoint", f.read(t, "log/checkpoints/260"))
	remove("log/checkpoints/261")(t, f)
}

func TestAppendBatchRefuses(t *testing.T) {
	r := newRoom(t, testOrigin)
	w := r.create(t, t.TempDir())
	d, n, err := w.PutBlob(t.Context(), artifact.CRL, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	good := Line{Name: "crl/a.crl", Kind: artifact.CRL, Digest: d, Size: n}
	for name, change := range map[string]func(*Line){
		"blob not stored":       func(l *Line) { l.Digest = artifact.Sum(nil) },
		"other size":            func(l *Line) { l.Size++ },
		"name absolute":         func(l *Line) { l.Name = "/crl/a.crl" },
		"name climbing":         func(l *Line) { l.Name = "crl/../a.crl" },
		"name with a space":     func(l *Line) { l.Name = "crl/a b" },
		"name with a plus":      func(l *Line) { l.Name = "crl/a+b" },
		"name with a newline":   func(l *Line) { l.Name = "crl/a\nb" },
		"name empty":            func(l *Line) { l.Name = "" },
		"name too long":         func(l *Line) { l.Name = strings.Repeat("a", 513) },
		"name not ASCII":        func(l *Line) { l.Name = "crl/あ" },
		"no kind":               func(l *Line) { l.Kind = "" },
		"issuer with a space":   func(l *Line) { l.Issuer = "a b" },
		"number is the no-sign": func(l *Line) { l.Number = "-" },
		"half a second":         func(l *Line) { l.NotAfter = r.now.Add(1e8) },
	} {
		l := good
		change(&l)
		if _, err := w.AppendBatch(t.Context(), []Line{l}, ""); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := w.AppendBatch(t.Context(), []Line{good, good}, ""); err == nil {
		t.Error("a name twice: accepted")
	}
	if _, err := w.AppendBatch(t.Context(), nil, ""); err == nil {
		t.Error("an empty batch: accepted")
	}
	if w.Staged() != 0 {
		t.Errorf("%d entries are staged", w.Staged())
	}
	if _, err := w.AppendBatch(t.Context(), []Line{good}, ""); err != nil {
		t.Errorf("a good batch after all these: %v", err)
	}
	big := &Entry{Evidence: &Evidence{Kind: "k", Note: strings.Repeat("n", MaxEntry)}}
	if err := w.Append(t.Context(), big); err == nil {
		t.Error("an entry that is too long: accepted")
	}
}

// TestReadOnly opens a log that cannot be written: reading works, writing says why.
func TestReadOnly(t *testing.T) {
	f := newFixture(t)
	remove("lock")(t, f)
	if err := os.Mkdir(f.path("lock"), 0o755); err != nil { // stands in for a read-only mount: root ignores modes
		t.Fatal(err)
	}
	f.open(t, f.dir)
	if _, err := OpenWriter(t.Context(), f.dir, f.config()); err == nil ||
		!strings.Contains(err.Error(), filepath.Join(f.dir, "lock")) {
		t.Errorf("a writer: %v", err)
	}
}

// TestPartialsArePruned fills a tile in small steps.
func TestPartialsArePruned(t *testing.T) {
	r, dir := newRoom(t, "pub"), t.TempDir()
	w := r.create(t, dir)
	for range 26 {
		probes(t, w, 10)
	}
	for _, p := range []string{"log/tile/0/000.p", "log/tile/entries/000.p"} {
		if _, err := os.Stat(filepath.Join(dir, p)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", p, err)
		}
	}
	// A reader that still holds an old checkpoint finds what it needs.
	old, err := readArchived(dir, 20)
	if err != nil {
		t.Fatal(err)
	}
	l, err := openAt(t.Context(), dir, r.v, old)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range l.Entries(t.Context(), 0, 20) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 20 {
		t.Errorf("%d entries", n)
	}
}

// TestReadersBesideWriter opens, reads and checks a log while it grows.
func TestReadersBesideWriter(t *testing.T) {
	r, dir := newRoom(t, "pub"), t.TempDir()
	w := r.create(t, dir)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			size := int64(0)
			for {
				select {
				case <-done:
					return
				default:
				}
				l, err := Open(t.Context(), dir, r.v)
				if err != nil {
					t.Error(err)
					return
				}
				if l.Size() < size {
					t.Errorf("the log shrank from %d to %d", size, l.Size())
				}
				size = l.Size()
				for _, err := range l.Entries(t.Context(), max(0, size-300), size) {
					if err != nil {
						t.Error(err)
						return
					}
				}
			}
		}()
	}
	for range 12 {
		probes(t, w, 50)
	}
	close(done)
	readers.Wait()
}

// A moody signer fails, or signs nonsense, when told to.
type moody struct {
	note.Signer
	err error
	lie bool
}

func (m *moody) String() string { return m.Signer.(fmt.Stringer).String() }

func (m *moody) Sign(msg []byte) ([]byte, error) {
	if m.err != nil {
		return nil, m.err
	}
	if m.lie {
		msg = append([]byte("x"), msg...)
	}
	return m.Signer.Sign(msg)
}

// TestSignerFails pulls the token out in the middle of a commit.
func TestSignerFails(t *testing.T) {
	r, dir := newRoom(t, testOrigin), t.TempDir()
	m := &moody{Signer: r.signers[0]}
	c := r.config()
	c.Signers = []note.Signer{m, r.signers[1]}
	w, err := Create(t.Context(), dir, c)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	batch(t, w, 1, "crl/a.crl")
	if err := w.Append(t.Context(), &Entry{Evidence: &Evidence{Kind: "k"}}); err != nil {
		t.Fatal(err)
	}
	gone := errors.New("token removed")
	for _, mood := range []moody{{err: gone}, {lie: true}} {
		m.err, m.lie = mood.err, mood.lie
		if _, err := w.Commit(t.Context()); err == nil || mood.err != nil && !errors.Is(err, gone) {
			t.Errorf("%+v: %v", mood, err)
		}
		if size := r.open(t, dir).Size(); size != 1 {
			t.Errorf("the log has %d entries", size)
		}
	}
	m.err, m.lie = nil, false
	if _, err := w.Commit(t.Context()); err != nil || r.open(t, dir).Size() != 2 {
		t.Errorf("with the token back: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Append(ctx, &Entry{Evidence: &Evidence{Kind: "k"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done: %v", err)
	}
}
