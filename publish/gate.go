package publish

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A gate bounds how many objects are in flight and finds the bound by itself.
//
// It begins at min and doubles as long as that brings a fifth more throughput,
// which on a distant store it does until the client or the link is full. From
// then on it adds a sixteenth while latency stays near the best seen, and takes
// one away when it does not. When the store asks for less, the bound is halved,
// at most once per window, down to a floor below min.
type gate struct {
	min, max int
	now      func() time.Time

	mu       sync.Mutex
	limit    int
	inFlight int
	waiting  []chan struct{}
	doubling bool
	window   window
	rate     float64       // objects per second of the last window that grew
	best     time.Duration // lowest median latency of a window
}

type window struct {
	start     time.Time
	latencies []time.Duration
	busy      bool
}

const (
	gateFloor = 4                     // workers that a busy store is still asked with
	gateEpoch = 50 * time.Millisecond // a window is no shorter
)

func newGate(min, max int, now func() time.Time) *gate {
	return &gate{min: min, max: max, now: now, limit: min, doubling: true, window: window{start: now()}}
}

// enter waits for a place. leave must follow if it returns nil.
func (g *gate) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	if g.inFlight < g.limit {
		g.inFlight++
		g.mu.Unlock()
		return nil
	}
	place := make(chan struct{})
	g.waiting = append(g.waiting, place)
	g.mu.Unlock()
	select {
	case <-place:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, place); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	} else { // the place came at the same moment
		g.inFlight--
		g.admit()
	}
	return ctx.Err()
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inFlight--
	g.admit()
}

// admit lets in who waits, as far as the limit allows.
func (g *gate) admit() {
	for g.inFlight < g.limit && len(g.waiting) > 0 {
		g.inFlight++
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
	}
}

// observe takes in the outcome of one request.
func (g *gate) observe(latency time.Duration, busy bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := &g.window
	if busy && !w.busy {
		w.busy = true
		g.doubling = false
		g.limit = max(min(gateFloor, g.min), g.limit/2)
	}
	w.latencies = append(w.latencies, latency)
	now := g.now()
	if len(w.latencies) < 2*g.limit || now.Sub(w.start) < gateEpoch {
		return
	}
	g.adapt(now)
	*w = window{start: now, latencies: w.latencies[:0]}
	g.admit()
}

// adapt moves the limit at the end of a window.
func (g *gate) adapt(now time.Time) {
	w := &g.window
	slices.Sort(w.latencies)
	median := w.latencies[len(w.latencies)/2]
	rate := float64(len(w.latencies)) / now.Sub(w.start).Seconds()
	if g.best == 0 || median < g.best {
		g.best = median
	}
	switch {
	case w.busy: // has been halved already
	case g.doubling && rate > g.rate*1.2:
		g.rate = rate
		g.limit = min(g.max, 2*g.limit)
	case g.doubling:
		g.doubling = false
		g.limit = max(g.min, g.limit/2)
	case median <= g.best*3/2:
		g.limit = min(g.max, g.limit+max(1, g.limit/16))
	case g.limit > g.min:
		g.limit = max(g.min, g.limit-max(1, g.limit/16))
	}
}

// workers returns the current bound.
func (g *gate) workers() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.limit
}
