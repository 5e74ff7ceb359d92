package publish

import (
	"context"
	"time"
)

// WithRandom returns c with its jitter taken from random.
func WithRandom(c Config, random func() float64) Config {
	c.random = random
	return c
}

// BodyDigest is the digest of a generation without its proof.
var BodyDigest = bodyDigest

// Gate is the gate with its methods exported.
type Gate struct{ g *gate }

func NewGate(min, max int, now func() time.Time) *Gate { return &Gate{newGate(min, max, now)} }

func (g *Gate) Enter(ctx context.Context) error    { return g.g.enter(ctx) }
func (g *Gate) Leave()                             { g.g.leave() }
func (g *Gate) Observe(d time.Duration, busy bool) { g.g.observe(d, busy) }
func (g *Gate) Workers() int                       { return g.g.workers() }
