package ledger

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// TestAcceptance looks at who signed a rotation, and what.
func TestAcceptance(t *testing.T) {
	old, next, other := newRoom(t, testOrigin), newRoom(t, testOrigin), newRoom(t, testOrigin)
	accept := func(text string, signers ...note.Signer) string {
		b, err := note.Sign(&note.Note{Text: text}, signers...)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	text := RotationText(testOrigin, old.v.Keys(), next.v.Keys())
	reversed := []string{next.v.Keys()[1], next.v.Keys()[0]}
	for name, test := range map[string]struct {
		k  KeyRotation
		ok bool
	}{
		"good": {KeyRotation{Old: old.v.Keys(), New: next.v.Keys(),
			Acceptance: accept(text, next.signers...)}, true},
		"one of two": {KeyRotation{Old: old.v.Keys(), New: next.v.Keys(),
			Acceptance: accept(text, next.signers[0])}, false},
		"the other of two": {KeyRotation{Old: old.v.Keys(), New: next.v.Keys(),
			Acceptance: accept(text, next.signers[1])}, false},
		"a stranger": {KeyRotation{Old: old.v.Keys(), New: next.v.Keys(),
			Acceptance: accept(text, other.signers...)}, false},
		"text of other keys": {KeyRotation{Old: old.v.Keys(), New: next.v.Keys(),
			Acceptance: accept(RotationText(testOrigin, other.v.Keys(), next.v.Keys()), next.signers...)}, false},
		"text of another log": {KeyRotation{Old: old.v.Keys(), New: next.v.Keys(),
			Acceptance: accept(RotationText("x", old.v.Keys(), next.v.Keys()), next.signers...)}, false},
		"replaces other keys": {KeyRotation{Old: other.v.Keys(), New: next.v.Keys(),
			Acceptance: accept(RotationText(testOrigin, other.v.Keys(), next.v.Keys()), next.signers...)}, false},
		"not sorted": {KeyRotation{Old: old.v.Keys(), New: reversed,
			Acceptance: accept(RotationText(testOrigin, old.v.Keys(), reversed), next.signers...)}, false},
		"one of the keys twice": {KeyRotation{Old: old.v.Keys(), New: []string{next.v.Keys()[0], next.v.Keys()[0]},
			Acceptance: accept(text, next.signers...)}, false},
		"nothing signed": {KeyRotation{Old: old.v.Keys(), New: next.v.Keys(), Acceptance: text}, false},
	} {
		if _, err := test.k.check(old.v); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBorderIsAPrefix puts the handover of one history before another one that
// the same keys signed: the archive leads to the new keys, the tree does not.
func TestBorderIsAPrefix(t *testing.T) {
	old, next := newRoom(t, testOrigin), newRoom(t, testOrigin)
	history := func(name string) *fixture {
		f := &fixture{room: old, dir: t.TempDir()}
		w := old.create(t, f.dir)
		batch(t, w, 1, name)
		if _, err := w.RotateKeys(t.Context(), next.signers, ""); err != nil {
			t.Fatal(err)
		}
		batch(t, w, 2, name)
		w.Close()
		return f
	}
	a, b := history("crl/a.crl"), history("crl/b.crl")
	if _, err := Open(t.Context(), b.dir, old.v); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"log/checkpoints/2", "log/tile/0/000.p/2", "log/tile/entries/000.p/2"} {
		b.write(t, p, a.read(t, p))
	}
	if _, err := Open(t.Context(), b.dir, old.v); !errors.Is(err, ErrFork) {
		t.Errorf("a handover of another history: %v", err)
	}
}

// TestEntryIsTheSignedLeaf puts another well-formed entry in the place of a signed one.
func TestEntryIsTheSignedLeaf(t *testing.T) {
	f := newFixture(t)
	path := f.glob(t, "log/tile/entries/000")
	b, err := os.ReadFile(f.path(path))
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(b, []byte(`jp/3"`), []byte(`jp/7"`), 1)
	if bytes.Equal(changed, b) {
		t.Fatal("nothing was changed")
	}
	f.write(t, path, changed)
	l, err := Open(t.Context(), f.dir, f.v)
	if err == nil {
		_, err = l.Entry(t.Context(), 5)
	}
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "is not the one that was signed") {
		t.Errorf("an entry that nobody signed: %v", err)
	}
}

// TestProofKnowsTheCount claims more lines than the batch has, under which the
// same hashes lead to the same root.
func TestProofKnowsTheCount(t *testing.T) {
	r, dir := newRoom(t, testOrigin), t.TempDir()
	w := r.create(t, dir)
	batch(t, w, 1, "crl/a.crl", "crl/b.crl", "crl/c.crl")
	proof, err := w.Log().Prove(t.Context(), "crl/a.crl")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(proof), "extra ")
	extra64, rest, _ := strings.Cut(rest, "\n")
	extra, err := base64.StdEncoding.DecodeString(extra64)
	if err != nil || !bytes.Contains(extra, []byte("\n0 3\n")) {
		t.Fatalf("%q %v", extra, err)
	}
	forged := base64.StdEncoding.EncodeToString(bytes.Replace(extra, []byte("\n0 3\n"), []byte("\n0 4\n"), 1))
	if _, _, err := VerifyProof([]byte(head+"extra "+forged+"\n"+rest), r.v); err == nil ||
		!strings.Contains(err.Error(), "not a batch with so many lines") {
		t.Errorf("four lines of three: %v", err)
	}
}

// liar signs something else than it is asked to.
type liar struct{ crypto.Signer }

func (l liar) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	other := bytes.Clone(digest)
	other[0] ^= 1
	return l.Signer.Sign(rand, other, opts)
}

// TestSignerChecksItself lets nothing out that does not verify.
func TestSignerChecksItself(t *testing.T) {
	r := newRoom(t, testOrigin)
	for i, s := range r.signers {
		bad, err := NewNoteSigner(testOrigin, liar{s.(*NoteSigner).key})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bad.Sign([]byte("text")); err == nil || !strings.Contains(err.Error(), "does not verify") {
			t.Errorf("signer %d: %v", i, err)
		}
	}
}
