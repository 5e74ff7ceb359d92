package ledger

import (
	"crypto/sha256"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// leafHash is tlog.RecordHash without its allocation, for short records.
func leafHash(data []byte) tlog.Hash {
	var buf [1024]byte
	if len(data) >= len(buf) {
		return tlog.RecordHash(data)
	}
	n := copy(buf[1:], data)
	return sha256.Sum256(buf[:n+1])
}

func nodeHash(l, r *tlog.Hash) tlog.Hash {
	var buf [1 + 2*tlog.HashSize]byte
	buf[0] = 1
	copy(buf[1:], l[:])
	copy(buf[1+tlog.HashSize:], r[:])
	return sha256.Sum256(buf[:])
}

// A tree computes an RFC 6962 Merkle tree hash from leaves that come one by
// one, in O(log n) memory: stack holds the roots of the perfect subtrees of
// the leaves so far, largest first, one for each bit of n.
type tree struct {
	n     int64
	stack []tlog.Hash
}

func (t *tree) add(h tlog.Hash) {
	for m := t.n; m&1 == 1; m >>= 1 {
		h = nodeHash(&t.stack[len(t.stack)-1], &h)
		t.stack = t.stack[:len(t.stack)-1]
	}
	t.stack = append(t.stack, h)
	t.n++
}

func (t *tree) root() tlog.Hash { return fold(t.stack) }

// fold joins perfect subtrees, largest first, into the root of the whole.
func fold(stack []tlog.Hash) tlog.Hash {
	if len(stack) == 0 {
		return sha256.Sum256(nil) // RFC 6962, section 2.1
	}
	h := stack[len(stack)-1]
	for i := len(stack) - 2; i >= 0; i-- {
		h = nodeHash(&stack[i], &h)
	}
	return h
}

// perfect is the root of a tree with a power of two of leaves; it destroys hs.
func perfect(hs []tlog.Hash) tlog.Hash {
	for n := len(hs); n > 1; n /= 2 {
		for i := 0; i < n; i += 2 {
			hs[i/2] = nodeHash(&hs[i], &hs[i+1])
		}
	}
	return hs[0]
}

// inclusion computes the audit path of leaf i from all leaves, as
// tlog.CheckRecord wants it.
func inclusion(leaves []tlog.Hash, i int64) tlog.RecordProof {
	n := int64(len(leaves))
	if n == 1 {
		return nil
	}
	k := int64(1) << (bits.Len64(uint64(n-1)) - 1)
	if i < k {
		return append(inclusion(leaves[:k], i), subroot(leaves[k:]))
	}
	return append(inclusion(leaves[k:], i-k), subroot(leaves[:k]))
}

func subroot(leaves []tlog.Hash) tlog.Hash {
	var t tree
	for _, h := range leaves {
		t.add(h)
	}
	return t.root()
}
