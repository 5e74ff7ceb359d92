package signature

import (
	"crypto/rsa"
	"math/big"
	"math/bits"
	"sync"
)

// montgomery raises numbers to the public exponent 65537 without a division: for an exponent of one word, big.Int.Exp
// divides after each of its 17 multiplications, which costs three times as much as the multiplication. Montgomery's
// reduction needs products only, and in blocks of a few words fewer of them than for the whole number at once.
//
// With R = B^w, where B is a block and w their number, reduce(t) is t/R mod n.
type montgomery struct {
	n       *big.Int
	inverse *big.Int  // -1/n mod B
	back    *big.Int  // R^65537 mod n: undoes what 18 reductions leave of R
	spare   sync.Pool // of *workspace
}

// montgomeryExponent is the only exponent that is worth the trouble: every HSM makes its keys with it.
const montgomeryExponent = 1<<16 + 1

// blockWords is the length of a block: of those that divide 3072 and 4096 bits the fastest.
const blockWords = 8

// workspace holds intermediate results.
type workspace struct {
	x, t, low, m, product big.Int
	words                 []big.Word // of t, which moves on in them
}

// newMontgomery prepares a public key; nil when its modulus or exponent is an unusual one.
func newMontgomery(public *rsa.PublicKey) *montgomery {
	words := len(public.N.Bits())
	if public.E != montgomeryExponent || public.N.Bit(0) == 0 || words == 0 || words%blockWords != 0 {
		return nil
	}
	block := new(big.Int).Lsh(big.NewInt(1), blockWords*bits.UintSize)
	inverse := new(big.Int).ModInverse(public.N, block)
	r := new(big.Int).Lsh(big.NewInt(1), uint(words)*bits.UintSize)
	g := &montgomery{n: public.N, inverse: inverse.Sub(block, inverse),
		back: r.Exp(r, big.NewInt(montgomeryExponent), public.N)}
	g.spare.New = func() any { return &workspace{words: make([]big.Word, 0, 2*words+2)} }
	return g
}

// power sets s, which is less than the modulus, to its power.
func (g *montgomery) power(s *big.Int) {
	w := g.spare.Get().(*workspace)
	defer g.spare.Put(w)
	w.x.Set(s)
	for range 16 {
		g.multiply(w, &w.x)
	}
	g.multiply(w, s)
	g.multiply(w, g.back)
	s.Set(&w.x)
}

// multiply sets w.x to w.x·y/R mod n.
func (g *montgomery) multiply(w *workspace, y *big.Int) {
	w.t.SetBits(w.words)
	w.t.Mul(&w.x, y)
	for range len(g.n.Bits()) / blockWords {
		// Add the multiple of n that makes the lowest block zero, and drop the block.
		w.low.SetBits(lowest(&w.t))
		w.m.Mul(&w.low, g.inverse)
		w.m.SetBits(lowest(&w.m))
		w.product.Mul(&w.m, g.n)
		w.t.Add(&w.t, &w.product)
		w.t.SetBits(w.t.Bits()[len(lowest(&w.t)):])
	}
	if w.t.Cmp(g.n) >= 0 {
		w.t.Sub(&w.t, g.n)
	}
	w.x.Set(&w.t)
}

// lowest returns the lowest block of v.
func lowest(v *big.Int) []big.Word {
	b := v.Bits()
	return b[:min(len(b), blockWords)]
}
