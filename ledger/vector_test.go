package ledger

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seihon/artifact"

	"golang.org/x/mod/sumdb/note"
)

// The vectors in testdata are one small master with all that belongs to it, as
// docs/formats.md describes it. ECDSA signatures are random, so the test reads
// and checks the committed files; -update makes them anew.

const vectorOrigin = "ca.example.jp/master"

func vectorRoom(t testing.TB) *room {
	t.Helper()
	seed := sha256.Sum256([]byte("seihon test vector"))
	ec, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewNoteSigner(vectorOrigin, ec)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewNoteSigner(vectorOrigin, ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(vectorOrigin, a.String(), b.String())
	if err != nil {
		t.Fatal(err)
	}
	return &room{now: time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC), signers: []note.Signer{a, b}, v: v}
}

// vectorVerifier reads the committed keys.
func vectorVerifier(t testing.TB, dir string) *Verifier {
	t.Helper()
	var keys []string
	for _, name := range []string{"log.ecdsa.vkey", "log.ed25519.vkey"} {
		b, err := os.ReadFile(filepath.Join(dir, "keys", name))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, string(b))
	}
	v, err := NewVerifier(vectorOrigin, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVectors reads the vectors of today's formats and those whose manifests are of version 1.
func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	for _, dir := range []string{"testdata", "testdata/v1"} {
		t.Run(dir, func(t *testing.T) { readVectors(t, dir) })
	}
}

func readVectors(t *testing.T, dir string) {
	v := vectorVerifier(t, dir)
	log := filepath.Join(dir, "log")
	got, err := Check(t.Context(), log, v, CheckConfig{Now: func() time.Time { return vectorRoom(t).now }})
	if err != nil || len(got) > 0 {
		t.Fatalf("%v %v", got, err)
	}
	l, err := Open(t.Context(), log, v)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := os.ReadFile(filepath.Join(dir, "proofs/crl-ca.tlog-proof"))
	if err != nil {
		t.Fatal(err)
	}
	line, cp, err := VerifyProof(proof, v)
	if err != nil {
		t.Fatal(err)
	}
	if cp.Size != l.Size() || cp.Root != l.Root() {
		t.Errorf("the proof is of size %d", cp.Size)
	}
	if b, err := l.ReadBlob(t.Context(), *line); err != nil || string(b) != "a revocation list, number 2\n" {
		t.Errorf("%s: %q %v", line.Name, b, err)
	}
	again, err := l.Prove(t.Context(), "crl/ca.crl")
	if err != nil || string(again) != string(proof) {
		t.Errorf("the proof is now\n%s\n%v", again, err)
	}
	e, err := l.Entry(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	text, err := l.Manifest(t.Context(), e.Batch)
	if err != nil {
		t.Fatal(err)
	}
	vector(t, filepath.Join(strings.TrimPrefix(dir, "testdata"), "manifests/batch-2.txt"), text)
}

// TestProofRejectsChanges flips every character of the committed proof.
func TestProofRejectsChanges(t *testing.T) {
	v := vectorVerifier(t, "testdata")
	proof, err := os.ReadFile("testdata/proofs/crl-ca.tlog-proof")
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := VerifyProof(proof, v)
	if err != nil {
		t.Fatal(err)
	}
	for i := range proof {
		proof[i] ^= 1
		if got, _, err := VerifyProof(proof, v); err == nil {
			t.Errorf("byte %d changed: still a proof of %v (was %v)", i, got, want)
		}
		proof[i] ^= 1
	}
	for i := range proof {
		if _, _, err := VerifyProof(proof[:i], v); err == nil {
			t.Errorf("cut at %d: still a proof", i)
		}
	}
	for i, b := range proof {
		if b == '\n' { // a decoder of base64 passes over line ends
			bad := slices.Insert(slices.Clone(proof), i, '\r')
			if _, _, err := VerifyProof(bad, v); err == nil {
				t.Errorf("a carriage return at %d: still a proof", i)
			}
		}
	}
	other := newRoom(t, vectorOrigin)
	if _, _, err := VerifyProof(proof, other.v); err == nil {
		t.Error("verified with other keys")
	}
}

func writeVectors(t *testing.T) {
	for _, d := range []string{"log", "keys", "proofs", "manifests"} {
		if err := os.RemoveAll(filepath.Join("testdata", d)); err != nil {
			t.Fatal(err)
		}
	}
	r := vectorRoom(t)
	w := r.create(t, "testdata/log")
	put := func(body string, l Line) Line {
		var err error
		if l.Digest, l.Size, err = w.PutBlob(t.Context(), l.Kind, strings.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		return l
	}
	day := 24 * time.Hour
	for i, lines := range [][]Line{
		{
			put("a certificate\n", Line{Name: "cert/ca.cer", Kind: artifact.CACertificate, NotBefore: r.now,
				NotAfter: r.now.Add(3650 * day), Issuer: "root", Number: "0a1b2c"}),
			put("a revocation list, number 1\n",
				Line{Name: "crl/ca.crl", Kind: artifact.CRL, NotBefore: r.now, NotAfter: r.now.Add(day), Issuer: "ca",
					Number: "1"}),
			put("a policy\n", Line{Name: "docs/cp-1.0.pdf", Kind: artifact.Document}),
		},
		{
			put("a revocation list, number 2\n",
				Line{Name: "crl/ca.crl", Kind: artifact.CRL, NotBefore: r.now.Add(day), NotAfter: r.now.Add(2 * day),
					Issuer: "ca", Number: "2"}),
			put("a revocation list, number 1\n",
				Line{Name: "crl/ca/history/1.crl", Kind: artifact.CRL, NotBefore: r.now, NotAfter: r.now.Add(day),
					Issuer: "ca", Number: "1", History: true}),
			put("a bundle\n", Line{Name: "ocsp/bundles/0", Kind: artifact.OCSPBundle, NotBefore: r.now.Add(day),
				NotAfter: r.now.Add(2 * day), Issuer: "ca"}),
			put("a generation\n", Line{Name: "ocsp/ca.generation", Kind: artifact.OCSPGeneration,
				NotBefore: r.now.Add(day), NotAfter: r.now.Add(2 * day), Issuer: "ca", Number: "1"}),
		},
	} {
		if _, err := w.AppendBatch(t.Context(), lines, []string{"first run", ""}[i]); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Append(t.Context(), &Entry{Withdraw: &Withdraw{Names: []WithdrawnName{{Name: "docs/cp-1.0.pdf",
		Digest: artifact.Sum([]byte("a policy\n")), Reason: "replaced"}}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	proof, err := w.Log().Prove(t.Context(), "crl/ca.crl")
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	for _, p := range []string{"lock", "lock.holder", tmpDir} {
		if err := os.RemoveAll(filepath.Join("testdata/log", p)); err != nil {
			t.Fatal(err)
		}
	}
	for name, b := range map[string][]byte{
		"proofs/crl-ca.tlog-proof": proof, "keys/log.ecdsa.vkey": []byte(r.v.keys[0].String() + "\n"),
		"keys/log.ed25519.vkey": []byte(r.v.keys[1].String() + "\n"),
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join("testdata", name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("testdata", name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFormatsDocument holds the document that is read and the one that goes
// into every archive together.
func TestFormatsDocument(t *testing.T) {
	b, err := os.ReadFile("../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != formats {
		t.Error("docs/formats.md and ledger/formats.md differ")
	}
	for typ := range map[string]bool{TypeBatch: true, TypeWithdraw: true, TypeKeyRotation: true, TypeEvidence: true,
		TypeAnchor: true, TypeFreeze: true,
		TypePublish: true, TypeProbe: true, TypeRounds: true, TypeVerify: true, TypeRefusal: true} {
		if !strings.Contains(formats, "| `"+typ+"` |") {
			t.Errorf("the type %s is not described", typ)
		}
	}
}
