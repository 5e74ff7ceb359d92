package verify

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"seihon/artifact"
)

// A revocation is one line of what an issuer's current lists say together. The serial is a slice of the list.
type revocation struct {
	serial []byte
	at     int64
	reason int8
	list   uint16 // whose entry it is: its place among the lists of the issuer
}

// A revocations is what the current lists of one issuer say, sorted by serial number.
type revocations struct {
	issuer   *x509.Certificate
	names    []string
	this     time.Time // of the newest list
	expired  bool      // the lists keep expired certificates, which need no response (expiredCertsOnCRL)
	entries  []revocation
	answered []atomic.Uint64 // a bit for each entry that has an OCSP response
	known    []bool          // that the inventory has; nil: it was not asked
	answers  atomic.Int64    // responses of this issuer
	disputed [][]byte        // serial numbers of which two lists say different things
}

// issuerKey identifies an issuer by name and key, however often its certificate was renewed.
func issuerKey(c *x509.Certificate) string {
	return string(artifact.PublicKeyHash(c, crypto.SHA256)) + string(c.RawSubject)
}

// A keptList is a current list of the master.
type keptList struct {
	name   string
	list   *artifact.RevocationList
	issuer *x509.Certificate // who signed it
}

// scope tells lists apart that speak of different certificates of one issuer.
func (k keptList) scope() string {
	p := k.list.IDP
	if p == nil {
		return fmt.Sprint(k.list.BaseNumber != nil)
	}
	return fmt.Sprint(k.list.BaseNumber != nil, p.URIs, p.OnlyCA, p.OnlyUser, p.OnlyAttribute, p.OnlySomeReasons)
}

// newRevocations joins complete lists and applies the deltas to them.
func newRevocations(issuer *x509.Certificate, lists []keptList) *revocations {
	r := &revocations{issuer: issuer}
	var deltas []keptList
	for n, l := range lists {
		r.names = append(r.names, l.name)
		if l.list.ThisUpdate.After(r.this) {
			r.this = l.list.ThisUpdate
		}
		r.expired = r.expired || !l.list.ExpiredCertsOnCRL.IsZero()
		if l.list.BaseNumber != nil {
			deltas = append(deltas, l)
			continue
		}
		r.append(l.list, uint16(n))
	}
	r.join()
	for _, d := range deltas {
		r.apply(d.list)
	}
	r.answered = make([]atomic.Uint64, (len(r.entries)+63)/64)
	return r
}

// join sorts what the lists say. A CA certificate stands on the complete list and on the authority list, and counts
// once.
func (r *revocations) join() {
	slices.SortFunc(r.entries, compareSerials)
	r.entries = slices.CompactFunc(r.entries, func(a, b revocation) bool {
		if !bytes.Equal(a.serial, b.serial) {
			return false
		}
		if a.list != b.list && (a.at != b.at || max(a.reason, 0) != max(b.reason, 0)) {
			r.disputed = append(r.disputed, b.serial)
		}
		return true
	})
}

func compareSerials(a, b revocation) int { return bytes.Compare(a.serial, b.serial) }

func (r *revocations) append(l *artifact.RevocationList, list uint16) {
	for e, err := range l.Entries() {
		if err != nil {
			return // section A has reported it
		}
		r.entries = append(r.entries, revocation{e.Serial, e.Time.Unix(), int8(e.Reason), list})
	}
}

// removeFromCRL is the reason code by which a delta takes an entry back (RFC 5280 section 5.3.1).
const removeFromCRL = 8

func (r *revocations) apply(delta *artifact.RevocationList) {
	changed := &revocations{}
	changed.append(delta, 0)
	for _, e := range changed.entries {
		i, found := slices.BinarySearchFunc(r.entries, e, compareSerials)
		switch {
		case e.reason == removeFromCRL && found:
			r.entries = slices.Delete(r.entries, i, i+1)
		case e.reason == removeFromCRL:
		case found:
			r.entries[i] = e
		default:
			r.entries = slices.Insert(r.entries, i, e)
		}
	}
}

// find returns the revocation of a serial number and marks it as answered when mark is set.
func (r *revocations) find(serial []byte, mark bool) (revocation, bool) {
	i, ok := slices.BinarySearchFunc(r.entries, revocation{serial: serial}, compareSerials)
	if !ok {
		return revocation{}, false
	}
	if mark {
		r.answered[i/64].Or(1 << (i % 64))
	}
	return r.entries[i], true
}

// unanswered returns how many entries have no response, and the first of them.
func (r *revocations) unanswered() (n int, first []byte) {
	for i, e := range r.entries {
		if r.answered[i/64].Load()&(1<<(i%64)) == 0 {
			if n == 0 {
				first = e.serial
			}
			n++
		}
	}
	return n, first
}

// explain remembers that the inventory has a certificate.
func (r *revocations) explain(serial []byte) {
	if r.known == nil {
		r.known = make([]bool, len(r.entries))
	}
	if i, ok := slices.BinarySearchFunc(r.entries, revocation{serial: serial}, compareSerials); ok {
		r.known[i] = true
	}
}

// unexplained returns how many entries are of certificates that the inventory does not have, and the first of them.
func (r *revocations) unexplained() (n int, first []byte) {
	for i := range r.known {
		if !r.known[i] {
			if n == 0 {
				first = r.entries[i].serial
			}
			n++
		}
	}
	return n, first
}
