package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"seihon/ledger"
)

func (h *host) waiting() *waitingRoom { return &waitingRoom{dir: h.stateDir()} }

// searched is how many of the newest entries of the publication log are looked at for what was recorded last.
const searched = 256

// mostWaiting is how many bytes may wait, however young they are.
const mostWaiting = 8 << 20

// record puts rounds of probes and outcomes of verifications into the publication log: by themselves, if
// publication.batch says so or the log is to begin; else together with others, of which the first of each
// kind in that time is not kept waiting.
func (h *host) record(ctx context.Context, entries ...*ledger.Entry) error {
	p := h.conf.Publication
	if p.Batch.Std() <= 0 || !exists(filepath.Join(string(p.Directory), "log", "checkpoint")) {
		log, err := h.publication(ctx)
		if err != nil {
			return err
		}
		for _, e := range entries {
			err = errors.Join(err, log.Append(ctx, e))
		}
		if err == nil {
			_, err = log.Commit(ctx)
		}
		return errors.Join(err, log.Close())
	}
	for _, e := range entries {
		e.V, e.Time = ledger.EntryVersion, h.now().UTC().Truncate(time.Second)
		if e.Type = ledger.TypeProbe; e.Verify != nil {
			e.Type = ledger.TypeVerify
		}
	}
	if err := h.waiting().add(ctx, entries); err != nil {
		return err
	}
	if !h.due(ctx, entries) {
		return nil
	}
	log, err := h.publication(ctx)
	if errors.Is(err, ledger.ErrLocked) {
		return nil // whoever holds it, or the next one, records what waits
	}
	if err != nil {
		return err
	}
	_, err = log.Commit(ctx)
	return errors.Join(err, log.Close())
}

// due reports whether what waits is to be recorded now. A log that cannot be read is opened for writing, which says
// why.
func (h *host) due(ctx context.Context, entries []*ledger.Entry) bool {
	if st, err := os.Stat(h.waiting().path("waiting")); err != nil || st.Size() > mostWaiting {
		return true
	}
	log, err := h.log(ctx, "publication")
	if err != nil {
		return true
	}
	recent := map[bool]bool{} // verification or not: one is on record
	since := h.now().Add(-h.conf.Publication.Batch.Std())
	for i := log.Size() - 1; i >= max(0, log.Size()-searched); i-- {
		e, err := log.Entry(ctx, i)
		if err != nil {
			return true
		}
		if !e.Time.After(since) {
			break
		}
		if e.Probe != nil || e.Rounds != nil || e.Verify != nil {
			recent[e.Verify != nil] = true
		}
	}
	for _, e := range entries {
		if !recent[e.Verify != nil] {
			return true
		}
	}
	return false
}

// stageWaiting puts what waits into the next commit of the log.
func (h *host) stageWaiting(ctx context.Context, log *ledger.Writer) error {
	if log.Log().Size() == 0 {
		return nil // what a log begins with comes first
	}
	w := h.waiting()
	entries, again, err := w.take(ctx)
	if err != nil {
		return err
	}
	if again {
		if h.has(ctx, log.Log(), together(entries)) {
			err = w.done()
		} else {
			err = w.putBack(ctx, entries)
		}
		if err == nil {
			entries, _, err = w.take(ctx)
		}
		if err != nil {
			return err
		}
	}
	newest := log.Log().Time()
	for _, e := range together(entries) {
		// The log's times do not go back. What is in a round has times of its own.
		switch {
		case e.Rounds != nil:
			e.Time = h.now().UTC().Truncate(time.Second)
		case e.Time.Before(newest):
			e.Time = newest
		}
		if err := log.Append(ctx, e); err != nil {
			return err
		}
		newest = e.Time
	}
	h.staged = len(entries) > 0
	return nil
}

// recorded is told of each commit.
func (h *host) recorded() error {
	if !h.staged {
		return nil
	}
	h.staged = false
	return h.waiting().done()
}

// together folds runs of probes.
func together(entries []*ledger.Entry) (all []*ledger.Entry) {
	var probes []*ledger.Probe
	fold := func() {
		for _, r := range ledger.FoldProbes(probes) {
			all = append(all, &ledger.Entry{Rounds: r})
		}
		probes = nil
	}
	for _, e := range entries {
		if e.Probe != nil {
			probes = append(probes, e.Probe)
			continue
		}
		all = append(all, &ledger.Entry{Verify: e.Verify, Time: e.Time})
	}
	fold()
	return all
}

// has reports whether the newest entries of the log have what was taken: one commit has all of it or nothing. All of it
// is looked for, since two outcomes of verifications can be alike; two rounds have different times.
func (h *host) has(ctx context.Context, log *ledger.Log, staged []*ledger.Entry) bool {
	want := map[string]bool{}
	for _, e := range staged {
		want[bodyOf(e)] = true
	}
	for i := log.Size() - 1; len(want) > 0 && i >= max(0, log.Size()-searched-int64(len(staged))); i-- {
		if e, err := log.Entry(ctx, i); err == nil {
			delete(want, bodyOf(e))
		}
	}
	return len(want) == 0
}

// bodyOf is an entry without its time.
func bodyOf(e *ledger.Entry) string {
	timeless := *e
	timeless.V, timeless.Time = ledger.EntryVersion, time.Unix(0, 0)
	if timeless.Type = ledger.TypeRounds; e.Verify != nil {
		timeless.Type = ledger.TypeVerify
	}
	raw, err := timeless.Encode()
	if err != nil {
		return ""
	}
	return string(raw)
}
