package ledger

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"seihon/artifact"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/mod/sumdb/note"
)

const testOrigin = "ca.example.jp/master"

// A room is a set of log keys and a clock.
type room struct {
	now     time.Time
	signers []note.Signer
	v       *Verifier
}

func newRoom(t testing.TB, origin string) *room {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := &room{now: time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)}
	a, err := NewNoteSigner(origin, ec)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewNoteSigner(origin, ed)
	if err != nil {
		t.Fatal(err)
	}
	r.signers = []note.Signer{a, b}
	if r.v, err = NewVerifier(origin, a.String(), b.String()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *room) config() WriterConfig {
	return WriterConfig{Origin: r.v.Origin(), Signers: r.signers, Now: func() time.Time { return r.now }}
}

func (r *room) create(t testing.TB, dir string) *Writer {
	t.Helper()
	w, err := Create(context.Background(), dir, r.config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func (r *room) open(t testing.TB, dir string) *Log {
	t.Helper()
	l, err := Open(context.Background(), dir, r.v)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// batch commits one batch with the given names, each with bytes of its own.
func batch(t testing.TB, w *Writer, generation int, names ...string) {
	t.Helper()
	var lines []Line
	for _, name := range names {
		body := fmt.Sprintf("%s generation %d", name, generation)
		d, n, err := w.PutBlob(t.Context(), artifact.CRL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines,
			Line{Name: name, Kind: artifact.CRL, Digest: d, Size: n, Issuer: "ca", Number: fmt.Sprint(generation),
				NotBefore: w.c.Now(), NotAfter: w.c.Now().Add(24 * time.Hour)})
	}
	if _, err := w.AppendBatch(t.Context(), lines, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// probes appends n small entries of a publication log and commits.
func probes(t testing.TB, w *Writer, n int) {
	t.Helper()
	for i := range n {
		e := &Entry{Probe: &Probe{Target: "t",
			Samples: []Sample{{URL: fmt.Sprintf("http://ca.example.jp/%d", i), Time: w.c.Now(), OK: true,
				Status: 200}}}}
		if err := w.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestMasterRoundTrip(t *testing.T) {
	r, dir := newRoom(t, testOrigin), t.TempDir()
	w := r.create(t, dir)
	batch(t, w, 1, "crl/b.crl", "crl/a.crl", "crl/c.crl")
	first := w.Log().Checkpoint()
	batch(t, w, 2, "crl/a.crl")
	if err := w.Append(t.Context(),
		&Entry{Withdraw: &Withdraw{Names: []WithdrawnName{{Name: "crl/c.crl", Reason: "superseded"}}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := r.open(t, dir)
	for _, indexed := range []bool{false, true} {
		if indexed {
			if err := l.UpdateIndex(t.Context()); err != nil {
				t.Fatal(err)
			}
			l = l.UseIndex()
		}
		s, err := l.State(t.Context(), l.Size())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range s.All() {
			got = append(got, line.Name+"@"+line.Number)
			if b, err := l.ReadBlob(t.Context(), line); err != nil || !strings.HasPrefix(string(b), line.Name) {
				t.Errorf("%s: %q, %v", line.Name, b, err)
			}
		}
		if fmt.Sprint(got) != "[crl/a.crl@2 crl/b.crl@1]" {
			t.Errorf("indexed %v: state %v", indexed, got)
		}
		if _, _, err := l.Lookup(t.Context(), "crl/c.crl"); !errors.Is(err, ErrNotFound) {
			t.Errorf("indexed %v: a withdrawn name gives %v", indexed, err)
		}
		p, err := l.Prove(t.Context(), "crl/b.crl")
		if err != nil {
			t.Fatal(err)
		}
		line, cp, err := VerifyProof(p, r.v)
		if err != nil || line.Name != "crl/b.crl" || cp.Size != 3 {
			t.Errorf("proof: %+v %+v %v", line, cp, err)
		}
	}
	if old, err := l.State(t.Context(), 1); err != nil || old.Len() != 3 {
		t.Errorf("state at size 1: %v, %v", old, err)
	}
	if err := l.Consistent(t.Context(), first); err != nil {
		t.Error(err)
	}
}

func TestGrowsLikeTheReference(t *testing.T) {
	r, dir := newRoom(t, "pub"), t.TempDir()
	w := r.create(t, dir)
	total := int64(0)
	for _, n := range []int{1, 1, 3, 250, 1, 1, 255, 256, 300} {
		probes(t, w, n)
		total += int64(n)
		l := r.open(t, dir)
		if l.Size() != total {
			t.Fatalf("size %d, want %d", l.Size(), total)
		}
		var ref tree
		for i := range total {
			raw, err := l.Raw(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			ref.add(leafHash(raw))
			if got, err := l.RootAt(i + 1); err != nil || got != ref.root() {
				t.Fatalf("root at %d: %v", i+1, err)
			}
		}
		if l.Root() != ref.root() {
			t.Fatalf("root at %d differs", total)
		}
	}
}

func deflate(t testing.TB, text string) []byte {
	t.Helper()
	zw, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer zw.Close()
	return zw.EncodeAll([]byte(text), nil)
}
