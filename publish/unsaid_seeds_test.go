package publish_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/ledger"
	"seihon/publish"
)

// unsaidSeeds is how many seeds a unit run plays; see unsaid_long_test.go for longer ones.
var unsaidSeeds uint64 = 150

// A chronicle is one seed's master: what lists and responses say, hour by hour, and whether that is lawful.
type chronicle struct {
	*world
	rng    *rand.Rand
	keys   [2]ed25519.PrivateKey // pinned, a stranger's
	number int64
	listed []entry         // by the newest list
	said   map[int64]entry // by the newest responses; reason < 0 is good
	did    []string
	unsaid bool
}

func hexOf(serial int64) string { return fmt.Sprintf("%x", serial) }

// sign commits a list and a generation that say what the chronicle says now.
func (c *chronicle) sign() {
	c.number++
	responses := map[int64][]byte{}
	for serial, e := range c.said {
		state := ocsp.Revoked
		if e.reason < 0 {
			state = ocsp.Good
		}
		responses[serial] = c.answerOf(serial, state, max(e.reason, 0), e.after)
	}
	c.commit(append(c.bundles(uint64(c.number), 1+c.rng.IntN(3), responses), c.full(c.number, c.listed...))...)
}

// A turn changes what is said of one entry, in the list, in the responses or in both. ok is false where it is not
// lawful.
type turn struct {
	name string
	ok   func(e entry) bool
	do   func(c *chronicle, e entry)
}

func unlawful(entry) bool  { return false }
func always(entry) bool    { return true }
func onHold(e entry) bool  { return e.reason == 6 }
func noReason(e entry) int { return (e.reason + 1) % 5 }

var turns = []turn{
	{"nothing", always, func(*chronicle, entry) {}},
	{"one more", always, func(c *chronicle, _ entry) {
		c.revoke(entry{serial: 100 + c.number, after: -time.Hour, reason: c.rng.IntN(6)})
	}},
	{"gone", onHold, func(c *chronicle, e entry) { c.drop(e, true, true) }},
	{"gone from the list", onHold, func(c *chronicle, e entry) { c.drop(e, true, false) }},
	{"answered good", onHold, func(c *chronicle, e entry) { c.drop(e, false, true) }},
	{"not answered any more", onHold, func(c *chronicle, e entry) { delete(c.said, e.serial) }},
	{"another date", unlawful, func(c *chronicle, e entry) { e.after -= time.Minute; c.replace(e) }},
	{"another reason", unlawful, func(c *chronicle, e entry) {
		if e.reason == 6 { // that is lawful, unless the date goes back
			e.after -= time.Minute
		}
		e.reason = noReason(e)
		c.replace(e)
	}},
	{"final", onHold, func(c *chronicle, e entry) {
		if e.reason != 6 {
			e.after += time.Minute
		}
		e.reason, e.after = 1, e.after+time.Minute
		c.replace(e)
	}},
	{"on hold", onHold, func(c *chronicle, e entry) { e.reason = 6; c.replace(e) }},
	{"expired", always, func(c *chronicle, e entry) {
		c.expire(e, c.now.Add(-61*time.Minute)) // before the newest list
		c.drop(e, true, false)
		delete(c.said, e.serial)
	}},
	{"not expired yet", onHold, func(c *chronicle, e entry) {
		c.expire(e, c.now.Add(time.Hour))
		c.drop(e, true, false)
		delete(c.said, e.serial)
	}},
	{"permitted", always, func(c *chronicle, e entry) { c.permit(0, e, status(e)); c.drop(e, true, true) }},
	{"permitted by a stranger",
		onHold, func(c *chronicle, e entry) { c.permit(1, e, status(e)); c.drop(e, true, true) }},
	{"permitted for another status", onHold, func(c *chronicle, e entry) {
		other := e
		other.after += time.Second
		c.permit(0, e, status(other))
		c.drop(e, true, true)
	}},
}

func (c *chronicle) revoke(e entry) {
	c.listed = append(slices.Clone(c.listed), e)
	c.said[e.serial] = e
}

func (c *chronicle) replace(e entry) {
	c.listed = slices.Clone(c.listed)
	c.listed[slices.IndexFunc(c.listed, func(x entry) bool { return x.serial == e.serial })] = e
	c.said[e.serial] = e
}

func (c *chronicle) drop(e entry, list, response bool) {
	if list {
		c.listed = slices.DeleteFunc(slices.Clone(c.listed), func(x entry) bool { return x.serial == e.serial })
	}
	if response {
		c.said[e.serial] = entry{serial: e.serial, reason: -1}
	}
}

func (c *chronicle) expire(e entry, at time.Time) {
	c.append(&ledger.Entry{Expiry: &ledger.Expiry{Issuer: "sub",
		Entries: []ledger.Expired{{Serial: hexOf(e.serial), NotAfter: at}}}})
}

func (c *chronicle) permit(key int, e entry, was string) {
	c.sayOverride(c.keys[key], hexOf(e.serial), was, "good")
}

// live signs three to five times; each entry has its turn at most once.
func (c *chronicle) live() {
	for i := range 3 {
		c.revoke(entry{serial: int64(5 + i), after: -time.Duration(i+1) * time.Hour, reason: []int{0, 1, 6}[i]})
	}
	c.said[50] = entry{serial: 50, reason: -1}
	c.sign()
	turned, honest := map[int64]bool{}, c.rng.IntN(2) == 0
	for range 2 + c.rng.IntN(3) {
		e, x := c.listed[c.rng.IntN(len(c.listed))], turns[c.rng.IntN(len(turns))]
		if answer, ok := c.said[e.serial]; turned[e.serial] || !ok || answer != e || honest && !x.ok(e) {
			continue
		}
		turned[e.serial] = true
		if !x.ok(e) {
			c.unsaid = true
		}
		c.did = append(c.did, fmt.Sprintf("%s %s", hexOf(e.serial), x.name))
		x.do(c, e)
		c.sign()
		if len(c.listed) == 0 {
			return
		}
	}
}

// TestNothingUnsaidIsSent plays rooms that went on past every check of theirs. Whatever was said once and is not any
// more stays at home with all of its issuer; a lawful past is sent whole. A failing seed is printed.
func TestNothingUnsaidIsSent(t *testing.T) {
	t.Parallel()
	key := func(b byte) ed25519.PrivateKey {
		return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
	}
	count := make([]bool, unsaidSeeds)
	t.Run("seeds", func(t *testing.T) {
		for seed := range unsaidSeeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				c := &chronicle{world: newWorld(t), rng: rand.New(rand.NewPCG(seed, 14)),
					keys: [2]ed25519.PrivateKey{key(1), key(2)}, said: map[int64]entry{}}
				c.live()
				m := newMemStore()
				config := c.config(c.log(), target("t", []publish.Layout{publish.Bundle, publish.Objects}[seed%2], m))
				config.OverrideKeys = []ed25519.PublicKey{c.keys[0].Public().(ed25519.PublicKey)}
				r := c.trySync(config)
				if held := len(r.Unsaid) > 0; held != c.unsaid || r.Complete == c.unsaid || r.Err != nil {
					t.Errorf("seed %d: %q: unsaid %v, complete %v, error %v", seed, c.did, r.Unsaid, r.Complete, r.Err)
				}
				if c.unsaid == m.sent("crl/", "ocsp/", publish.CheckpointName) {
					t.Errorf("seed %d: %q: something of the issuer was sent, or nothing of a lawful one", seed, c.did)
				}
				count[seed] = c.unsaid
			})
		}
	})
	bad := 0
	for _, unsaid := range count {
		if unsaid {
			bad++
		}
	}
	t.Logf("of %d seeds, %d unsay something", unsaidSeeds, bad)
	if !t.Failed() && (bad < len(count)/4 || bad > len(count)*3/4) {
		t.Errorf("%d of %d seeds unsay something: too few of one kind", bad, len(count))
	}
}
