package ocsp

import (
	"context"
	"fmt"
	"iter"
	"sync"
)

// chunkSize is how many jobs a worker takes at once. It spreads the cost of handing over among responses of the fastest
// keys, and is small enough that slow keys still share the work evenly.
const chunkSize = 16

// chunk is a run of jobs on its way through a batch.
type chunk struct {
	jobs []Job
	out  [][]Encoded
	err  error         // of the job after those in out
	done chan struct{} // closed when out and err are there
}

// Batch signs jobs on the given number of workers and yields the responses of each job in the order of the jobs. As
// many workers as the token has sessions and the machine has processors, together, keep all sessions busy while others
// encode and check. The first error, of a job, of the signer or of ctx, is yielded in its place in that order and ends
// the batch; so does leaving the loop. Memory is bounded by the workers, however many jobs there are. A job's Serial
// must stay unchanged for as long as its Encoded is used.
func (e *Encoder) Batch(ctx context.Context, workers int, jobs iter.Seq2[Job, error]) iter.Seq2[[]Encoded, error] {
	return func(yield func([]Encoded, error) bool) {
		if workers < 1 {
			yield(nil, fmt.Errorf("signing OCSP responses: %d workers cannot work", workers))
			return
		}
		ctx, cancel := context.WithCancelCause(ctx)
		var group sync.WaitGroup
		// Whoever leaves first stops the others; none outlives this loop.
		defer group.Wait()
		defer cancel(context.Canceled)

		work := make(chan *chunk)               // to the workers, as they are free
		ordered := make(chan *chunk, 2*workers) // to this goroutine, in the order of the jobs
		group.Go(func() {
			defer close(ordered)
			defer close(work)
			feed(ctx, jobs, ordered, work)
		})
		for range workers {
			group.Go(func() {
				b := newScratch()
				for c := range work {
					e.signChunk(ctx, b, c)
				}
			})
		}
		drain(ctx, ordered, yield)
	}
}

// feed cuts jobs into chunks.
func feed(ctx context.Context, jobs iter.Seq2[Job, error], ordered, work chan<- *chunk) {
	c := newChunk()
	send := func() bool {
		if !offer(ctx, ordered, c) || !offer(ctx, work, c) {
			return false
		}
		c = newChunk()
		return true
	}
	for job, err := range jobs {
		if err != nil {
			c.err = fmt.Errorf("reading statuses to sign: %w", err)
			send()
			return
		}
		c.jobs = append(c.jobs, job)
		if len(c.jobs) == chunkSize && !send() {
			return
		}
	}
	if len(c.jobs) > 0 {
		send()
	}
}

func newChunk() *chunk {
	return &chunk{jobs: make([]Job, 0, chunkSize), done: make(chan struct{})}
}

// offer sends c and reports whether that was before ctx ended.
func offer(ctx context.Context, to chan<- *chunk, c *chunk) bool {
	select {
	case to <- c:
		return true
	case <-ctx.Done():
		return false
	}
}

// signChunk signs the jobs of c up to the first that fails.
func (e *Encoder) signChunk(ctx context.Context, b *scratch, c *chunk) {
	defer close(c.done)
	c.out = make([][]Encoded, 0, len(c.jobs))
	for i := range c.jobs {
		if ctx.Err() != nil {
			c.err = context.Cause(ctx)
			return
		}
		out, err := e.sign(b, &c.jobs[i])
		if err != nil {
			c.err = err
			return
		}
		c.out = append(c.out, out)
	}
}

// drain yields what the workers made, in order, until the first error.
func drain(ctx context.Context, ordered <-chan *chunk, yield func([]Encoded, error) bool) {
	for c := range ordered {
		select {
		case <-c.done:
		case <-ctx.Done():
			yield(nil, context.Cause(ctx))
			return
		}
		for _, out := range c.out {
			if !yield(out, nil) {
				return
			}
		}
		if c.err != nil {
			yield(nil, c.err)
			return
		}
	}
	if ctx.Err() != nil { // the feeder stopped early
		yield(nil, context.Cause(ctx))
	}
}
