package signature

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"math/big"
	"sync"
	"sync/atomic"

	"filippo.io/nistec"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A p256Key keeps multiples of the public point from the tableAfter'th signature
// on, which makes a check about three times as fast.
type p256Key struct {
	public *ecdsa.PublicKey
	count  atomic.Int64
	build  sync.Once
	table  *p256Table // nil: could not be made, use the standard library
}

// tableAfter spares those who make a few signatures the few milliseconds that the table takes, and its 850 kB.
const tableAfter = 64

// p256Table[i][j-1] is j·256^(31-i) times the public key: for byte i of a big-endian number one point, and one
// addition.
type p256Table [32][255]*nistec.P256Point

func (v *p256Key) verify(digest, signature []byte) bool {
	if v.count.Add(1) < tableAfter {
		return ecdsa.VerifyASN1(v.public, digest, signature)
	}
	v.build.Do(func() { v.table = newP256Table(v.public) })
	if v.table == nil {
		return ecdsa.VerifyASN1(v.public, digest, signature)
	}
	r, s, ok := parseECDSA(signature)
	return ok && v.table.verify(digest, r, s)
}

func newP256Table(public *ecdsa.PublicKey) *p256Table {
	b, err := public.Bytes()
	if err != nil {
		return nil
	}
	base, err := nistec.NewP256Point().SetBytes(b)
	if err != nil {
		return nil
	}
	t := new(p256Table)
	for i := len(t) - 1; i >= 0; i-- {
		p := base
		for j := range t[i] {
			t[i][j] = p
			p = nistec.NewP256Point().Add(p, base)
		}
		base = p
	}
	return t
}

// verify is the algorithm of FIPS 186-5 section 6.4.2. The digest is that of SHA-256 or longer; its leftmost 32 bytes
// count.
func (t *p256Table) verify(digest []byte, r, s *big.Int) bool {
	order := elliptic.P256().Params().N
	if len(digest) < 32 || r.Sign() <= 0 || s.Sign() <= 0 || r.Cmp(order) >= 0 || s.Cmp(order) >= 0 {
		return false
	}
	w := new(big.Int).ModInverse(s, order)
	if w == nil {
		return false
	}
	u1 := new(big.Int).SetBytes(digest[:32])
	u1.Mul(u1, w).Mod(u1, order)
	u2 := w.Mul(w, r)
	u2.Mod(u2, order)
	var scalar [32]byte
	sum, err := nistec.NewP256Point().ScalarBaseMult(u1.FillBytes(scalar[:]))
	if err != nil {
		return false
	}
	u2.FillBytes(scalar[:])
	for i, b := range scalar {
		if b != 0 {
			sum.Add(sum, t[i][b-1]) // complete: right for equal points and for infinity too
		}
	}
	x, err := sum.BytesX()
	if err != nil { // infinity
		return false
	}
	got := new(big.Int).SetBytes(x)
	return got.Mod(got, order).Cmp(r) == 0
}

// parseECDSA reads the two numbers of an Ecdsa-Sig-Value (RFC 3279 section 2.2.3).
func parseECDSA(der []byte) (r, s *big.Int, ok bool) {
	var inner cryptobyte.String
	r, s = new(big.Int), new(big.Int)
	input := cryptobyte.String(der)
	ok = input.ReadASN1(&inner, asn1.SEQUENCE) && input.Empty() && inner.ReadASN1Integer(r) &&
		inner.ReadASN1Integer(s) && inner.Empty()
	return r, s, ok
}
