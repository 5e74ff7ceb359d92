package publish_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/publish"
)

// TestUnreadHoldsBack: a list whose predecessor the master does not have any more cannot be compared with it, and stays
// here.
func TestUnreadHoldsBack(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), newMemStore()
	first := w.full(1, entry{serial: 7})
	w.commit(first)
	w.sync(w.config(w.log(), target("t", publish.Bundle, m)))
	before := m.get("crl/sub.crl")
	w.commit(w.full(2, entry{serial: 7}))
	name := first.Digest.String()
	if err := os.Remove(filepath.Join(w.log().Dir(), "blobs", name[:2], name)); err != nil {
		t.Fatal(err)
	}
	r := w.trySync(w.config(w.log(), target("t", publish.Bundle, m)))
	if r.Err == nil ||
		!strings.Contains(r.Err.Error(),
			`holding "crl/sub.crl" back: it cannot be compared with what was said before`) {
		t.Errorf("%v", r.Err)
	}
	if !bytes.Equal(m.get("crl/sub.crl"), before) {
		t.Error("the list was sent")
	}
}

// TestRecordMemoryOfAnotherLog: what was found about one log says nothing of another one of the same size.
func TestRecordMemoryOfAnotherLog(t *testing.T) {
	t.Parallel()
	good, dir := newWorld(t), t.TempDir()
	good.commit(good.full(1, entry{serial: 7}))
	good.commit(good.full(2, entry{serial: 7}))
	c := good.config(good.log(), target("t", publish.Bundle, newMemStore()))
	c.StateDir = dir
	good.sync(c)
	if _, err := os.Stat(filepath.Join(dir, "record.memory")); err != nil {
		t.Fatal(err)
	}
	bad := newWorld(t)
	bad.commit(bad.full(1, entry{serial: 7}))
	bad.commit(bad.full(2))
	c = bad.config(bad.log(), target("t", publish.Bundle, newMemStore()))
	c.StateDir = dir
	if r := bad.trySync(c); len(r.Unsaid) != 1 {
		t.Errorf("unsaid %v", r.Unsaid)
	}
}

// TestApplyOfAnOldPlan: a plan is for a target that is where the plan begins.
func TestApplyOfAnOldPlan(t *testing.T) {
	t.Parallel()
	w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
	first := w.signingRun(responses, 5)
	to := target("t", publish.Bundle, m)
	plan := must(publish.NewPlan(t.Context(), first, 0, first.Size(), to.TargetConfig))(t)
	w.sync(w.config(first, to))
	m.took()
	r := plan.Apply(t.Context(), m, w.config(first, to))
	if r.Err == nil || !strings.Contains(r.Err.Error(), "is at size 1, the plan begins at 0: plan again") {
		t.Errorf("%v", r.Err)
	}
	for _, request := range m.took() {
		if strings.HasPrefix(request, "PUT") {
			t.Errorf("%s", request)
		}
	}
}

// overtaken is a store in which another publisher puts a larger checkpoint in the place of ours, as soon as it is
// there.
type overtaken struct {
	*memStore
	larger []byte
}

func (o *overtaken) Put(ctx context.Context, b publish.Object, c publish.Condition) (publish.Receipt, error) {
	r, err := o.memStore.Put(ctx, b, c)
	if err == nil && b.Name == publish.CheckpointName {
		o.set(b.Name, o.larger)
	}
	return r, err
}

// TestOvertaken: a larger checkpoint of the same log is no damage, and anything else that is read back is.
func TestOvertaken(t *testing.T) {
	t.Parallel()
	w, responses := newWorld(t), map[int64][]byte{}
	first := w.signingRun(responses, 5)
	second := w.signingRun(responses, 5)
	for name, test := range map[string]struct {
		now  []byte
		fine bool
	}{
		"larger":  {second.Checkpoint(), true},
		"another": {bytes.Replace(second.Checkpoint(), []byte("\n2\n"), []byte("\n3\n"), 1), false},
	} {
		s := &overtaken{newMemStore(), test.now}
		r := w.trySync(w.config(first, target("t", publish.Bundle, s)))
		if fine := r.Err == nil; fine != test.fine || !fine && !strings.Contains(r.Err.Error(), "reading back") {
			t.Errorf("%s: %v", name, r.Err)
		}
	}
	if artifact.Sum(first.Checkpoint()) == artifact.Sum(second.Checkpoint()) {
		t.Error("both logs have one checkpoint")
	}
}

// TestTwoDatesAreSaid: that the log contradicts itself is said, not only that something was taken back.
func TestTwoDatesAreSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commit(w.full(1, entry{serial: 0x80}))
	for _, hours := range []time.Duration{1, 2} {
		w.append(&ledger.Entry{Expiry: &ledger.Expiry{Issuer: "sub",
			Entries: []ledger.Expired{{Serial: "80", NotAfter: epoch.Add(-hours * time.Hour)}}}})
	}
	w.commit(w.full(2))
	r := w.trySync(w.config(w.log(), target("t", publish.Bundle, newMemStore())))
	if len(r.Unsaid) != 1 || r.Unsaid[0].Why != "the log has two different dates of its expiry" {
		t.Errorf("unsaid %+v", r.Unsaid)
	}
}

// TestKeyInTheLogItself: what the log's own files carry is looked into as well; the note of a batch is free text.
func TestKeyInTheLogItself(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), newMemStore()
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(w.key))(t)})
	if _, err := w.w.AppendBatch(t.Context(), []ledger.Line{w.full(1)}, string(secret)); err != nil {
		t.Fatal(err)
	}
	r := w.trySync(w.config(w.commit(), target("t", publish.Bundle, m)))
	if len(r.Refused) != 1 || r.Refused[0].Refusal.Rule != "private-key" ||
		!strings.HasPrefix(r.Refused[0].Name, "log/tile/entries/") || r.Complete {
		t.Errorf("%+v", r)
	}
	if m.sent("log/tile/entries/") {
		t.Error("the entry was sent")
	}
}
