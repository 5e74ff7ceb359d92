package publish_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/publish"
)

// A fault is what happens to one request.
type fault string

const (
	healthy   fault = ""
	before    fault = "fails before taking effect"
	after     fault = "fails after taking effect"
	conflict  fault = "answers 412 for no reason"
	denied    fault = "answers 403"
	busy      fault = "answers 503"
	truncated fault = "ends the body early"
	wrong     fault = "gives a wrong body"
	hang      fault = "hangs"
	kill      fault = "the publisher is killed before"
	killAfter fault = "the publisher is killed after"
)

var errBroken = errors.New("connection reset by peer")

// A faultStore puts faults between the publisher and a memStore.
type faultStore struct {
	*memStore
	choose func(op, name string) fault
	crash  func() // ends the publisher
	dead   bool
	mu     sync.Mutex
}

func (f *faultStore) next(op, name string) fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return kill
	}
	x := f.choose(op, name)
	if x == kill || x == killAfter {
		f.dead = true
		f.crash()
	}
	return x
}

// around runs one request with its fault. A GET that fails afterwards is the
// same as one that fails before.
func (f *faultStore) around(ctx context.Context, x fault, request func() error) error {
	switch x {
	case before:
		return errBroken
	case conflict:
		return publish.ErrConflict
	case denied:
		return publish.ErrDenied
	case busy:
		return publish.ErrBusy
	case kill:
		return context.Canceled
	case hang:
		<-ctx.Done()
		return ctx.Err()
	case after:
		return errors.Join(request(), errBroken)
	case killAfter:
		return errors.Join(request(), context.Canceled)
	}
	return request()
}

func (f *faultStore) Put(ctx context.Context, o publish.Object, c publish.Condition) (r publish.Receipt, err error) {
	// A request that was sent takes effect whether or not its sender lives.
	err = f.around(ctx, f.next("PUT", o.Name), func() error {
		r, err = f.memStore.Put(context.Background(), o, c)
		return err
	})
	return r, err
}

func (f *faultStore) Delete(ctx context.Context, name string, c publish.Condition) error {
	return f.around(ctx, f.next("DELETE", name),
		func() error { return f.memStore.Delete(context.Background(), name, c) })
}

func (f *faultStore) Get(ctx context.Context, name string) (r *publish.Reader, err error) {
	x := f.next("GET", name)
	err = f.around(ctx, x, func() error {
		r, err = f.memStore.Get(context.Background(), name)
		return err
	})
	if err != nil || x != truncated && x != wrong {
		return r, err
	}
	b, err := io.ReadAll(r)
	if x == truncated {
		b = b[:len(b)/2]
	} else if len(b) > 0 {
		b[len(b)/2] ^= 1
	}
	r.ReadCloser = io.NopCloser(bytes.NewReader(b))
	return r, err
}

// serial makes the order of requests the same in every run.
func serial(c publish.Config) publish.Config {
	c.Limits.MinWorkers, c.Limits.MaxWorkers = 1, 1
	return c
}

// TestFaultTable lets each request of a sync meet each fault, and asserts the
// number of requests, the state, and that the next sync puts everything right.
func TestFaultTable(t *testing.T) {
	for _, layout := range layouts {
		w, responses := newWorld(t), map[int64][]byte{}
		first := w.signingRun(responses, 5, 6, 7)
		begin := newMemStore()
		w.sync(w.config(first, target("t", layout, begin)))
		w.signingRun(responses, 6)
		log := w.signingRun(responses, 5)
		healthyRun := begin.clone()
		w.sync(serial(w.config(log, target("t", layout, healthyRun))))
		requests := healthyRun.took()
		for i, request := range requests {
			op, name, _ := bytes.Cut([]byte(request), []byte(" "))
			for _, x := range []fault{before, after, conflict, denied, busy, truncated, wrong, hang, kill, killAfter} {
				if bad := (x == truncated || x == wrong) && string(op) != "GET" ||
					x == conflict && string(op) == "GET"; bad {
					continue
				}
				t.Run(fmt.Sprintf("%s/%d %s/%s", layout, i, request, x), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						oneFault(t, w, log, layout, begin.clone(), i, x, len(requests), string(op), string(name))
					})
				})
			}
		}
	}
}

func oneFault(t *testing.T, w *world, log *ledger.Log, layout publish.Layout, m *memStore, at int, x fault,
	healthyRequests int, op, name string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := -1
	seen := map[string]bool{} // before the fault
	f := &faultStore{memStore: m, crash: cancel, choose: func(op, name string) fault {
		n++
		if n == at {
			return x
		}
		if n < at {
			seen[op+" "+name] = true
		}
		return healthy
	}}
	number := crlNumber(t, m)
	result, err := publish.Sync(ctx, serial(w.config(log, target("t", layout, f))))
	if err != nil {
		t.Fatal(err)
	}
	r := &result.Targets[0]
	if crlNumber(t, m) < number {
		t.Error("the CRL went backwards")
	}
	// A denied look before a write may mean that there is nothing: S3 without
	// permission to list. The write's condition finds out.
	looks := op == "GET" && name == "ocsp/sub.generation" && !seen["PUT "+name]
	fatal := x == kill || x == killAfter || x == denied && at > 0 && !looks
	if !fatal {
		if r.Err != nil || !r.Complete || len(r.Findings) != 0 {
			t.Errorf("want the fault overcome: %+v", r)
		}
		if err := w.verify(m, log, layout); err != nil {
			t.Error(err)
		}
		want := healthyRequests + extra(x, op, name)
		if x == denied {
			want = healthyRequests + 2 // a write that meets its condition, and a look
		}
		if x == wrong && name == "ocsp/sub.generation" {
			want = n + 1 // the damage may be in the proof, which is not asked at that moment
		}
		if at > 0 && n+1 != want {
			t.Errorf("%d requests, want %d", n+1, want)
		}
	} else if r.Err == nil && !(x == killAfter && at == healthyRequests-1) {
		t.Errorf("want an error: %+v", r)
	}
	if got := m.get(publish.CheckpointName); bytes.Equal(got, log.Checkpoint()) {
		if err := w.verify(m, log, layout); err != nil {
			t.Errorf("the checkpoint promises what is not there: %v", err)
		}
	}
	r = w.trySync(w.config(log, target("t", layout, m)))
	if r.Err != nil || !r.Complete || len(r.Findings) != 0 {
		t.Errorf("next sync: %+v", r)
	}
	if err := w.verify(m, log, layout); err != nil {
		t.Errorf("after the next sync: %v", err)
	}
}

// extra is how many requests a fault costs.
func extra(x fault, op, name string) int {
	kept := name == "crl/sub.crl" || name == "crl/sub/history/2.crl" || name == "crl/sub/history/3.crl" ||
		name == "ocsp/sub.generation" || name == publish.CheckpointName
	switch {
	case op == "GET" || x == before || x == busy || x == hang:
		return 1
	case x == conflict: // look, put again
		return 2
	case kept: // put again, look; the look stands for the reading back
		return 1
	}
	return 2 // put again, look
}

func crlNumber(t *testing.T, m *memStore) int64 {
	t.Helper()
	b := m.get("crl/sub.crl")
	if b == nil {
		return 0
	}
	l, err := artifact.ParseRevocationList(b)
	if err != nil {
		t.Fatal(err)
	}
	return l.Number.Int64()
}

// TestDeadlines shows that a target that hangs for good cannot hang a sync,
// and does not hold back another target.
func TestDeadlines(t *testing.T) {
	w := newWorld(t)
	log := w.signingRun(map[int64][]byte{}, 5)
	synctest.Test(t, func(t *testing.T) {
		stuck := &faultStore{memStore: newMemStore(), choose: func(string, string) fault { return hang }}
		m := newMemStore()
		hurried := target("hurried", publish.Bundle, stuck)
		hurried.Timeout = time.Minute // its own, shorter than all tries of one request
		c := w.config(log, target("stuck", publish.Bundle, stuck), target("well", publish.Bundle, m), hurried)
		c.Limits.TotalTimeout = 10 * time.Minute
		start := time.Now()
		r, err := publish.Sync(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 10*time.Minute {
			t.Errorf("a stuck target took %v", took)
		}
		if r.Targets[0].Err == nil || r.Targets[1].Err != nil || w.verify(m, log, publish.Bundle) != nil {
			t.Errorf("stuck %v, well %v", r.Targets[0].Err, r.Targets[1].Err)
		}
		if x := r.Targets[2]; x.Err == nil || x.Elapsed > time.Minute {
			t.Errorf("a target of a minute took %v: %v", x.Elapsed, x.Err)
		}
	})
}

// TestBehind says by how long a target that does not answer is behind.
func TestBehind(t *testing.T) {
	w, m, responses, state := newWorld(t), newMemStore(), map[int64][]byte{}, t.TempDir()
	down := false
	f := &faultStore{memStore: m, choose: func(string, string) fault {
		if down {
			return before
		}
		return healthy
	}}
	c := w.config(w.signingRun(responses, 5), target("t", publish.Bundle, f))
	c.StateDir = state
	w.sync(c)
	down = true
	c.Master = w.signingRun(responses, 5)
	w.now = w.now.Add(2 * time.Hour)
	if r := w.trySync(c); r.Err == nil || r.Behind != 3*time.Hour || r.Complete {
		t.Errorf("%+v", r)
	}
}

// TestRetryBudget ends a sync whose target fails most of the time.
func TestRetryBudget(t *testing.T) {
	w := newWorld(t)
	log := w.signingRun(map[int64][]byte{}, 5, 6, 7)
	synctest.Test(t, func(t *testing.T) {
		n := 0
		f := &faultStore{memStore: newMemStore(),
			choose: func(string, string) fault { n++; return []fault{busy, busy, busy, healthy}[n%4] }}
		c := serial(w.config(log, target("t", publish.Bundle, f)))
		c.Limits.RetryBudget = 5
		r := w.trySync(c)
		if r.Err == nil || r.Counts.Retries > 10 {
			t.Errorf("retries %d, error %v", r.Counts.Retries, r.Err)
		}
	})
}
