package room_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/hsmsign/schedule"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/override"
)

// TestOverrideCountsOnce: an override of the log stands behind the list that it explains, until there is another one.
func TestOverrideCountsOnce(t *testing.T) {
	t.Parallel()
	tr := newTestRoom(t, t.TempDir())
	serial := tr.issue(t, 1)[0]
	must(t, tr.run(t))
	c := inventory.Overridden{Issuer: "ca", Serial: serial, Was: "revoked 20261129T000000Z 1 -", Now: "good",
		Text: "signed\n"}
	before := func(c inventory.Overridden) (again bool) {
		t.Helper()
		must(t, tr.do(t, func(r *room.Room) (err error) {
			again, err = r.OverriddenBefore(t.Context(), "crl/ca.crl", c)
			return err
		}))
		return again
	}
	if !before(c) {
		t.Error("the log has no such override, and it was found")
	}
	must(t, tr.do(t, func(r *room.Room) error {
		e := &ledger.Override{Issuer: c.Issuer, Text: c.Text,
			Changes: []ledger.StatusChange{{Serial: room.SerialText(serial), Was: c.Was, Now: c.Now}}}
		must(t, r.Log.Append(t.Context(), &ledger.Entry{Override: e}))
		_, err := r.CommitJournal(t.Context())
		return err
	}))
	if before(c) {
		t.Error("an override behind the newest list does not count")
	}
	for name, change := range map[string]func(*inventory.Overridden){
		"of another issuer":      func(c *inventory.Overridden) { c.Issuer = "other" },
		"of another certificate": func(c *inventory.Overridden) { c.Serial = []byte{1} },
		"of another status":      func(c *inventory.Overridden) { c.Was = "good" },
		"to another status":      func(c *inventory.Overridden) { c.Now = "absent" },
		"with another text":      func(c *inventory.Overridden) { c.Text = "" },
	} {
		other := c
		if change(&other); !before(other) {
			t.Errorf("an override %s counts", name)
		}
	}
	must(t, tr.run(t))
	if !before(c) {
		t.Error("an override counts a second time")
	}
}

// TestRecoveredOverride: a list that was signed and not recorded is older than an override that lets a revocation
// change. The log gets both, and the next list may say what the override allows.
func TestRecoveredOverride(t *testing.T) {
	t.Parallel()
	tr := newTestRoom(t, t.TempDir())
	key := testOverrideKey(t, tr)
	serial := tr.issue(t, 1)[0]
	must(t, tr.revoke(t, serial, 1), tr.run(t))

	good := tr.keys["log"]
	failing := &faultyKey{Signer: good, fault: func() error { return errFault }}
	tr.keys["log"] = failing
	err := tr.do(t, func(r *room.Room) error {
		failing.at.Store(1)
		_, err := schedule.Run(t.Context(), r, schedule.Force{CRLs: true})
		return err
	})
	if !errors.Is(err, errFault) {
		t.Fatalf("the run that is to fail at the commit: %v", err)
	}
	tr.keys["log"] = good

	now := inventory.Revocation{Time: tr.now, Reason: 4}
	o := override.Override{Digest: inventory.ChangeDigest("ca", serial, now), Allow: []string{override.Changed},
		Reason: "ticket 1", Expires: tr.now.AddDate(0, 0, 1)}
	text, err := o.Sign(key)
	must(t, err)
	signed, err := override.Parse(text)
	must(t, err)
	r := tr.room(t)
	db, err := inventory.Open(t.Context(),
		inventory.Config{DSN: room.InventoryDSN(r.Config.Signer), Now: r.Now, Existing: true,
			OverrideKeys: []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}})
	must(t, err)
	must(t, db.Revoke(t.Context(), "ca", serial, now, inventory.RevokeOptions{Override: signed}), db.Close())

	var size int64
	must(t, tr.do(t, func(r *room.Room) error { size = r.Log.Log().Size(); return nil }))
	must(t, tr.run(t))
	var overrides, batches []int64
	must(t, tr.do(t, func(r *room.Room) error {
		i := int64(0)
		for e, err := range r.Log.Log().Entries(t.Context(), 0, size) {
			must(t, err)
			if e.Override != nil {
				overrides = append(overrides, i)
			}
			if e.Batch != nil && e.Batch.Note == "recovered" {
				batches = append(batches, i)
			}
			i++
		}
		return nil
	}))
	if len(overrides) != 2 || len(batches) != 1 || batches[0] < overrides[0] || overrides[1] < batches[0] {
		t.Errorf("recovered in the entries %v, overrides in %v", batches, overrides)
	}
}

// TestOverrideTakesBack: an import with an override takes a revocation back. The list leaves it out, and the answer is
// good.
func TestOverrideTakesBack(t *testing.T) {
	t.Parallel()
	tr := newTestRoom(t, t.TempDir())
	key := testOverrideKey(t, tr)
	serial := tr.issue(t, 1)[0]
	must(t, tr.revoke(t, serial, 1), tr.run(t))
	digest := artifact.Sum([]byte("the input"))
	signed := override.Override{Digest: digest, Allow: []string{override.Changed}, Reason: "by mistake",
		Expires: tr.now.AddDate(0, 0, 1)}
	_, err := signed.Sign(key)
	must(t, err)
	must(t, tr.do(t, func(r *room.Room) error {
		// as if another software had revoked it
		execSQL(t, filepath.Join(tr.dir, "inventory.db"), `UPDATE certificates SET revoked_here = 0`)
		src := &oneRecord{inventory.Record{Certificate: inventory.Certificate{Serial: serial,
			Kind: artifact.SubscriberCertificate}, State: inventory.Issued},
			inventory.SourceInfo{Name: "input", Format: "test", Scope: inventory.Partial, Digest: digest}}
		_, err := r.Inventory.Import(t.Context(), inventory.Import{Issuer: "ca", Source: src, Override: &signed})
		return err
	}))
	must(t, tr.do(t, func(r *room.Room) error {
		res, err := schedule.Run(t.Context(), r, schedule.Force{CRLs: true})
		if err == nil && len(res.Healed) > 0 {
			t.Errorf("healed: %v", res.Healed)
		}
		e, lookup := r.Inventory.Get(t.Context(), "ca", serial)
		if lookup == nil && e.State != inventory.Issued {
			t.Errorf("it is %v", e.State)
		}
		return errors.Join(err, lookup)
	}))
}

// testOverrideKey makes a key for overrides and pins it.
func testOverrideKey(t *testing.T, tr *testRoom) ed25519.PrivateKey {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(public)
	must(t, err)
	file := filepath.Join(tr.dir, "repository.yaml")
	yaml, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(tr.dir, "override.pem"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY",
		Bytes: der}), 0o644),
		os.WriteFile(file,
			bytes.Replace(yaml, []byte("trust: {"), []byte("trust: {override_keys: [override.pem], "), 1), 0o644))
	return key
}

// oneRecord is an input of one record.
type oneRecord struct {
	inventory.Record
	info inventory.SourceInfo
}

func (o *oneRecord) Info() inventory.SourceInfo { return o.info }

func (o *oneRecord) Records(context.Context) iter.Seq2[inventory.Record, error] {
	return func(yield func(inventory.Record, error) bool) { yield(o.Record, nil) }
}
