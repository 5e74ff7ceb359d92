package accept

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/hsmsign/room"
)

// A lookahead reads inputs in the order in which they are judged. Responses, of which a CA hands over very many, it
// reads and checks by the hundred, on all processors.
type lookahead struct {
	room   *room.Room
	inputs []Input
	order  []ranked
	begin  int // of ready, in order
	ready  []aheadInput
}

// An aheadInput is an input, and for one that was parsed ahead what it is.
type aheadInput struct {
	raw []byte
	a   *artifact.Artifact
	err error
}

// parsed says what the input is.
func (i *aheadInput) parsed() *artifact.Artifact {
	if i.a == nil {
		i.a = artifact.Parse(i.raw)
	}
	return i.a
}

// How much is read ahead.
const (
	aheadInputs = 512
	aheadBytes  = 8 << 20
)

// take gives the input at a place of the order; the places rise.
func (l *lookahead) take(ctx context.Context, at int) aheadInput {
	if l.order[at].rank != rankOther {
		raw, err := l.read(at)
		return aheadInput{raw: raw, err: err}
	}
	if at >= l.begin+len(l.ready) {
		l.fill(ctx, at)
	}
	one := l.ready[at-l.begin]
	l.ready[at-l.begin] = aheadInput{}
	return one
}

// read takes the bytes that are here from sorting, or reads the input again.
func (l *lookahead) read(at int) ([]byte, error) {
	o := &l.order[at]
	if raw := o.raw; raw != nil {
		o.raw = nil
		return raw, nil
	}
	return l.inputs[o.at].Read()
}

// A reader reads inputs one after the other; many small ones by the hundred, on all processors.
type reader struct {
	inputs []Input
	begin  int
	ready  []aheadInput
}

// smallInput is up to how many octets an input is read before its turn.
const smallInput = 64 << 10

// at reads the input at a place; the places rise.
func (r *reader) at(i int) ([]byte, error) {
	if i >= r.begin+len(r.ready) {
		n := 0
		for n < aheadInputs && i+n < len(r.inputs) && r.inputs[i+n].Size > 0 && r.inputs[i+n].Size <= smallInput {
			n++
		}
		if n == 0 {
			return r.inputs[i].Read()
		}
		r.begin, r.ready = i, make([]aheadInput, n)
		var g errgroup.Group
		workers := runtime.GOMAXPROCS(0)
		for w := range workers {
			g.Go(func() error {
				for k := w; k < n; k += workers {
					r.ready[k].raw, r.ready[k].err = r.inputs[i+k].Read()
				}
				return nil
			})
		}
		_ = g.Wait() // each input has its own error
	}
	one := r.ready[i-r.begin]
	r.ready[i-r.begin] = aheadInput{}
	return one.raw, one.err
}

// fill reads from a place on.
func (l *lookahead) fill(ctx context.Context, at int) {
	n, size := 0, 0
	for n == 0 || n < aheadInputs && at+n < len(l.order) && l.order[at+n].rank == rankOther && size < aheadBytes {
		size += l.order[at+n].size
		n++
	}
	l.begin, l.ready = at, make([]aheadInput, n)
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	const part = 16
	for from := 0; from < n; from += part {
		g.Go(func() error {
			for i := from; i < min(from+part, n) && ctx.Err() == nil; i++ {
				one := &l.ready[i]
				if one.raw, one.err = l.read(at + i); one.err != nil {
					continue
				}
				if one.a = artifact.Parse(one.raw); one.a.OCSP != nil {
					l.room.Policy.Trust.CheckAhead(one.a.OCSP)
				}
			}
			return nil
		})
	}
	_ = g.Wait() // each input has its own error
}
