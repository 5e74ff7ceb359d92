package publish_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/publish"
	"seihon/sectiona"
)

// TestFindings changes the target between two syncs and asserts what the next
// one reports, what it leaves alone, and that --repair restores it.
func TestFindings(t *testing.T) {
	w, responses := newWorld(t), map[int64][]byte{}
	first := w.signingRun(responses, 5, 6, 7)
	oldCRL := must(first.ReadBlob(t.Context(), mustLine(t, first, "crl/sub.crl")))(t)
	oldResponse := responses[6]
	second := w.signingRun(responses, 5, 6, 7)
	third := w.signingRun(responses, 5, 6, 7)
	object := func(serial string) string { return "ocsp/s1/" + hexHash(w) + "/" + serial }
	forged := append(bytes.Clone(oldCRL[:len(oldCRL)-1]), oldCRL[len(oldCRL)-1]^1)

	for _, tc := range []struct {
		name   string
		layout publish.Layout
		object string
		bytes  []byte // nil removes it
		code   publish.FindingCode
		healed bool // put right without --repair
	}{
		{"other bytes at a CRL", publish.Bundle, "crl/sub.crl", []byte("<html>moved</html>"), publish.Drift, false},
		{"forged CRL", publish.Bundle, "crl/sub.crl", forged, publish.Drift, false},
		{"older CRL", publish.Bundle, "crl/sub.crl", oldCRL, publish.Rollback, false},
		{"no CRL", publish.Bundle, "crl/sub.crl", nil, publish.Missing, true},
		{"other page", publish.Bundle, "index.html", []byte("<p>hacked"), publish.Drift, false},
		{"other bytes where a new tile belongs", publish.Bundle, "log/tile/0/000.p/3", []byte("tile"), publish.Drift,
			false},
		{"other generation", publish.Bundle, "ocsp/sub.generation", []byte("nothing"), publish.Drift, false},
		{"older response", publish.Objects, object("06"), oldResponse, publish.Rollback, false},
		{"other response", publish.Objects, object("06"), []byte{0x30, 3, 0x0a, 1, 6}, publish.Drift, false},
		{"response of another certificate", publish.Objects, object("06"), responses[5], publish.Drift, false},
		{"no response", publish.Objects, object("06"), nil, publish.Missing, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMemStore()
			w.sync(w.config(second, target("t", tc.layout, m)))
			m.set(tc.object, tc.bytes)
			r := w.trySync(w.config(third, target("t", tc.layout, m)))
			if r.Err != nil || len(r.Findings) != 1 || r.Findings[0].Code != tc.code ||
				r.Findings[0].Name != tc.object {
				t.Fatalf("findings %+v, error %v", r.Findings, r.Err)
			}
			if r.Complete != tc.healed || r.Findings[0].Restored != tc.healed {
				t.Errorf("complete %v, restored %v", r.Complete, r.Findings[0].Restored)
			}
			if !tc.healed {
				if !bytes.Equal(m.get(tc.object), tc.bytes) || r.Size != 2 {
					t.Errorf("the object was not left alone, or the checkpoint moved: %+v", r)
				}
				c := w.config(third, target("t", tc.layout, m))
				c.Repair = true
				if r = w.sync(c); !r.Complete || len(r.Findings) != 1 || !r.Findings[0].Restored {
					t.Errorf("repair: %+v", r)
				}
			}
			if err := w.verify(m, third, tc.layout); err != nil {
				t.Error(err)
			}
		})
	}
}

func mustLine(t *testing.T, log *ledger.Log, name string) ledger.Line {
	t.Helper()
	line, _, err := log.Lookup(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func hexHash(w *world) string {
	return strings.Split(strings.TrimPrefix(ocspName(w, 5), "ocsp/s1/"), "/")[0]
}

// TestNeverBackwards lets a publisher with an old master meet a newer target.
func TestNeverBackwards(t *testing.T) {
	for _, layout := range layouts {
		for _, repair := range []bool{false, true} {
			w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
			first := w.signingRun(responses, 5, 6, 7)
			second := w.signingRun(responses, 5, 6, 7)
			third := w.signingRun(responses, 5, 6, 7)
			w.sync(w.config(first, target("t", layout, m)))
			checkpoint := m.get(publish.CheckpointName)
			w.sync(w.config(third, target("t", layout, m)))
			before := m.clone()

			c := w.config(second, target("t", layout, m))
			c.Repair = repair
			r := w.trySync(c)
			if !errors.Is(r.Err, ledger.ErrRollback) || len(r.Findings) != 1 || r.Findings[0].Code != publish.Ahead {
				t.Errorf("%s: target ahead of the master: %+v", layout, r)
			}
			// The same with the checkpoint put back, so that only the objects tell.
			m.set(publish.CheckpointName, checkpoint)
			r = w.trySync(c)
			if repair && !errors.Is(r.Err, publish.ErrBehind) ||
				!repair && (len(r.Findings) == 0 || r.Findings[0].Code != publish.Ahead) || r.Complete {
				t.Errorf("%s: objects ahead of the master: %+v", layout, r)
			}
			// And with the tiles of the longer log removed: lists and generations tell.
			for _, name := range m.names() {
				if strings.HasPrefix(name, "log/tile/") {
					m.set(name, nil)
				}
			}
			r = w.trySync(c)
			if len(r.Findings) == 0 || r.Findings[0].Code != publish.Ahead || r.Complete ||
				repair && !errors.Is(r.Err, publish.ErrBehind) {
				t.Errorf("%s: lists and generations ahead of the master: %+v", layout, r)
			}
			for _, name := range []string{"crl/sub.crl", "ocsp/sub.generation", ocspName(w, 5), "index.html"} {
				if !bytes.Equal(m.get(name), before.get(name)) {
					t.Errorf("%s, repair %v: %s went backwards", layout, repair, name)
				}
			}
		}
	}
}

func TestCheckpointRefused(t *testing.T) {
	w, responses := newWorld(t), map[int64][]byte{}
	log := w.signingRun(responses, 5)
	other := newWorld(t)
	foreign := other.signingRun(map[int64][]byte{}, 9).Checkpoint()
	forked := newFork(t, w)

	for _, tc := range []struct {
		name   string
		note   []byte
		code   publish.FindingCode
		err    error
		repair bool // --repair replaces it
	}{
		{"signed by other keys", foreign, publish.Foreign, ledger.ErrKey, true},
		{"other origin", bytes.Replace(log.Checkpoint(), []byte("ca.example.jp/master\n"),
			[]byte("other.example.jp/master\n"), 1), publish.Foreign, nil, false},
		{"no checkpoint at all", []byte("<html>\n"), publish.Foreign, nil, true},
		{"fork", forked, publish.Fork, ledger.ErrFork, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMemStore()
			m.set(publish.CheckpointName, tc.note)
			c := w.config(log, target("t", publish.Bundle, m))
			r := w.trySync(c)
			if r.Err == nil || len(r.Findings) != 1 || r.Findings[0].Code != tc.code ||
				tc.err != nil && !errors.Is(r.Err, tc.err) {
				t.Fatalf("error %v, findings %+v", r.Err, r.Findings)
			}
			if got := m.took(); len(got) != 2 { // read twice before it is believed
				t.Errorf("a refused target got the requests %v", got)
			}
			c.Repair = true
			r = w.trySync(c)
			if (r.Err == nil) != tc.repair {
				t.Errorf("repair: %v", r.Err)
			}
			if tc.repair && w.verify(m, log, publish.Bundle) != nil {
				t.Error(w.verify(m, log, publish.Bundle))
			}
		})
	}
}

// newFork makes a second master with the same keys and other content.
func newFork(t *testing.T, w *world) []byte {
	t.Helper()
	f := *w
	f.dir = t.TempDir() + "/fork"
	f.run = 0
	writer, err := ledger.Create(t.Context(), f.dir, f.writerConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	f.w = writer
	return f.signingRun(map[int64][]byte{}, 8).Checkpoint()
}

// TestCheckpointPutBack deletes or ages the target's checkpoint.
func TestCheckpointPutBack(t *testing.T) {
	for _, layout := range layouts {
		w, m, responses, state := newWorld(t), newMemStore(), map[int64][]byte{}, t.TempDir()
		configure := func(log *ledger.Log) publish.Config {
			c := w.config(log, target("t", layout, m))
			c.StateDir = state
			return c
		}
		w.sync(configure(w.signingRun(responses, 5, 6, 7)))
		old := m.get(publish.CheckpointName)
		w.sync(configure(w.signingRun(responses, 5, 6)))
		third := w.signingRun(responses, 7)
		for _, tc := range []struct {
			note []byte
			code publish.FindingCode
		}{{nil, publish.Missing}, {old, publish.Rollback}} {
			m.set(publish.CheckpointName, tc.note)
			r := w.sync(configure(third))
			if len(r.Findings) != 1 || r.Findings[0].Code != tc.code || !r.Findings[0].Restored || !r.Complete {
				t.Errorf("%s: %+v", layout, r)
			}
			if err := w.verify(m, third, layout); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestRefused slips a private key into the master's manifest.
func TestRefused(t *testing.T) {
	w, m, responses, state := newWorld(t), newMemStore(), map[int64][]byte{}, t.TempDir()
	before := w.config(w.signingRun(responses, 5, 6, 7), target("t", publish.Bundle, m))
	before.StateDir = state
	w.sync(before)
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(w.key))(t)})
	slipped := w.line("docs/cps-1.0.pdf", artifact.Document, secret, "")
	w.run++
	crl := w.line("crl/sub.crl", artifact.CRL, w.crl(w.run), "2")
	log := w.commit(slipped, crl)

	publication := must(ledger.Create(t.Context(), t.TempDir()+"/publication", w.writerConfig()))(t)
	defer publication.Close()
	c := w.config(log, target("t", publish.Bundle, m))
	c.StateDir, c.Publication = state, publication
	result, err := publish.Sync(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	r := &result.Targets[0]
	if r.Err != nil || !result.Refused() || len(r.Refused) != 1 || r.Refused[0].Refusal.Rule != "private-key" ||
		r.Refused[0].Name != "docs/cps-1.0.pdf" {
		t.Fatalf("%+v", r)
	}
	if r.Complete || r.Size != 1 || m.get("docs/cps-1.0.pdf") != nil {
		t.Error("the key was published, or the checkpoint moved")
	}
	if artifact.Sum(m.get("crl/sub.crl")) != crl.Digest {
		t.Error("the fresh CRL was held back")
	}
	assertEntries(t, publication.Log(), ledger.TypePublish, ledger.TypeRefusal)

	// The next sync only tries what was refused.
	m.took()
	if r := w.trySync(c); len(r.Refused) != 1 || len(m.took()) != 1 {
		t.Errorf("again: %+v", r)
	}
	// An urgent sync in between does not make it forget.
	c.Only = publish.Urgent
	w.trySync(c)
	c.Only = publish.Everything
	m.took()
	if r := w.trySync(c); len(r.Refused) != 1 || len(m.took()) != 1 {
		t.Errorf("after an urgent sync: %+v", r)
	}
	// Once the room withdraws it, the target can be completed.
	w.withdraw(ledger.WithdrawnName{Name: slipped.Name, Digest: slipped.Digest, Reason: "not a document"})
	c.Master = w.commit()
	if r := w.sync(c); !r.Complete || len(r.Refused) != 0 {
		t.Errorf("after the withdrawal: %+v", r)
	}
	if err := w.verify(m, c.Master, publish.Bundle); err != nil {
		t.Error(err)
	}
}

func assertEntries(t *testing.T, log *ledger.Log, types ...string) {
	t.Helper()
	var got []string
	for e, err := range log.Entries(t.Context(), 0, log.Size()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Type)
	}
	if !slices.Equal(got, types) {
		t.Errorf("publication log has %v, want %v", got, types)
	}
}

// TestRefusedResponse holds back a bundle with a bad response, its generation
// with it, and in the objects layout only the response itself.
func TestRefusedResponse(t *testing.T) {
	for _, layout := range layouts {
		w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
		w.sync(w.config(w.signingRun(responses, 5, 6, 7), target("t", layout, m)))
		generation := m.get("ocsp/sub.generation")
		for _, serial := range []int64{5, 6, 7} {
			responses[serial] = w.response(serial)
		}
		responses[6] = bytes.Clone(responses[6])
		responses[6][len(responses[6])-1] ^= 1 // the signature
		w.run++
		log := w.commit(w.bundles(uint64(w.run), 1, responses)...)
		r := w.trySync(w.config(log, target("t", layout, m)))
		if r.Err != nil || r.Complete || r.Size != 1 || len(r.Refused) != 1 {
			t.Errorf("%s: %+v", layout, r)
		}
		if !bytes.Equal(m.get("ocsp/sub.generation"), generation) {
			t.Errorf("%s: a generation was published although its bundle was refused", layout)
		}
		if layout == publish.Objects &&
			(!bytes.Equal(m.get(ocspName(w, 5)), responses[5]) || bytes.Equal(m.get(ocspName(w, 6)), responses[6])) {
			t.Error("objects: want the good responses published and the bad one kept back")
		}
	}
}

func TestDamagedMaster(t *testing.T) {
	w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
	log := w.signingRun(responses, 5, 6, 7)
	line := mustLine(t, log, "index.html")
	flip(t, log.BlobPath(line))
	r := w.trySync(w.config(log, target("t", publish.Bundle, m)))
	if !errors.Is(r.Err, ledger.ErrCorrupt) || r.Complete || m.get("index.html") != nil {
		t.Errorf("%+v", r)
	}
	if m.get("crl/sub.crl") == nil || m.get(publish.CheckpointName) != nil {
		t.Error("the CRL was held back, or the checkpoint was written")
	}
	flip(t, log.BlobPath(line))
	w.sync(w.config(log, target("t", publish.Bundle, m)))
	if err := w.verify(m, log, publish.Bundle); err != nil {
		t.Error(err)
	}
}

func TestPrune(t *testing.T) {
	for _, layout := range layouts {
		w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
		w.sync(w.config(w.signingRun(responses, 5, 6, 7), target("t", layout, m)))
		page := mustLine(t, w.log(), "index.html")
		w.withdraw(ledger.WithdrawnName{Name: page.Name, Digest: page.Digest, Reason: "moved"})
		delete(responses, 7)
		w.run++
		log := w.commit(w.bundles(uint64(w.run), 2, responses)...)
		saved := m.clone()
		c := w.config(log, target("t", layout, m))
		r := w.sync(c)
		if r.Counts.Deleted != 0 || r.Counts.Kept == 0 || m.get("index.html") == nil || !r.Complete {
			t.Errorf("%s: without prune: %+v", layout, r)
		}
		// A later sync with prune removes what this one left.
		late := m.clone()
		c = w.config(log, target("t", layout, late))
		c.Prune, c.StateDir = true, t.TempDir()
		if r := w.sync(c); r.Counts.Deleted != 1 || late.get("index.html") != nil {
			t.Errorf("%s: pruning later: %+v", layout, r)
		}
		late.took()
		if r := w.sync(c); r.Counts.Requests != 1 {
			t.Errorf("%s: pruning again: %v", layout, late.took())
		}
		// Somebody else's bytes at a withdrawn name are not ours to remove.
		drifted := saved.clone()
		drifted.set("index.html", []byte("theirs"))
		c = w.config(log, target("t", layout, drifted))
		c.Prune = true
		if r := w.trySync(c); len(r.Findings) != 1 || drifted.get("index.html") == nil {
			t.Errorf("%s: pruning drift: %+v", layout, r)
		}
		c = w.config(log, target("t", layout, saved))
		c.Prune = true
		r = w.sync(c)
		want := map[publish.Layout]int{publish.Bundle: 1, publish.Objects: 2}[layout]
		if r.Counts.Deleted != want || saved.get("index.html") != nil ||
			layout == publish.Objects && saved.get(ocspName(w, 7)) != nil {
			t.Errorf("%s: with prune: %+v", layout, r)
		}
	}
}

// TestPolicyIsRequired shows that nothing is published without section A.
func TestPolicyIsRequired(t *testing.T) {
	w, m := newWorld(t), newMemStore()
	c := w.config(w.signingRun(map[int64][]byte{}, 5), target("t", publish.Bundle, m))
	c.Policy = nil
	if _, err := publish.Sync(t.Context(), c); err == nil || len(m.took()) != 0 {
		t.Errorf("without a policy: %v", err)
	}
	c.Policy = &sectiona.Policy{}
	if r := w.trySync(c); len(r.Refused) == 0 || m.get("crl/sub.crl") != nil {
		t.Errorf("with a policy that trusts nobody: %+v", r)
	}
}
