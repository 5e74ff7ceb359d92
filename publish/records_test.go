package publish_test

import (
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/publish"
)

// TestClock lets the publisher's clock be an hour off. A clock that is behind
// takes a new CRL for one of the future and keeps it back; nothing is lost.
func TestClock(t *testing.T) {
	for _, off := range []time.Duration{-3 * time.Hour, time.Hour} {
		w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
		w.sync(w.config(w.signingRun(responses, 5, 6, 7), target("t", publish.Bundle, m)))
		before := crlNumber(t, m)
		log := w.signingRun(responses, 5)
		w.now = w.now.Add(off)
		r := w.trySync(w.config(log, target("t", publish.Bundle, m)))
		if r.Err != nil || (len(r.Refused) > 0) != (off < 0) || crlNumber(t, m) < before {
			t.Errorf("clock off by %v: %+v", off, r)
		}
		w.now = w.now.Add(-off)
		if r := w.sync(w.config(log, target("t", publish.Bundle, m))); !r.Complete {
			t.Errorf("clock right again: %+v", r)
		}
		if err := w.verify(m, log, publish.Bundle); err != nil {
			t.Error(err)
		}
	}
}

// TestReceipts reads the publication log after a sync.
func TestReceipts(t *testing.T) {
	for _, layout := range layouts {
		w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
		log := w.signingRun(responses, 5, 6, 7)
		publication := must(ledger.Create(t.Context(), t.TempDir()+"/publication", w.writerConfig()))(t)
		defer publication.Close()
		c := w.config(log, target("t", layout, m))
		c.Publication = publication
		w.sync(c)
		w.sync(c) // nothing to record
		entry := must(publication.Log().Entry(t.Context(), 0))(t)
		if publication.Log().Size() != 1 || entry.Publish == nil || entry.Publish.Target != "t" ||
			entry.Publish.MasterRoot != log.Root() {
			t.Fatalf("%s: %d entries, first %+v", layout, publication.Log().Size(), entry)
		}
		names := map[string]ledger.Receipt{}
		for _, r := range entry.Publish.Receipts {
			names[r.Name] = r
		}
		crl := mustLine(t, log, "crl/sub.crl")
		if r := names[crl.Name]; r.Op != "put" || r.Digest != crl.Digest || r.Size != crl.Size ||
			r.ETag != m.Tag(m.get(crl.Name)) || r.Kind != artifact.CRL {
			t.Errorf("%s: receipt %+v", layout, r)
		}
		for _, name := range []string{publish.CheckpointName, "log/tile/0/000.p/1"} {
			if _, ok := names[name]; !ok {
				t.Errorf("%s: no receipt of %s", layout, name)
			}
		}
		bundles := 0
		for name := range names {
			if strings.HasPrefix(name, "ocsp/bundles/") {
				bundles++
			}
		}
		if bundles != 2 { // in the objects layout one stands for all responses of a bundle
			t.Errorf("%s: %d receipts of bundles", layout, bundles)
		}
	}
}

// TestReceiptsAfterKill: a sync that was killed behind the target's checkpoint recorded nothing. The next one leaves
// its receipts, and writes nothing again.
func TestReceiptsAfterKill(t *testing.T) {
	for _, layout := range layouts {
		w, m, responses := newWorld(t), newMemStore(), map[int64][]byte{}
		publication := must(ledger.Create(t.Context(), t.TempDir()+"/publication", w.writerConfig()))(t)
		defer publication.Close()
		state := t.TempDir()
		sync := func(log *ledger.Log, recorded bool) *publish.TargetResult {
			t.Helper()
			c := w.config(log, target("t", layout, m))
			c.StateDir = state
			if recorded { // without, it is as if it had been killed
				c.Publication = publication
			}
			return w.sync(c)
		}
		receipts := func(entry int64) map[string]string {
			t.Helper()
			if size := publication.Log().Size(); size != entry+1 {
				t.Fatalf("%s: the publication log has %d entries, want %d", layout, size, entry+1)
			}
			ops := map[string]string{}
			for _, r := range must(publication.Log().Entry(t.Context(), entry))(t).Publish.Receipts {
				ops[r.Name] = r.Op
			}
			return ops
		}
		first := w.signingRun(responses, 5, 6, 7)
		sync(first, false)
		if r := sync(first, true); r.Counts.Sent != 0 || !r.Complete {
			t.Errorf("%s: after the first sync was killed: %+v", layout, r)
		}
		all := receipts(0)
		for _, name := range []string{publish.CheckpointName, "crl/sub.crl", "log/tile/0/000.p/1"} {
			if all[name] != "replay" {
				t.Errorf("%s: the receipt of %s is %q", layout, name, all[name])
			}
		}
		sync(first, true)
		receipts(0) // nothing more to record

		second := w.signingRun(responses, 5)
		sync(second, false)
		if r := sync(second, true); r.Counts.Sent != 0 || !r.Complete {
			t.Errorf("%s: after a later sync was killed: %+v", layout, r)
		}
		if later := receipts(1); later[publish.CheckpointName] != "replay" || later["log/tile/0/000.p/1"] != "" ||
			len(later) >= len(all) {
			t.Errorf("%s: receipts of a later sync: %v", layout, later)
		}
		sync(second, true)
		receipts(1)
	}
}
