package ocspcache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

var errTrickles = errors.New("the origin sends too slowly")

// A pace ends a request whose answer does not come at a rate that an honest line
// has: after the grace, and one second more for every leastPerSecond bytes. A
// deadline for the whole would have to fit the longest object, and an origin that
// sends an octet a second would hold on to every slot until then.
type pace struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	body    io.ReadCloser
	began   time.Time
	grace   time.Duration
	timer   *time.Timer
	arrived int64
}

func newPace(ctx context.Context, grace time.Duration) *pace {
	p := &pace{began: time.Now(), grace: grace}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	p.timer = time.AfterFunc(grace, func() { p.cancel(errTrickles) })
	return p
}

// Read implements io.Reader.
func (p *pace) Read(b []byte) (int, error) {
	n, err := p.body.Read(b)
	if n > 0 {
		p.arrived += int64(n)
		allowed := p.grace + time.Duration(p.arrived/leastPerSecond)*time.Second
		p.timer.Reset(allowed - time.Since(p.began))
	}
	if err != nil && err != io.EOF {
		err = p.explain(err)
	}
	return n, err
}

// Close implements io.Closer.
func (p *pace) Close() error {
	p.end()
	return p.body.Close()
}

func (p *pace) end() {
	p.timer.Stop()
	p.cancel(nil)
}

// explain says when the pace was why a request was cancelled.
func (p *pace) explain(err error) error {
	if errors.Is(context.Cause(p.ctx), errTrickles) {
		return fmt.Errorf("%w: %d bytes in %s", errTrickles, p.arrived, time.Since(p.began).Round(time.Second))
	}
	return err
}
