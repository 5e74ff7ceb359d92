package inventorytest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/inventory"
	"seihon/override"
)

func testNeverIssued(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 4)
	declare := func(ns ...int) (*inventory.DeclarationResult, error) {
		var serials [][]byte
		for _, n := range ns {
			serials = append(serials, Serial(n))
		}
		return b.DeclareNeverIssued(ctx, inventory.Declaration{Issuer: Issuer, Serials: serials})
	}
	must(t, b.Reserve(ctx, Issuer, Serial(2)))
	_, err := declare(1, 2)
	wantRefused(t, "a reserved serial", err)
	_, err = b.DeclareNeverIssued(ctx, inventory.Declaration{Issuer: Issuer, Serials: [][]byte{{0}}})
	wantRefused(t, "serial zero", err)
	dry, err := b.DeclareNeverIssued(ctx,
		inventory.Declaration{Issuer: Issuer, Serials: [][]byte{Serial(1)}, DryRun: true})
	must(t, err)
	if _, err := b.Get(ctx, Issuer, Serial(1)); dry.Added != 1 || !errors.Is(err, inventory.ErrNotFound) {
		t.Errorf("refused or dry declarations left something: %+v, %v", dry, err)
	}
	res, err := declare(1, 3, 3)
	must(t, err)
	if *res != (inventory.DeclarationResult{Read: 3, Added: 2}) {
		t.Errorf("result is %+v", res)
	}
	// Due like others, on no list, counted.
	due := collect(t, b.Due(ctx, Issuer, inventory.AllShards, Epoch))
	if len(due) != 2 || due[0].State != inventory.NeverIssued || !due[0].NotAfter.IsZero() {
		t.Errorf("due are %+v", due)
	}
	if all := collect(t, b.Revoked(ctx, Issuer, inventory.RevokedOptions{})); len(all) != 0 {
		t.Errorf("on a CRL: %+v", all)
	}
	if n, err := b.Counts(ctx, Issuer); err != nil || n.NeverIssued != 2 || n.Issued != 0 || n.Reserved != 1 {
		t.Errorf("counts are %+v, %v", n, err)
	}
	// The serial is taken for good.
	wantError(t, "reserving it", b.Reserve(ctx, Issuer, Serial(1)), inventory.ErrSerialTaken)
	wantError(t, "revoking it", b.Revoke(ctx, Issuer, Serial(1), key, none), inventory.ErrNeverIssued)
	b.AddIssuer(t, "other", 1)
	must(t, b.DB.AddIssuer(ctx, inventory.Issuer{Name: "renewed", Key: artifact.Sum([]byte(Issuer)), Shards: 1}))
	_, err = b.DeclareNeverIssued(ctx, inventory.Declaration{Issuer: "renewed", Serials: [][]byte{Serial(1)}})
	wantRefused(t, "under another name of the key", err)
	// Signed again when it is due, until it is retired; declared again it is due again.
	sign := func(next time.Time) {
		t.Helper()
		for _, s := range collect(t, b.Due(ctx, Issuer, inventory.AllShards, b.Clock.T)) {
			must(t, b.MarkSigned(ctx, Issuer, []inventory.Signed{{Serial: s.Serial, Revision: s.Revision,
				ThisUpdate: b.Clock.T, NextUpdate: next}}))
		}
	}
	count := func(want int, when string) {
		t.Helper()
		if due := collect(t, b.Due(ctx, Issuer, inventory.AllShards, b.Clock.T)); len(due) != want {
			t.Errorf("%s: %d due, want %d", when, len(due), want)
		}
	}
	sign(hours(1))
	count(0, "just signed")
	b.Clock.T = hours(2)
	count(2, "an hour late")
	sign(inventory.Retired)
	b.Clock.T = Epoch.AddDate(100, 0, 0)
	count(0, "retired")
	b.Clock.T = hours(2)
	res, err = declare(1)
	must(t, err)
	if res.Present != 1 || res.Added != 0 {
		t.Errorf("declared again: %+v", res)
	}
	count(1, "declared again")
	// A new cut of the shards makes all bundles anew.
	must(t, b.SetShards(ctx, Issuer, 2))
	if due := collect(t, b.Due(ctx, Issuer, inventory.AllShards, b.Clock.T)); len(due) != 2 {
		t.Errorf("%d due after a new cut", len(due))
	}
}

// testNeverIssuedImport: what the CA's own database has was issued after all.
func testNeverIssuedImport(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	b.importAll(t, Issuer, inventory.AllSerials, Valid(1, year))
	declare := func(n int, seen time.Time) error {
		_, err := b.DeclareNeverIssued(ctx,
			inventory.Declaration{Issuer: Issuer, Serials: [][]byte{Serial(n)}, Seen: seen})
		return err
	}
	wantRefused(t, "an issued one", declare(1, Epoch))
	wantRefused(t, "seen after the last import", declare(2, hours(1)))
	for n := 2; n <= 4; n++ {
		must(t, declare(n, Epoch))
	}
	b.Clock.Advance(time.Minute)
	l := &List{Scope: inventory.AllSerials,
		List: []inventory.Record{Valid(1, year), Valid(2, year), RevokedAt(3, year, hours(-1), 1)}}
	_, err := b.Import(ctx, inventory.Import{Issuer: Issuer, Source: l})
	var refused *inventory.ImportRefused
	if !errors.As(err, &refused) || refused.Counts[override.Changed] != 2 || len(refused.Counts) != 1 {
		t.Fatalf("an import of what was declared never issued: %v", err)
	}
	o := sign(t, override.Override{Digest: l.Info().Digest, Allow: []string{override.Changed},
		Reason: "declared by mistake", Expires: hours(1)})
	_, err = b.Import(ctx, inventory.Import{Issuer: Issuer, Source: l, Override: o})
	must(t, err)
	e, err := b.Get(ctx, Issuer, Serial(2))
	must(t, err)
	if e.State != inventory.Issued || !e.Imported || e.NotAfter != year || e.Subject == "" {
		t.Errorf("imported all the same: %+v", e)
	}
	for _, o := range []inventory.RevokedOptions{{}, {ChangedSince: Epoch}} {
		if all := collect(t, b.Revoked(ctx, Issuer, o)); len(all) != 1 || !bytes.Equal(all[0].Serial, Serial(3)) {
			t.Errorf("on a CRL (delta: %v): %+v", !o.ChangedSince.IsZero(), all)
		}
	}
	urgent := 0
	for _, s := range collect(t, b.Due(ctx, Issuer, 0, b.Clock.T)) {
		if s.Urgent {
			urgent++
		}
	}
	if urgent != 2 {
		t.Errorf("%d urgent, want the two that turned out to be issued", urgent)
	}
}

func testNeverIssuedLimit(t *testing.T, b *Bench) {
	b.AddIssuer(t, Issuer, 1)
	d := inventory.Declaration{Issuer: Issuer}
	for n := range inventory.MaxNeverIssued {
		d.Serials = append(d.Serials, Serial(n))
	}
	_, err := b.DeclareNeverIssued(t.Context(), d)
	must(t, err)
	d.Serials = [][]byte{Serial(-1)}
	_, err = b.DeclareNeverIssued(t.Context(), d)
	wantRefused(t, "one too many", err)
}
