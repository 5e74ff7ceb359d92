package ledger

import (
	"crypto/sha256"
	"iter"

	"golang.org/x/mod/sumdb/tlog"
)

// SaltSize is the length of the salt of a commitment, in octets.
const SaltSize = 32

// A Commitment is SHA-256(salt || TBSCertificate): one leaf of an issuance entry.
type Commitment [sha256.Size]byte

// Commit commits to a certificate that is not signed yet. Without the salt
// nobody can tell which certificate is meant.
func Commit(salt [SaltSize]byte, tbs []byte) Commitment {
	h := sha256.New()
	h.Write(salt[:])
	h.Write(tbs)
	return Commitment(h.Sum(nil))
}

// CommitmentRoot is the root of an issuance entry over commitments in their order.
func CommitmentRoot(leaves iter.Seq[Commitment]) (root tlog.Hash, count int64) {
	var t tree
	for c := range leaves {
		t.add(leafHash(c[:]))
	}
	return t.root(), t.n
}
