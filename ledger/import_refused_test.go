package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"seihon/artifact"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/mod/sumdb/note"
)

// A forgery is an export that the pinned keys never signed: whoever knows the
// public keys writes a rotation from them to keys of his own.
type forgery struct {
	owner, thief *room
	before       [][]byte // entries that the copy has
	border       func(cp Checkpoint) []byte
}

// export writes the forged file: entries, a rotation, and one more entry, signed by the thief.
func (f *forgery) export(t *testing.T) []byte {
	t.Helper()
	k := &KeyRotation{Old: f.owner.v.Keys(), New: f.thief.v.Keys(), Reason: "forged"}
	accepted, err := note.Sign(&note.Note{Text: RotationText(testOrigin, k.Old, k.New)}, f.thief.signers...)
	if err != nil {
		t.Fatal(err)
	}
	k.Acceptance = string(accepted)
	var g tree
	for _, raw := range f.before {
		g.add(leafHash(raw))
	}
	start := g.n
	var b bytes.Buffer
	frame := func(what, name string, body []byte) {
		if name != "" {
			name = " " + name
		}
		fmt.Fprintf(&b, "%s %d%s\n%s\n", what, len(body), name, body)
	}
	b.WriteString(exportHeader)
	frames := 1
	frame(frameHead, "", fmt.Appendf(nil, "%s\n%d\n%d\n", testOrigin, start, start+2))
	var border []byte
	for _, e := range []*Entry{{KeyRotation: k}, {Evidence: &Evidence{Kind: "k", Digest: artifact.Sum(nil)}}} {
		e.V, e.Type, e.Time = EntryVersion, e.typ(), f.owner.now
		raw, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		frame(frameEntry, "", raw)
		frames++
		g.add(leafHash(raw))
		if e.KeyRotation != nil && f.border != nil {
			border = f.border(Checkpoint{Origin: testOrigin, Size: g.n, Root: g.root()})
		}
	}
	if border != nil {
		frame(frameCheckpoint, fmt.Sprint(start+1), border)
		frames++
	}
	cp := Checkpoint{Origin: testOrigin, Size: g.n, Root: g.root()}
	frame(frameCheckpoint, fmt.Sprint(g.n), signed(t, cp, f.thief.signers...))
	frame(frameEnd, "", fmt.Append(nil, frames+1))
	return b.Bytes()
}

func signed(t *testing.T, cp Checkpoint, signers ...note.Signer) []byte {
	t.Helper()
	b, err := note.Sign(&note.Note{Text: cp.text()}, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// everything lists a folder with what is in its files.
func everything(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			all[path] = "folder"
			return err
		}
		b, err := os.ReadFile(path)
		if !strings.HasSuffix(path, holderSuffix) { // who holds the lock: a process and a time
			all[path] = string(b)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}

// unchanged reports what a folder has that it had not, or has no more. The
// temporaries of an earlier writer may be swept.
func unchanged(t *testing.T, was, now map[string]string) {
	t.Helper()
	for path, text := range now {
		if old, ok := was[path]; !ok || old != text {
			t.Errorf("%s was written or changed", path)
		}
	}
	for path := range was {
		if _, ok := now[path]; !ok && !strings.Contains(path, tmpDir) {
			t.Errorf("%s is gone", path)
		}
	}
}

// TestForgedRotation lets a thief appoint keys of his own, in every way that
// lacks the signature of the keys that are to go: nothing of it stays.
func TestForgedRotation(t *testing.T) {
	f := newFixture(t)
	thief := newRoom(t, testOrigin)
	l := f.open(t, f.dir)
	var have [][]byte
	for i := range l.Size() {
		raw, err := l.Raw(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		have = append(have, raw)
	}
	for name, border := range map[string]func(Checkpoint) []byte{
		"no border":                 nil,
		"border of the thief":       func(cp Checkpoint) []byte { return signed(t, cp, thief.signers...) },
		"border of one of two keys": func(cp Checkpoint) []byte { return signed(t, cp, f.signers[0]) },
		"border of another tree":    func(cp Checkpoint) []byte { cp.Root[0] ^= 1; return signed(t, cp, f.signers...) },
		"border of another size":    func(cp Checkpoint) []byte { cp.Size--; return signed(t, cp, f.signers...) },
		"border of another log": func(cp Checkpoint) []byte {
			cp.Origin = "other"
			return signed(t, cp,
				thief.signers...)
		},
	} {
		for _, before := range [][][]byte{nil, have} {
			t.Run(fmt.Sprintf("%s after %d", name, len(before)), func(t *testing.T) {
				parent := t.TempDir()
				dir := filepath.Join(parent, "copy")
				if before != nil {
					if _, err := Import(t.Context(), bytes.NewReader(f.export(t, 0)), dir,
						ImportConfig{Verifier: f.v}); err != nil {
						t.Fatal(err)
					}
				}
				was := everything(t, parent)
				b := (&forgery{owner: f.room, thief: thief, before: before, border: border}).export(t)
				_, err := Import(t.Context(), bytes.NewReader(b), dir, ImportConfig{Verifier: f.v})
				if err == nil {
					t.Fatal("the forged export is let in")
				}
				if name == "no border" && !errors.Is(err, ErrKey) {
					t.Errorf("%v", err)
				}
				unchanged(t, was, everything(t, parent))
				if before != nil {
					f.sound(t, dir)
				}
			})
		}
	}
	// The same with the signature it needs is let in: the test would prove nothing else.
	ok := &forgery{owner: f.room, thief: thief, before: have,
		border: func(cp Checkpoint) []byte { return signed(t, cp, f.signers...) }}
	dir := filepath.Join(t.TempDir(), "copy")
	if _, err := Import(t.Context(), bytes.NewReader(f.export(t, 0)), dir, ImportConfig{Verifier: f.v}); err != nil {
		t.Fatal(err)
	}
	if _, err := Import(t.Context(), bytes.NewReader(ok.export(t)), dir, ImportConfig{Verifier: f.v}); err != nil {
		t.Errorf("a rotation that the old keys signed: %v", err)
	}
}

// TestRefusedImportLeavesNothing spoils the last artifact of a good export: the
// ones before it, good as they are, go again.
func TestRefusedImportLeavesNothing(t *testing.T) {
	f := newFixture(t)
	good := f.export(t, 0)
	at := bytes.LastIndex(good, []byte("\n"+frameEnd+" ")) - 1
	bad := bytes.Clone(good)
	bad[at] ^= 1
	parent := t.TempDir()
	was := everything(t, parent)
	if _, err := Import(t.Context(), bytes.NewReader(bad), filepath.Join(parent, "copy"),
		ImportConfig{Verifier: f.v}); err == nil {
		t.Fatal("a spoiled export is let in")
	}
	unchanged(t, was, everything(t, parent))
	// So does one that is cut, also beside what an import that was killed has left.
	killed := filepath.Join(parent, "copy", lockFile)
	for _, before := range []func() error{
		func() error { return nil },
		func() error {
			return errors.Join(os.Mkdir(filepath.Dir(killed), 0o755), os.WriteFile(killed, nil, 0o644))
		},
	} {
		if err := before(); err != nil {
			t.Fatal(err)
		}
		for _, part := range [][]byte{good[:at], good[:len(good)/2], good[:len(exportHeader)+40], good[:3], nil} {
			if _, err := Import(t.Context(), bytes.NewReader(part), filepath.Join(parent, "copy"),
				ImportConfig{Verifier: f.v}); err == nil {
				t.Fatalf("the first %d bytes are let in", len(part))
			}
		}
		if left, _ := os.ReadDir(filepath.Dir(killed)); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
	if err := os.Remove(filepath.Dir(killed)); err != nil {
		t.Fatal(err)
	}
	// A copy that began earlier keeps what it had, to the byte.
	dir := filepath.Join(parent, "copy")
	if _, err := Import(t.Context(), bytes.NewReader(good), dir, ImportConfig{Verifier: f.v}); err != nil {
		t.Fatal(err)
	}
	f.more(t, 5, "crl/a.crl", "crl/z.crl")
	next := f.export(t, 261)
	next[bytes.LastIndex(next, []byte("\n"+frameEnd+" "))-1] ^= 1
	was = everything(t, dir)
	if _, err := Import(t.Context(), bytes.NewReader(next), dir, ImportConfig{Verifier: f.v}); err == nil {
		t.Fatal("a spoiled export is let in")
	}
	unchanged(t, was, everything(t, dir))
}

// TestAllocationFollowsWhatIsRead lets an entry lie about the size of what follows.
func TestAllocationFollowsWhatIsRead(t *testing.T) {
	allocated := func(do func()) uint64 {
		var a, b runtime.MemStats
		runtime.ReadMemStats(&a)
		do()
		runtime.ReadMemStats(&b)
		return b.TotalAlloc - a.TotalAlloc
	}
	if got := allocated(func() {
		if _, err := readExactly(strings.NewReader("short"), 600<<20); err == nil {
			t.Error("five bytes are taken for 600 MiB")
		}
	}); got > 4<<20 {
		t.Errorf("%d bytes were allocated for five that were read", got)
	}
	var packed bytes.Buffer
	zw, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	const size = 256 << 20
	if _, err := io.CopyN(zw, zeros{}, size); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	if got := allocated(func() {
		if _, err := inflatedSum(bytes.NewReader(packed.Bytes()), size); err != nil {
			t.Error(err)
		}
		if _, err := inflatedSum(bytes.NewReader(packed.Bytes()), size-1); err == nil {
			t.Error("a longer text is taken")
		}
	}); got > 96<<20 {
		t.Errorf("%d MiB were allocated to hash a text of %d MiB twice", got>>20, size>>20)
	}
	for _, n := range []int64{0, 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5 << 20} {
		b, err := readExactly(io.LimitReader(zeros{}, n), n)
		if err != nil || int64(len(b)) != n {
			t.Errorf("%d bytes: %d, %v", n, len(b), err)
		}
		if _, err := readExactly(io.LimitReader(zeros{}, n+1), n); err == nil {
			t.Errorf("%d bytes are taken for %d", n+1, n)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
