package observe_test

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/internal/inputtest"
	"seihon/verify/observe"
)

// next is the list that follows the good one.
func (w *world) next() inputtest.List {
	l := w.good()
	l.Number, l.This = inputtest.Integer([]byte{8}), inputtest.UTC(w.now.Add(-time.Minute))
	return l
}

// TestSecondRun looks at a CA in good order, changes one thing, and looks again.
func TestSecondRun(t *testing.T) {
	t.Parallel()
	list := func(change func(w *world, l *inputtest.List)) func(w *world) {
		return func(w *world) {
			l := w.next()
			change(w, &l)
			w.list("/ca.crl", l)
		}
	}
	for _, f := range []fault{
		{"the same list", "", func(*world) {}},
		{"the next list", "", list(func(*world, *inputtest.List) {})},
		{"one more entry", "", list(func(w *world, l *inputtest.List) {
			l.Entries = append(l.Entries,
				inputtest.Entry{Serial: inputtest.Integer([]byte{0x20}), Time: inputtest.UTC(w.now.Add(-time.Hour))})
			w.revoked["20"] = ocsp.Response{RevokedAt: w.now.Add(-time.Hour)}
			w.change = func(r *ocsp.Response, _ *ocsp.Request, _ string) { r.ThisUpdate = w.now.Add(-time.Minute) }
		})},
		{"an older list", "observe-went-back/error", func(w *world) {
			l := w.good()
			l.Number, l.This = inputtest.Integer([]byte{6}), inputtest.UTC(w.now.Add(-2*time.Hour))
			w.list("/ca.crl", l)
		}},
		{"a number that goes back", "crl-number-backwards/critical",
			list(func(_ *world, l *inputtest.List) { l.Number = inputtest.Integer([]byte{6}) })},
		{"the same number, other bytes", "crl-number-reused/critical",
			list(func(_ *world, l *inputtest.List) { l.Number = inputtest.Integer([]byte{7}) })},
		{"dates that go back", "crl-time-backwards/error",
			list(func(w *world, l *inputtest.List) { l.This = inputtest.UTC(w.now.Add(-2 * time.Hour)) })},
		{"another date", "memory-changed/critical", list(func(w *world, l *inputtest.List) {
			l.Entries[0].Time = inputtest.UTC(w.now.Add(-time.Hour))
			w.group.Responders = nil
		})},
		{"another date everywhere", "memory-changed/critical", list(func(w *world, l *inputtest.List) {
			l.Entries[0].Time = inputtest.UTC(w.now.Add(-time.Hour))
			w.revoked["10"] = ocsp.Response{RevokedAt: w.now.Add(-time.Hour)}
		})},
		{"a narrower scope", "memory-scope/critical",
			list(func(w *world, l *inputtest.List) { l.Extensions = [][]byte{idp(w.at("/ca.crl"))} })},
		{"an entry gone, nobody to ask", "observe-left/warning", list(func(w *world, l *inputtest.List) {
			l.Entries = l.Entries[:1]
			w.group.Responders = nil
		})},
		{"an entry gone, OCSP does not know it", "observe-left/note", list(func(w *world, l *inputtest.List) {
			l.Entries = l.Entries[:1]
			delete(w.issued, "11")
		})},
		{"an entry gone, OCSP still says revoked", "observe-left/warning",
			list(func(_ *world, l *inputtest.List) { l.Entries = l.Entries[:1] })},
		{"an entry gone, OCSP says good", "memory-vanished/critical", list(func(w *world, l *inputtest.List) {
			l.Entries = l.Entries[:1]
			delete(w.revoked, "11")
		})},
		{"an entry gone, its certificate at hand", "coherence-revoked-not-listed/error memory-vanished/critical",
			list(func(w *world, l *inputtest.List) {
				l.Entries = l.Entries[:1]
				w.group.Certificates = []*x509.Certificate{w.subscriber(0x11, w.now.Add(day))}
			})},
		{"OCSP unsays a revocation", "coherence-good-but-revoked/critical memory-answer/critical",
			func(w *world) { delete(w.revoked, "10") }},
		{"OCSP goes back", "observe-went-back/warning", func(w *world) {
			w.change = func(r *ocsp.Response, _ *ocsp.Request, _ string) { r.ThisUpdate = w.now.Add(-5 * time.Hour) }
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.state = t.TempDir()
			if got, _ := w.look(); len(got) > 0 {
				t.Fatalf("the first run found %q", got)
			}
			f.make(w)
			got, o := w.look()
			if text := strings.Join(got, " "); text != f.want {
				t.Errorf("found %q, want %q", text, f.want)
				for _, x := range o.Findings {
					t.Logf("%s %s: %s; want %s, got %s", x.Code, x.Name, x.Detail, x.Want, x.Got)
				}
			}
			if o.Earlier != 1 {
				t.Errorf("%d lists were compared", o.Earlier)
			}
			contradiction := strings.Contains(f.want, "crl-") || strings.Contains(f.want, "memory-changed") ||
				strings.Contains(f.want, "memory-scope") || strings.Contains(f.name, "at hand")
			if kept := files(t, filepath.Join(w.state, "evidence")); contradiction != (kept == 2) {
				t.Errorf("%d lists are kept as evidence", kept)
			}
			if kept := files(t, filepath.Join(w.state, "lists")); kept != 1 {
				t.Errorf("%d lists are kept for the next run", kept)
			}
		})
	}
}

func files(t *testing.T, dir string) int { return len(must(os.ReadDir(dir))) }

// TestOlderListStaysOld serves an older list for good: the newest that was ever seen is what every later run compares
// with.
func TestOlderListStaysOld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.state = t.TempDir()
	w.list("/ca.crl", w.next())
	w.look()
	w.list("/ca.crl", w.good())
	for range 3 {
		if got, _ := w.look(); strings.Join(got, " ") != "observe-went-back/error" {
			t.Errorf("found %q", got)
		}
	}
}

// TestState refuses a folder that another run uses or somebody damaged, and forgets what nobody asks about.
func TestState(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.state = t.TempDir()
	w.look()
	conf := observe.Config{Groups: []observe.Group{w.group}, State: w.state, Now: func() time.Time { return w.now }}
	release, entered := make(chan struct{}), make(chan struct{})
	slow := newWorld(t)
	slow.page("/ca.crl", gate(entered, release))
	busy := conf
	busy.Groups = []observe.Group{slow.group}
	done := make(chan error)
	go func() {
		_, err := observe.Observe(t.Context(), busy)
		done <- err
	}()
	<-entered
	if _, err := observe.Observe(t.Context(), conf); !errors.Is(err, observe.ErrLocked) {
		t.Errorf("the second run says %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	later := conf
	later.Now = func() time.Time { return w.now.Add(500 * day) }
	later.Groups = nil
	if _, err := observe.Observe(t.Context(), later); err != nil {
		t.Error(err)
	}
	if n := files(t, filepath.Join(w.state, "lists")); n != 0 {
		t.Errorf("%d lists are kept for ever", n)
	}
	index := filepath.Join(w.state, "observed.json")
	for _, damage := range []string{"{", `{"version": 2}`, ""} {
		if err := os.WriteFile(index, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := observe.Observe(t.Context(), conf); err == nil || !strings.Contains(err.Error(), "observed.json") {
			t.Errorf("%q passes: %v", damage, err)
		}
	}
}
