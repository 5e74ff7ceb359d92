package ocspcache

import (
	"sync/atomic"
	"time"

	"seihon/artifact"
)

// A View is one consistent state of a source: for every issuer the bundles of one
// generation. It does not change. Whoever acquired it must release it, and may
// use the responses found in it until then.
type View struct {
	issuers []*issuerSet
	byKey   map[string][]*issuerSet // by hash algorithm and issuer key hash
	refs    atomic.Int64            // the source's own, and one per request
}

// An issuerSet is a generation with its open bundles, by shard.
type issuerSet struct {
	generation *Generation
	bundles    []*sharedBundle
}

// A sharedBundle is a bundle that several views may use: consecutive generations
// have most shards in common.
type sharedBundle struct {
	*Bundle
	digest artifact.Digest
	path   string
	refs   atomic.Int64 // views that use it
	bad    atomic.Bool  // its content turned out not to be what its name says
}

func (b *sharedBundle) drop() {
	if b.refs.Add(-1) == 0 {
		_ = b.Close() // nothing can be done about a failing munmap
	}
}

// A Stored is a stored response with what its bundle says of it. The slices end
// with the view.
type Stored struct {
	DER        []byte
	Digest     []byte // SHA-256 of DER
	ThisUpdate int64  // Unix seconds
	NextUpdate int64
}

// A Finding is the result of a lookup.
type Finding int

const (
	Missing     Finding = iota // the source has no answer about the certificate
	Found                      // the answer is there
	Unavailable                // the answer should be there, but its bundle is damaged
)

func newView(issuers []*issuerSet) *View {
	v := &View{issuers: issuers, byKey: make(map[string][]*issuerSet)}
	v.refs.Store(1)
	for _, set := range issuers {
		for _, b := range set.bundles {
			b.refs.Add(1)
			for g := range b.groups {
				v.index(b.groups[g], set)
			}
		}
	}
	return v
}

func (v *View) index(g group, set *issuerSet) {
	name := string(rune(g.id)) + string(g.key)
	list := v.byKey[name]
	if len(list) == 0 || list[len(list)-1] != set {
		v.byKey[name] = append(list, set)
	}
}

// Lookup finds the response for k: the issuer by its key (and name) hash, the
// shard by the serial, the response in the shard's bundle.
func (v *View) Lookup(k Key) (Stored, Finding) {
	id := idOf(k.Hash)
	if !id.valid() || len(k.IssuerKeyHash) != hashes[id].size {
		return Stored{}, Missing
	}
	var name [65]byte
	name[0] = byte(id)
	n := 1 + copy(name[1:], k.IssuerKeyHash)
	finding := Missing
	for _, set := range v.byKey[string(name[:n])] {
		b := set.bundles[ShardOf(k.Serial, len(set.bundles))]
		if b.bad.Load() {
			finding = Unavailable
			continue
		}
		if e, ok := b.find(id, k); ok {
			return Stored{DER: e.der, Digest: e.digest, ThisUpdate: e.thisUpdate, NextUpdate: e.nextUpdate}, Found
		}
	}
	return Stored{}, finding
}

// Release ends the use of the view and of everything found in it.
func (v *View) Release() {
	if v.refs.Add(-1) > 0 {
		return
	}
	for _, set := range v.issuers {
		for _, b := range set.bundles {
			b.drop()
		}
	}
}

// acquire pins the view unless it has ended already.
func (v *View) acquire() bool {
	for {
		n := v.refs.Load()
		if n <= 0 {
			return false
		}
		if v.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// An IssuerState says how one issuer's responses stand.
type IssuerState struct {
	Issuer     string
	Generation uint64
	ThisUpdate time.Time
	NextUpdate time.Time // the earliest among the responses
	Responses  int
	Fresh      int // responses in undamaged bundles of which none has expired
	Damaged    int // bundles
}

// Issuers returns the state of every issuer, by name.
func (v *View) Issuers(now time.Time) []IssuerState {
	states := make([]IssuerState, 0, len(v.issuers))
	for _, set := range v.issuers {
		g := set.generation
		s := IssuerState{Issuer: g.Issuer, Generation: g.Number, ThisUpdate: g.ThisUpdate}
		for _, b := range set.bundles {
			s.Responses += b.Len()
			next := b.MinNextUpdate()
			if b.Len() > 0 && (s.NextUpdate.IsZero() || next.Before(s.NextUpdate)) {
				s.NextUpdate = next
			}
			switch {
			case b.bad.Load():
				s.Damaged++
			case now.Before(next):
				s.Fresh += b.Len()
			}
		}
		states = append(states, s)
	}
	return states
}
