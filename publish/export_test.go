package publish

// WithRandom returns c with its jitter taken from random.
func WithRandom(c Config, random func() float64) Config {
	c.random = random
	return c
}

// BodyDigest is the digest of a generation without its proof.
var BodyDigest = bodyDigest
