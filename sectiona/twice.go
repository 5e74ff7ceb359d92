package sectiona

import (
	"fmt"
	"hash/maphash"
	"slices"

	"seihon/artifact"
)

// removeFromCRL is the reason code of RFC 5280 section 5.3.1 by which a delta list takes an entry off.
const removeFromCRL = 8

// listedAgain names each serial number that stands on the list more than once. It holds eight octets for each entry:
// only among those whose hash comes twice can there be one.
func listedAgain(l *artifact.RevocationList, yield func(Deviation) bool) {
	seed := maphash.MakeSeed()
	var hashes []uint64
	for e := range l.Entries() {
		hashes = append(hashes, maphash.Bytes(seed, e.Serial))
	}
	slices.Sort(hashes)
	again := map[uint64]bool{}
	for i := 1; i < len(hashes); i++ {
		if hashes[i] == hashes[i-1] {
			again[hashes[i]] = true
		}
	}
	if len(again) == 0 {
		return
	}
	seen := map[string]artifact.RevokedEntry{}
	for e := range l.Entries() {
		if !again[maphash.Bytes(seed, e.Serial)] {
			continue
		}
		first, ok := seen[string(e.Serial)]
		if !ok {
			seen[string(e.Serial)] = e
			continue
		}
		d := Deviation{ListedTwice, e.Serial, fmt.Sprintf("serial number %x is listed twice", e.Serial)}
		if first.Reason != e.Reason || !first.Time.Equal(e.Time) || !first.InvalidityDate.Equal(e.InvalidityDate) {
			d.Code, d.Reason = ListedTwoWays, d.Reason+", with different reasons or dates"
		}
		if !yield(d) {
			return
		}
	}
}
