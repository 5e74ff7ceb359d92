package publish_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seihon/publish"
)

// drive sends requests through a gate as fast as it lets them and returns the
// greatest number that was in flight. latency is of the number in flight.
func drive(g *publish.Gate, requests int, latency func(inFlight int) time.Duration,
	busy func(inFlight int) bool) (most int) {
	var wg sync.WaitGroup
	var flight atomic.Int64
	var mu sync.Mutex
	for range requests {
		if g.Enter(context.Background()) != nil {
			break
		}
		wg.Go(func() {
			defer g.Leave()
			n := int(flight.Add(1))
			defer flight.Add(-1)
			mu.Lock()
			most = max(most, n)
			mu.Unlock()
			d := latency(n)
			time.Sleep(d)
			g.Observe(d, busy(n))
		})
	}
	wg.Wait()
	return most
}

func never(int) bool { return false }

// TestGateGrows reaches the upper bound soon on a store whose latency does not
// depend on the load.
func TestGateGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := publish.NewGate(32, 512, time.Now)
		most := drive(g, 10_000, func(int) time.Duration { return 20 * time.Millisecond }, never)
		if most != 512 {
			t.Errorf("at most %d in flight, want 512", most)
		}
	})
}

// TestGateStays does not grow on a store that is as fast as it can be already.
func TestGateStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := publish.NewGate(32, 512, time.Now)
		drive(g, 20_000, func(n int) time.Duration { return time.Duration(n) * time.Millisecond / 2 }, never)
		if got := g.Workers(); got > 64 {
			t.Errorf("%d workers on a store that does not gain by them", got)
		}
	})
}

// TestGateYields comes down when the store says SlowDown, and goes on with few.
func TestGateYields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := publish.NewGate(32, 512, time.Now)
		drive(g, 20_000, func(int) time.Duration { return 20 * time.Millisecond }, func(n int) bool { return n > 100 })
		if got := g.Workers(); got > 200 {
			t.Errorf("%d workers on a store that takes 100", got)
		}
		drive(g, 5000, func(int) time.Duration { return 20 * time.Millisecond }, func(int) bool { return true })
		if got := g.Workers(); got > 8 || got < 1 {
			t.Errorf("%d workers on a store that takes none", got)
		}
	})
}

// TestGateCancel leaves no place taken by one who went away.
func TestGateCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := publish.NewGate(1, 1, time.Now)
		if err := g.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() { failed <- g.Enter(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-failed; err == nil {
			t.Error("a cancelled wait succeeded")
		}
		g.Leave()
		if err := g.Enter(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
