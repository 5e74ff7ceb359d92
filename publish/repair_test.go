package publish_test

import (
	"slices"
	"testing"

	"seihon/publish"
)

// TestRepairBehind repairs a target that is only behind: nobody put anything back.
func TestRepairBehind(t *testing.T) {
	for _, layout := range layouts {
		w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
		w.sync(w.config(w.signingRun(responses, 5, 6, 7), target("t", layout, m)))
		log := w.signingRun(responses, 5)
		c := w.config(log, target("t", layout, m))
		c.Repair = true
		if r := w.sync(c); len(r.Findings) > 0 || !r.Complete {
			t.Errorf("%s: %+v", layout, r)
		}
		if err := w.verify(m, log, layout); err != nil {
			t.Errorf("%s: %v", layout, err)
		}
	}
}

// TestRepairBehindPutBack puts a response back that is older than what a target that is behind promises.
func TestRepairBehindPutBack(t *testing.T) {
	w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
	w.sync(w.config(w.signingRun(responses, 5, 6, 7), target("t", publish.Objects, m)))
	name := ocspName(w, 5)
	first := m.get(name)
	w.sync(w.config(w.signingRun(responses, 5), target("t", publish.Objects, m)))
	log := w.signingRun(responses, 5, 6)
	m.set(name, first)
	c := w.config(log, target("t", publish.Objects, m))
	c.Repair = true
	r := w.sync(c)
	if len(r.Findings) != 1 || r.Findings[0].Name != name || r.Findings[0].Code != publish.Rollback || !r.Complete {
		t.Errorf("want the one rollback of %s, got %+v", name, r.Findings)
	}
}

// TestRepairComplete repairs a target that claims to be complete: without
// --repair nothing would be looked at.
func TestRepairComplete(t *testing.T) {
	for _, layout := range layouts {
		w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
		old := w.signingRun(responses, 5, 6, 7)
		w.sync(w.config(old, target("t", layout, m)))
		oldCRL := m.get("crl/sub.crl")
		log := w.signingRun(responses, 5)
		w.sync(w.config(log, target("t", layout, m)))
		want := map[string]publish.FindingCode{"crl/sub.crl": publish.Rollback, "index.html": publish.Missing,
			"cert/sub.cer": publish.Drift}
		m.set("crl/sub.crl", oldCRL)
		m.set("index.html", nil)
		m.set("cert/sub.cer", []byte("another"))
		if layout == publish.Objects {
			want[ocspName(w, 6)] = publish.Missing
			m.set(ocspName(w, 6), nil)
		}
		if r := w.sync(w.config(log, target("t", layout, m))); !r.Unchanged() {
			t.Errorf("%s: without repair: %+v", layout, r)
		}
		c := w.config(log, target("t", layout, m))
		c.Repair = true
		m.took()
		r := w.sync(c)
		got := map[string]publish.FindingCode{}
		for _, f := range r.Findings {
			if !f.Restored {
				t.Errorf("%s: not restored: %+v", layout, f)
			}
			got[f.Name] = f.Code
		}
		if len(got) != len(want) || got["crl/sub.crl"] != want["crl/sub.crl"] || got["index.html"] != publish.Missing ||
			got["cert/sub.cer"] != publish.Drift {
			t.Errorf("%s: findings %v, want %v", layout, got, want)
		}
		if r.Counts.Sent != len(want) || slices.Contains(m.took(), "PUT "+publish.CheckpointName) {
			t.Errorf("%s: more than what was wrong was written: %+v", layout, r.Counts)
		}
		if err := w.verify(m, log, layout); err != nil {
			t.Error(err)
		}
	}
}
