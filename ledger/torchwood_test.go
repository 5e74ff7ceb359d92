package ledger

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// readWithTorchwood reads a whole log with an independent implementation.
func readWithTorchwood(dir string, v *NoteVerifier) ([][]byte, error) {
	signed, err := os.ReadFile(filepath.Join(dir, logDir, "checkpoint"))
	if err != nil {
		return nil, err
	}
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(v.Name()), torchwood.SingleVerifierPolicy(v))
	cp, _, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		return nil, err
	}
	tfs, err := torchwood.NewTileFS(os.DirFS(filepath.Join(dir, logDir)))
	if err != nil {
		return nil, err
	}
	client, err := torchwood.NewClient(tfs)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for _, e := range client.AllEntries(context.Background(), cp.Tree, 0) {
		all = append(all, bytes.Clone(e))
	}
	if err := client.Err(); err != nil {
		return nil, err
	}
	if int64(len(all)) != cp.N {
		return nil, errors.New("not all entries were read")
	}
	return all, nil
}

func TestTorchwoodReadsOurLog(t *testing.T) {
	f := newFixture(t)
	l := f.open(t, f.dir)
	for _, v := range l.keys.keys {
		all, err := readWithTorchwood(f.dir, v)
		if err != nil {
			t.Fatalf("key %s: %v", v, err)
		}
		for i, e := range all {
			if raw, err := l.Raw(t.Context(), int64(i)); err != nil || !bytes.Equal(raw, e) {
				t.Fatalf("entry %d: torchwood has %q, we have %q, %v", i, e, raw, err)
			}
		}
	}
}

// TestTorchwoodReadsOurProof gives it the outer proof, which is all it knows.
func TestTorchwoodReadsOurProof(t *testing.T) {
	f := newFixture(t)
	l := f.open(t, f.dir)
	_, i, err := l.Lookup(t.Context(), "crl/b.crl")
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.Prove(t.Context(), "crl/b.crl")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := l.Raw(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(testOrigin),
		torchwood.SingleVerifierPolicy(note.Verifier(l.keys.keys[1])))
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(raw), p); err != nil {
		t.Error(err)
	}
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(append(raw, ' ')), p); err == nil {
		t.Error("torchwood accepts our proof for other bytes")
	}
	extra, err := torchwood.ProofExtraData(p)
	if err != nil {
		t.Fatal(err)
	}
	if line, _, _, err := verifyLine(extra); err != nil || line.Name != "crl/b.crl" {
		t.Errorf("extra data: %v %v", line, err)
	}
}

// TestTorchwoodRejects runs the tamperings of what torchwood can see: the
// newest checkpoint, the tiles and bundles that lead to it.
func TestTorchwoodRejects(t *testing.T) {
	good := newFixture(t)
	vs := good.open(t, good.dir).keys.keys
	for _, c := range []struct {
		file   string
		change func([]byte) []byte
	}{
		{"checkpoint", flip(0)}, {"checkpoint", flip(-10)}, {"checkpoint", cut(5)},
		{"tile/0/000", flip(0)}, {"tile/0/000", cut(32)}, {"tile/0/001.p/5", flip(40)}, {"tile/1/000.p/1", flip(3)},
		{"tile/entries/000", flip(100)}, {"tile/entries/000", flip(1)}, {"tile/entries/000", cut(3)},
		{"tile/entries/001.p/5", flip(20)},
	} {
		rel := filepath.Join(logDir, c.file)
		b := good.read(t, rel)
		good.write(t, rel, c.change(bytes.Clone(b)))
		accepted := true
		for _, v := range vs {
			_, err := readWithTorchwood(good.dir, v)
			accepted = accepted && err == nil
		}
		if accepted {
			t.Errorf("%s: torchwood accepts a changed copy", c.file)
		}
		good.write(t, rel, b)
	}
}
