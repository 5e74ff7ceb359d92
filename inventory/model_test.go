package inventory_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"seihon/artifact"
	"seihon/inventory"
	"seihon/inventory/inventorytest"
)

// model is the inventory in a few lines: what is known of each serial.
type model struct {
	t      *rapid.T
	db     *inventory.DB
	issuer string
	clock  *inventorytest.Clock
	certs  map[int]*modelCert
	shards int
}

type modelCert struct {
	state  inventory.State
	rev    inventory.Revocation
	here   bool // revoked by Revoke
	signed bool // the public knows the state
}

// TestModel does at random what a signing room does, and holds the inventory
// against the model after each step.
func TestModel(t *testing.T) {
	clock := &inventorytest.Clock{T: inventorytest.Epoch}
	db, err := inventory.Open(t.Context(),
		inventory.Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "inventory.db"), Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.SkipSync(); err != nil {
		t.Fatal(err)
	}
	rounds := 0
	rapid.Check(t, func(t *rapid.T) {
		rounds++ // each round has an issuer of its own
		m := &model{t: t, db: db, clock: clock, issuer: fmt.Sprint("issuer", rounds), certs: map[int]*modelCert{},
			shards: 1}
		m.check(m.setShards(3))
		t.Repeat(map[string]func(*rapid.T){
			"reserve": m.reserve, "revoke": m.revoke, "import": m.importNext, "sign": m.sign,
			"shards": func(t *rapid.T) { m.check(m.setShards(rapid.IntRange(1, 5).Draw(t, "shards"))) },
			"":       m.compare,
		})
	})
}

const modelSize = 12

func (m *model) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) setShards(n int) error {
	if n != m.shards {
		for _, c := range m.certs { // everything is due again
			c.signed = false
		}
	}
	m.shards = n
	return m.db.AddIssuer(m.t.Context(),
		inventory.Issuer{Name: m.issuer, Key: artifact.Sum([]byte(m.issuer)), Shards: n})
}

func (m *model) reserve(t *rapid.T) {
	n := rapid.IntRange(0, modelSize).Draw(t, "serial")
	err := m.db.Reserve(t.Context(), m.issuer, inventorytest.Serial(n))
	if m.certs[n] != nil {
		if !errors.Is(err, inventory.ErrSerialTaken) {
			t.Fatalf("reserving %d twice: %v", n, err)
		}
		return
	}
	m.check(err)
	m.certs[n] = &modelCert{}
}

func (m *model) revoke(t *rapid.T) {
	n := rapid.IntRange(0, modelSize).Draw(t, "serial")
	r := inventory.Revocation{Time: m.clock.T.Add(-time.Hour),
		Reason: rapid.SampledFrom([]int{1, 4, 6, 8}).Draw(t, "reason")}
	err := m.db.Revoke(t.Context(), m.issuer, inventorytest.Serial(n), r, inventory.RevokeOptions{})
	c := m.certs[n]
	held := c != nil && c.state == inventory.Revoked && c.rev.Reason == 6
	switch {
	case c == nil || r.Reason == 8 && !held || c.state == inventory.Revoked && !(held && r.Reason != 6):
		if err == nil {
			t.Fatalf("revoking %d (%+v) with reason %d was accepted", n, c, r.Reason)
		}
		return
	case r.Reason == 8:
		c.state, c.rev = inventory.Issued, inventory.Revocation{}
	default:
		c.state, c.rev = inventory.Revoked, r
	}
	m.check(err)
	c.here, c.signed = true, false
}

// importNext imports what the CA's own database may say next: all it had, and
// more. It knows nothing of what was done here.
func (m *model) importNext(t *rapid.T) {
	var list []inventory.Record
	for n := range modelSize {
		c := m.certs[n]
		switch {
		case c != nil && c.here:
			continue
		case c != nil && c.state == inventory.Revoked:
			list = append(list,
				inventorytest.RevokedAt(n, m.clock.T.AddDate(1, 0, 0).Truncate(24*time.Hour), c.rev.Time, c.rev.Reason))
			continue
		case c == nil && rapid.Bool().Draw(t, "new"):
			c = &modelCert{}
			m.certs[n] = c
		case c == nil:
			continue
		}
		if c.state == inventory.Reserved {
			c.state, c.signed = inventory.Issued, false
		}
		if rapid.IntRange(0, 3).Draw(t, "revoked") == 0 {
			c.state, c.rev, c.signed = inventory.Revoked,
				inventory.Revocation{Time: m.clock.T.Add(-time.Minute), Reason: 4}, false
			list = append(list,
				inventorytest.RevokedAt(n, m.clock.T.AddDate(1, 0, 0).Truncate(24*time.Hour), c.rev.Time, c.rev.Reason))
		} else {
			list = append(list, inventorytest.Valid(n, m.clock.T.AddDate(1, 0, 0).Truncate(24*time.Hour)))
		}
	}
	for range 2 { // the second time changes nothing
		_, err := m.db.Import(t.Context(), inventory.Import{Issuer: m.issuer, Source: &inventorytest.List{List: list}})
		m.check(err)
	}
}

// sign signs some of what is due, shard by shard.
func (m *model) sign(t *rapid.T) {
	claims, err := m.db.Claim(t.Context(),
		inventory.ClaimRequest{Host: "a", Issuer: m.issuer, Max: 2, Cutoff: m.clock.T})
	m.check(err)
	for _, claim := range claims {
		var signed []inventory.Signed
		for s, err := range m.db.Due(t.Context(), m.issuer, claim.Shard, m.clock.T) {
			m.check(err)
			signed = append(signed,
				inventory.Signed{Serial: s.Serial, Revision: s.Revision, ThisUpdate: m.clock.T,
					NextUpdate: m.clock.T.Add(time.Hour)})
			for n, c := range m.certs {
				if bytes.Equal(inventorytest.Serial(n), s.Serial) {
					c.signed = true
				}
			}
		}
		m.check(m.db.Finish(t.Context(), claim, signed, nil))
	}
}

// compare holds the inventory against the model.
func (m *model) compare(t *rapid.T) {
	var due, revoked, wantDue, wantRevoked []string
	for s, err := range m.db.Due(t.Context(), m.issuer, inventory.AllShards, m.clock.T) {
		m.check(err)
		due = append(due, fmt.Sprintf("%x %s", s.Serial, s.State))
	}
	for r, err := range m.db.Revoked(t.Context(), m.issuer, inventory.RevokedOptions{}) {
		m.check(err)
		revoked = append(revoked, fmt.Sprintf("%x %v %d", r.Serial, r.Time, r.Reason))
	}
	for _, n := range slices.Sorted(maps.Keys(m.certs)) {
		c := m.certs[n]
		if c.state != inventory.Reserved && !c.signed {
			wantDue = append(wantDue, fmt.Sprintf("%x %s", inventorytest.Serial(n), c.state))
		}
		if c.state == inventory.Revoked {
			wantRevoked = append(wantRevoked,
				fmt.Sprintf("%x %v %d", inventorytest.Serial(n), c.rev.Time, c.rev.Reason))
		}
	}
	for _, list := range [][]string{due, wantDue, wantRevoked} {
		slices.SortFunc(list, cmp.Compare)
	}
	if !slices.Equal(due, wantDue) {
		t.Fatalf("due is %v, want %v", due, wantDue)
	}
	if !slices.Equal(revoked, wantRevoked) {
		t.Fatalf("revoked are %v, want %v", revoked, wantRevoked)
	}
}
