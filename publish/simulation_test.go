package publish_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/publish"
)

// TestSimulation runs random schedules of faults over a signing room that goes
// on, two publishers whose copies of the master lag behind it, and one target.
// A schedule is a function of its seed alone: latencies and faults are hashes of
// the seed and the request, and time is that of a bubble. A failure names the
// seed; run it again with -run 'TestSimulation/seed=N$'.
func TestSimulation(t *testing.T) { simulate(t, 60) }

func simulate(t *testing.T, seeds int) {
	s := newStory(t)
	for _, layout := range layouts {
		for seed := range seeds {
			t.Run(fmt.Sprintf("%s/seed=%d", layout, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { s.run(t, layout, uint64(seed)) })
			})
		}
	}
}

// A story is a master at several sizes, read once for all schedules.
type story struct {
	w       *world
	logs    []*ledger.Log
	wanted  map[publish.Layout][]map[string]artifact.Digest // by size
	newest  map[artifact.Digest]int                         // the last size at which bytes were current
	numbers map[artifact.Digest]int64                       // of CRLs
}

func newStory(t *testing.T) *story {
	w, responses := newWorld(t), map[int64][]byte{}
	s := &story{w: w, wanted: map[publish.Layout][]map[string]artifact.Digest{}, newest: map[artifact.Digest]int{},
		numbers: map[artifact.Digest]int64{}}
	s.logs = append(s.logs, w.signingRun(responses, 1, 2, 3, 4, 5))
	w.revoked[2] = true
	s.logs = append(s.logs, w.signingRun(responses, 2), w.signingRun(responses, 1, 3), w.signingRun(responses, 6, 7))
	w.revoked[7] = true
	s.logs = append(s.logs, w.signingRun(responses, 7, 4))
	for _, layout := range layouts {
		for i, log := range s.logs {
			want := must(wanted(log, layout))(t)
			s.wanted[layout] = append(s.wanted[layout], want)
			for _, d := range want {
				s.newest[d] = max(s.newest[d], i)
			}
			s.numbers[want["crl/sub.crl"]] = int64(i + 1)
		}
	}
	return s
}

// hash draws a number from the seed and what it is for.
func hash(seed uint64, what ...any) uint64 {
	h := fnv.New64a()
	binary.Write(h, binary.BigEndian, seed)
	fmt.Fprint(h, what...)
	// FNV's low bits are weak: mix once more.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	return x ^ x>>33
}

func (s *story) run(t *testing.T, layout publish.Layout, seed uint64) {
	m := newMemStore()
	watch := &watcher{t: t, s: s, layout: layout, m: m}
	reach := 0
	for step := range 4 + int(hash(seed, "steps")%3) {
		reach = min(len(s.logs)-1, reach+int(hash(seed, step, "signs")%2))
		both := hash(seed, step, "both")%2 == 0
		var wg sync.WaitGroup
		for publisher := range 2 {
			if !both && hash(seed, step, "who")%2 != uint64(publisher) {
				continue
			}
			lag := int(hash(seed, step, publisher, "lag") % 3)
			log := s.logs[max(0, reach-lag/2)]
			wg.Go(func() { s.publisher(t, watch, layout, log, seed, step, publisher) })
		}
		wg.Wait()
		watch.settled()
	}
	last := s.logs[len(s.logs)-1]
	r := s.w.trySync(s.w.config(last, target("t", layout, m)))
	if r.Err != nil || !r.Complete || len(r.Findings) > 0 {
		t.Errorf("the sync after all faults: %+v", r)
	}
	if err := s.w.verify(m, last, layout); err != nil {
		t.Errorf("after all faults: %v", err)
	}
}

// publisher is one sync with faults.
func (s *story) publisher(t *testing.T, watch *watcher, layout publish.Layout, log *ledger.Log, seed uint64, step,
	publisher int) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	kinds := []fault{before, after, conflict, busy, truncated, wrong, hang, kill, killAfter, denied}
	rate := []uint64{0, 2, 5, 15}[hash(seed, step, publisher, "rate")%4] // percent
	var mu sync.Mutex
	count, damaged := map[string]int{}, 0
	f := &faultStore{memStore: watch.m, crash: cancel}
	f.choose = func(op, name string) fault {
		mu.Lock()
		defer mu.Unlock()
		key := fmt.Sprint(step, publisher, op, name, count[op+name])
		count[op+name]++
		if hash(seed, key, "fault")%100 >= rate {
			return healthy
		}
		x := kinds[hash(seed, key, "kind")%uint64(len(kinds))]
		if x == wrong || x == conflict {
			damaged++
		}
		return x
	}
	slow := &slowStore{faultStore: f, watch: watch, latency: func(op, name string) time.Duration {
		return time.Duration(hash(seed, step, publisher, op, name, "latency")%40_000_000) + time.Nanosecond
	}}
	c := s.w.config(log, target("t", layout, slow))
	c.Limits.MinWorkers = 1 + int(hash(seed, step, publisher, "workers")%4)
	c.Limits.MaxWorkers = c.Limits.MinWorkers
	result, err := publish.Sync(ctx, c)
	if err != nil {
		t.Error(err)
		return
	}
	for _, x := range result.Targets[0].Findings {
		// Nobody but publishers touches this target. One with an older master
		// takes a page of the other's newer one for drift, since a page has
		// neither a number nor a signature; it leaves it alone. Otherwise drift
		// can only come from two damaged bodies in a row.
		_, ours := s.newest[x.Got]
		if x.Code != publish.Ahead && !ours && damaged == 0 {
			t.Errorf("step %d, publisher %d: finding %+v", step, publisher, x)
		}
	}
}

// A slowStore takes its time before and after each request, so that requests of
// two publishers interleave, and shows each write to the watcher.
type slowStore struct {
	*faultStore
	watch   *watcher
	latency func(op, name string) time.Duration
}

func (s *slowStore) Put(ctx context.Context, o publish.Object, c publish.Condition) (publish.Receipt, error) {
	time.Sleep(s.latency("PUT", o.Name))
	r, err := s.faultStore.Put(ctx, o, c)
	s.watch.wrote(o.Name)
	time.Sleep(s.latency("PUT done", o.Name))
	return r, err
}

func (s *slowStore) Get(ctx context.Context, name string) (*publish.Reader, error) {
	time.Sleep(s.latency("GET", name))
	return s.faultStore.Get(ctx, name)
}

// A watcher is the verifier: it looks at the target after every write.
type watcher struct {
	t      *testing.T
	s      *story
	layout publish.Layout
	m      *memStore

	mu     sync.Mutex
	number int64
	size   int
}

func (w *watcher) wrote(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch name {
	case "crl/sub.crl":
		n := w.s.numbers[artifact.Sum(w.m.get(name))]
		if n < w.number {
			w.t.Errorf("the CRL went back from number %d to %d", w.number, n)
		}
		w.number = max(w.number, n)
	case "ocsp/sub.generation":
		g, _, err := ocspcache.ParseGeneration(w.m.get(name))
		if err != nil {
			return // the write failed before there was one
		}
		for _, b := range g.Bundles {
			if w.m.get("ocsp/bundles/"+b.Digest.String()) == nil {
				w.t.Errorf("generation %d is public before its bundle of shard %d", g.Number, b.Shard)
			}
		}
	case publish.CheckpointName:
		w.promise()
	}
}

// promise checks that everything the checkpoint speaks of is there, as it was
// at that size or newer.
func (w *watcher) promise() {
	note := w.m.get(publish.CheckpointName)
	if note == nil {
		return
	}
	size := -1
	for i, log := range w.s.logs {
		if string(log.Checkpoint()) == string(note) {
			size = i
		}
	}
	if size < w.size {
		w.t.Errorf("the checkpoint went back from size %d to %d", w.size+1, size+1)
		return
	}
	w.size = size
	for name := range w.s.wanted[w.layout][size] {
		got := w.m.get(name)
		if got == nil {
			w.t.Errorf("the checkpoint of size %d promises %s, which is missing", size+1, name)
			continue
		}
		d := artifact.Sum(got)
		if strings.HasSuffix(name, ".generation") {
			d = publish.BodyDigest(got)
		}
		if newest, ok := w.s.newest[d]; !ok || newest < size {
			w.t.Errorf("the checkpoint is of size %d, but %s is of size %d", size+1, name, newest+1)
		}
	}
}

func (w *watcher) settled() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.promise()
}
