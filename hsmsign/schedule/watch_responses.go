package schedule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/memory"
	"seihon/hsmsign/ocsp"
	"seihon/hsmsign/room"
	"seihon/inventory"
	"seihon/ocspcache"
	"seihon/override"
	"seihon/public"
)

// watchShard holds what is about to be signed in a shard against what the
// current generation says of the same certificates. It returns revoked
// certificates whose last response is left out because they have expired.
func watchShard(ctx context.Context, r *room.Room, a *room.Authority, shard int, due []inventory.Status,
	now time.Time) ([]memory.Expired, error) {
	bundles, err := r.CurrentBundles(ctx, a, shard)
	if err != nil || len(bundles) == 0 {
		return nil, err
	}
	w := &shardWatch{r: r, a: a, now: now, due: make(map[string]ocsp.Status, len(due))}
	for _, s := range due {
		w.due[string(s.Serial)] = room.ResponseStatus(s)
	}
	for _, b := range bundles {
		if err == nil {
			err = w.bundle(ctx, b, shard)
		}
		b.Close()
	}
	if err == nil {
		err = w.flush(ctx)
	}
	if err == nil && len(w.changes) > 0 {
		var unvouched []memory.Fault
		unvouched, err = r.Unvouched(ctx, a.Name, w.changes)
		w.faults = append(w.faults, unvouched...)
	}
	if err == nil && len(w.faults) > 0 {
		err = &room.RecordError{Issuer: a.Name, Name: fmt.Sprintf("shard %d of the responses", shard), Faults: w.faults}
	}
	return w.expired, err
}

// watchIdle looks at the shards in which nothing was due while others are signed:
// one whose certificates were all taken out of the inventory is never due again.
// It reports whether something was healed, which is due now.
func watchIdle(ctx context.Context, r *room.Room, a *room.Authority, now time.Time,
	done map[int]bool) (healed bool, err error) {
	for shard := range a.OCSP.Shards {
		if done[shard] {
			continue
		}
		expired, err := watchShard(ctx, r, a, shard, nil, now)
		var unsaid *room.RecordError
		if errors.As(err, &unsaid) {
			h, herr := r.HealFaults(ctx, unsaid)
			if herr == nil && h.Any() {
				healed = true
				continue
			}
			err = errors.Join(err, herr)
		}
		if err != nil {
			return healed, err
		}
		r.AddExpired(a.Name, expired)
	}
	return healed, nil
}

// A shardWatch compares one shard with its predecessors.
type shardWatch struct {
	r       *room.Room
	a       *room.Authority
	now     time.Time
	due     map[string]ocsp.Status
	copied  [][]byte // serials whose response goes on as it is, and whose row must be there
	was     []override.Status
	changes []memory.Fault // lawful ones, which somebody must stand behind
	faults  []memory.Fault
	expired []memory.Expired
}

// watchChunk is how many copied responses are looked up at once.
const watchChunk = 5000

func (w *shardWatch) bundle(ctx context.Context, b *ocspcache.Bundle, shard int) error {
	for key, der := range b.All() {
		if ocspcache.ShardOf(key.Serial, w.a.OCSP.Shards) != shard {
			continue
		}
		resp, err := artifact.ParseResponse(der)
		if err != nil {
			return fmt.Errorf("reading a response of %s in the master: %w", w.a.Name, err)
		}
		for i := range resp.Singles {
			s := &resp.Singles[i]
			if !bytes.Equal(s.CertID.Serial, key.Serial) {
				continue
			}
			if err := w.single(ctx, key.Serial, s, resp.NeverIssued(s)); err != nil {
				return err
			}
		}
		if len(w.copied) >= watchChunk {
			if err := w.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// single judges one answer of the predecessor.
func (w *shardWatch) single(ctx context.Context, serial []byte, s *artifact.Single, neverIssued bool) error {
	was := override.Status{State: override.Good}
	if s.Status == artifact.StatusRevoked {
		was = memory.Revoked(s.RevokedAt, s.Reason, time.Time{})
	}
	next, due := w.due[string(serial)]
	switch {
	case neverIssued && (!due || next.State == ocsp.NeverIssued):
		return nil // the claim may end; that there is such a certificate needs an override
	case due:
		return w.follows(ctx, serial, was, next)
	case !w.now.Before(s.NextUpdate) && was.State == override.Revoked:
		return w.leaves(ctx, serial, was)
	}
	w.copied, w.was = append(w.copied, bytes.Clone(serial)), append(w.was, was)
	return nil
}

// follows judges an answer that is signed anew.
func (w *shardWatch) follows(ctx context.Context, serial []byte, was override.Status, next ocsp.Status) error {
	now := override.Status{State: override.Good}
	if next.State == ocsp.Revoked {
		now = memory.Revoked(next.RevokedAt, next.Reason, time.Time{})
	}
	if next.State == ocsp.NeverIssued {
		now = memory.Absent
	}
	if memory.Lawful(was, now) && next.State != ocsp.NeverIssued {
		if !was.Equal(now) {
			w.changes = append(w.changes, memory.Fault{Serial: bytes.Clone(serial), Was: was, Now: now})
		}
		return nil
	}
	return w.judge(ctx, memory.Fault{Serial: serial, Was: was, Now: now})
}

// leaves judges a revoked answer that is not renewed: its certificate must have expired.
func (w *shardWatch) leaves(ctx context.Context, serial []byte, was override.Status) error {
	end, err := w.r.NotAfter(ctx, w.a.Name, serial)
	if err != nil {
		return err
	}
	if !end.IsZero() && end.Before(w.now) {
		w.expired = append(w.expired, memory.Expired{Serial: bytes.Clone(serial), NotAfter: end})
		return nil
	}
	if was.Reason == memory.OnHold {
		return nil
	}
	return w.judge(ctx,
		memory.Fault{Serial: serial, Was: was, Now: memory.Absent,
			Why: "its response is not renewed, and it has not expired"})
}

func (w *shardWatch) judge(ctx context.Context, f memory.Fault) error {
	f.Serial = bytes.Clone(f.Serial)
	// An override speaks of the whole status; a response has no invalidity date.
	for c, err := range w.r.Inventory.Overridden(ctx, w.a.Name, f.Serial) {
		if err != nil {
			return err
		}
		was, err1 := override.ParseStatus(c.Was)
		now, err2 := override.ParseStatus(c.Now)
		if err1 != nil || err2 != nil || !room.SameAnswer(was, f.Was) || !room.SameAnswer(now, f.Now) {
			continue
		}
		if ok, err := w.r.Permitted(ctx, w.a.Name, public.Generation(w.a.Name), f.Serial, was, now); err != nil || ok {
			return err
		}
	}
	w.faults = append(w.faults, f)
	return nil
}

// flush looks for the rows of what is copied. An answer without a row is about a
// certificate that somebody took out of the inventory.
func (w *shardWatch) flush(ctx context.Context) error {
	missing, err := w.r.Inventory.Missing(ctx, w.a.Name, w.copied)
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for _, s := range missing {
		gone[string(s)] = true
	}
	for i, s := range w.copied {
		if gone[string(s)] {
			gone[string(s)] = false
			w.faults = append(w.faults,
				memory.Fault{Serial: s, Was: w.was[i], Now: memory.Absent,
					Why: "the inventory has no such serial any more"})
		}
	}
	w.copied, w.was = w.copied[:0], w.was[:0]
	return nil
}
