package inventorytest

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/inventory"
	"seihon/override"
)

func testImport(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 4)
	var records []inventory.Record
	for n := range 500 {
		if n%5 == 0 {
			records = append(records, RevokedAt(n, year, hours(-n-1), n%6))
		} else {
			records = append(records, Valid(n, year))
		}
	}
	src := &List{Scope: inventory.AllSerials, List: records}
	dry, err := b.Import(ctx, inventory.Import{Issuer: Issuer, Source: src, DryRun: true})
	must(t, err)
	if dry.Added != 500 || len(collect(t, b.Export(ctx, Issuer))) != 0 {
		t.Errorf("a dry run wrote, or counted %+v", dry)
	}
	res := b.importAll(t, Issuer, inventory.AllSerials, records...)
	if res.Added != 500 || res.Read != 500 || res.Same {
		t.Errorf("result is %+v", res)
	}
	if res := b.importAll(t, Issuer, inventory.AllSerials, records...); !res.Same || res.Added != 0 {
		t.Errorf("the same input again is %+v", res)
	}
	// The CA goes on: one more certificate, one more revocation.
	records[1] = RevokedAt(1, year, hours(-1), 1)
	records = append(records, Valid(500, year))
	slices.Reverse(records)
	res = b.importAll(t, Issuer, inventory.AllSerials, records...)
	if res.Added != 1 || res.NewlyRevoked != 1 || res.Unchanged != 499 {
		t.Errorf("the next input is %+v", res)
	}
	urgent, err := b.UrgentShards(ctx, Issuer)
	must(t, err)
	if len(urgent) != 1 {
		t.Errorf("urgent after an import: %v", urgent)
	}
	if n := len(collect(t, b.Revoked(ctx, Issuer, inventory.RevokedOptions{}))); n != 101 {
		t.Errorf("%d revocations, want 101", n)
	}
	e, err := b.Get(ctx, Issuer, Serial(5))
	must(t, err)
	if e.State != inventory.Revoked || e.Revocation.Reason != 5 || e.Revocation.Time != hours(-6) || !e.Imported {
		t.Errorf("imported certificate reads back as %+v", e)
	}
}

// testImportSlow: what an import revokes is recorded when it ends, so that a
// CRL which was signed meanwhile is known to lack it.
func testImportSlow(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	b.Issue(t, Issuer, year, 1)
	b.Clock.Step = 10 * time.Minute // each look at the clock takes that long
	for _, r := range []inventory.Record{RevokedAt(1, year, hours(-1), 1), RevokedAt(2, year, hours(-1), 1)} {
		read := b.Clock.T.Add(b.Clock.Step)
		b.importAll(t, Issuer, inventory.Partial, r) // looks when it reads, when it compares and when it ends
		crl := read.Add(15 * time.Minute)
		if n := len(collect(t, b.Revoked(ctx, Issuer, inventory.RevokedOptions{ChangedSince: crl}))); n != 1 {
			t.Errorf("%d revocations since a CRL that was signed during the import, want 1", n)
		}
	}
}

// base is what the refusal tests start from.
func base() []inventory.Record {
	return []inventory.Record{
		Valid(1, year), Valid(2, year), RevokedAt(3, year, hours(-9), 1), RevokedAt(4, year, hours(-9), 6),
		Valid(5, hours(1)), Valid(6, hours(1)), Valid(7, hours(1)),
	}
}

func testImportRefusals(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	start := &List{Scope: inventory.AllSerials, AsOf: hours(-1), List: base()}
	_, err := b.Import(ctx, inventory.Import{Issuer: Issuer, Source: start})
	must(t, err)
	for _, test := range []struct {
		name string
		want []string
		edit func(*List)
	}{
		{"vanished", []string{"vanished"}, func(l *List) { l.List = l.List[1:] }},
		{"changed date", []string{"changed"}, func(l *List) { l.List[2].Revocation.Time = hours(-8) }},
		{"changed reason", []string{"changed"}, func(l *List) { l.List[2].Revocation.Reason = 4 }},
		{"no longer revoked", []string{"changed"}, func(l *List) { l.List[2] = Valid(3, year) }},
		{"older", []string{"older"}, func(l *List) { l.AsOf = hours(-2); l.List = append(l.List, Valid(8, year)) }},
		{"shrunk", []string{"shrink"}, func(l *List) { l.AsOf = hours(2); l.List = l.List[:4] }},
		{"twice", []string{"conflict"}, func(l *List) { l.List = append(l.List, RevokedAt(1, year, hours(-1), 1)) }},
		{"another expiry", []string{"conflict"}, func(l *List) { l.List[0].NotAfter = hours(77) }},
		{"several", []string{"changed", "shrink", "vanished"},
			func(l *List) { l.List = l.List[2:4]; l.List[0].Revocation.Reason = 5 }},
	} {
		l := &List{Scope: inventory.AllSerials, AsOf: Epoch, List: base()}
		test.edit(l)
		b.Clock.T = hours(3)
		_, err := b.Import(ctx, inventory.Import{Issuer: Issuer, Source: l, MaxShrink: 0.4})
		var refused *inventory.ImportRefused
		if !errors.As(err, &refused) {
			t.Errorf("%s: error is %v, want a refusal", test.name, err)
			continue
		}
		if kinds := slices.Sorted(maps.Keys(refused.Counts)); !slices.Equal(kinds, test.want) ||
			refused.Digest != l.Info().Digest || len(refused.Problems) == 0 {
			t.Errorf("%s: refused for %v, want %v: %v", test.name, kinds, test.want, err)
		}
	}
	if all := collect(t, b.Export(ctx, Issuer)); len(all) != 7 || all[0].State == inventory.Reserved {
		t.Errorf("a refused import left traces: %d certificates", len(all))
	}
	for name, edit := range map[string]func(*List){
		"future revocation": func(l *List) { l.List[0] = RevokedAt(1, year, hours(9), 1) },
		"reason 99":         func(l *List) { l.List[0] = RevokedAt(1, year, hours(-9), 99) },
		"future input":      func(l *List) { l.AsOf = hours(9) },
		"bad serial":        func(l *List) { l.List[0].Serial = []byte{0} },
		"bad state":         func(l *List) { l.List[0].State = inventory.Reserved },
		"bad kind":          func(l *List) { l.List[0].Kind = "crl" },
	} {
		l := &List{Scope: inventory.AllSerials, AsOf: Epoch, List: base()}
		edit(l)
		_, err := b.Import(ctx, inventory.Import{Issuer: Issuer, Source: l})
		wantRefused(t, name, err)
	}
	// What is fine: expired ones may go, a hold may end or become final, and a
	// missing reason is "unspecified".
	l := &List{Scope: inventory.AllSerials, AsOf: hours(2), List: base()[:4]}
	l.List[3] = Valid(4, year)
	res, err := b.Import(ctx, inventory.Import{Issuer: Issuer, Source: l, MaxShrink: 0.5})
	must(t, err)
	if res.Released != 1 || res.Unchanged != 3 {
		t.Errorf("result is %+v", res)
	}
}

func testImportOverride(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	b.importAll(t, Issuer, inventory.AllSerials, base()...)
	l := &List{Scope: inventory.AllSerials, List: base()[1:]}
	l.List[1].Revocation.Reason = 4
	o := override.Override{Digest: l.Info().Digest, Allow: []string{override.Changed, override.Vanished},
		Reason: "repaired", Expires: hours(1)}
	try := func(o *override.Override) error {
		_, err := b.Import(ctx, inventory.Import{Issuer: Issuer, Source: l, Override: o, MaxShrink: 0.4})
		return err
	}
	half := o
	half.Allow = half.Allow[:1]
	wantRefused(t, "half an override", try(sign(t, half)))
	foreign, err := o.Sign(ed25519.NewKeyFromSeed([]byte("another key of thirty-two octets")))
	must(t, err)
	forged, err := override.Parse(foreign)
	must(t, err)
	wantRefused(t, "an override of another key", try(forged))
	must(t, try(sign(t, o)))
	e, err := b.Get(ctx, Issuer, Serial(3))
	must(t, err)
	if e.Revocation.Reason != 4 {
		t.Errorf("overridden reason is %d, want 4", e.Revocation.Reason)
	}
	if _, err := b.Get(ctx, Issuer, Serial(1)); err != nil {
		t.Errorf("the vanished certificate is gone: %v", err)
	}
}

func testImportLocal(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	b.importAll(t, Issuer, inventory.AllSerials, base()...)
	must(t, b.Reserve(ctx, Issuer, Serial(100))) // issued here
	must(t, b.Revoke(ctx, Issuer, Serial(1), key, none))
	res := b.importAll(t, Issuer, inventory.AllSerials, append(base(), Valid(8, year))...)
	if res.Kept != 1 || res.Added != 1 {
		t.Errorf("result is %+v", res)
	}
	if e, err := b.Get(ctx, Issuer, Serial(1)); err != nil || e.Revocation != key {
		t.Errorf("the local revocation is %+v, %v", e, err)
	}
	// The reserved serial turns up in the CA's database: it was issued.
	res = b.importAll(t, Issuer, inventory.Partial, Valid(100, year))
	if e, err := b.Get(ctx, Issuer, Serial(100)); err != nil || e.State != inventory.Issued || e.NotAfter != year ||
		res.Completed != 1 {
		t.Errorf("the reserved serial is %+v, %v after %+v", e, err, res)
	}
	if due := collect(t, b.Due(ctx, Issuer, 0, Epoch)); len(due) != 9 {
		t.Errorf("%d due, want 9", len(due))
	}
}

// testImportRevokedScope imports what a CRL knows: serials, dates, reasons.
func testImportRevokedScope(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	crl := func(ns ...int) []inventory.Record {
		var rs []inventory.Record
		for _, n := range ns {
			rs = append(rs, RevokedAt(n, time.Time{}, hours(-n), 1))
		}
		return rs
	}
	b.importAll(t, Issuer, inventory.AllRevoked, crl(1, 2, 3, 4)...)
	// A folder of certificates says when they expire, not how they stand.
	details, err := b.Import(ctx, inventory.Import{Issuer: Issuer, Source: &List{NoStatus: true,
		List: []inventory.Record{Valid(1, hours(1)), Valid(9, year)}}})
	must(t, err)
	if details.Kept != 1 || details.Completed != 1 || details.Added != 1 {
		t.Errorf("result is %+v", details)
	}
	b.Clock.Advance(2 * time.Hour)
	try := func(ns ...int) error {
		_, err := b.Import(ctx,
			inventory.Import{Issuer: Issuer, Source: &List{Scope: inventory.AllRevoked, List: crl(ns...)},
				MaxShrink: 0.6})
		return err
	}
	must(t, try(2, 3, 4)) // the first has expired
	var refused *inventory.ImportRefused
	if err := try(2, 3); !errors.As(err, &refused) || refused.Counts[override.Vanished] != 1 {
		t.Errorf("a revocation left the CRL before it expired: %v", err)
	}
	if due := collect(t, b.Due(ctx, Issuer, 0, Epoch)); len(due) != 4 {
		t.Errorf("%d due, want 4", len(due))
	}
}

// testImportList: a long list adds rows that count as recorded, and a later one touches only what it says otherwise.
func testImportList(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 4)
	b.Issue(t, Issuer, year, 7)
	take := func(digest string, since bool, records ...inventory.Record) *inventory.ImportResult {
		t.Helper()
		for i := range records { // a list knows no more of a certificate
			records[i].Certificate = inventory.Certificate{Serial: records[i].Serial,
				Kind: artifact.SubscriberCertificate}
		}
		slices.SortFunc(records, func(a, b inventory.Record) int { return bytes.Compare(a.Serial, b.Serial) })
		src := &List{List: records}
		list := &inventory.List{Kind: artifact.SubscriberCertificate, Total: int64(len(records)), Changes: since}
		list.Artifacts = []inventory.ArtifactRecord{{Issuer: Issuer, Kind: artifact.CRL, Name: "crl/" + digest,
			Scope: "crl", Digest: artifact.Sum([]byte(digest))}}
		res, err := b.Import(ctx, inventory.Import{Issuer: Issuer, Source: src, List: list})
		must(t, err)
		return res
	}
	var records []inventory.Record
	for n := range 1203 {
		records = append(records, RevokedAt(n, time.Time{}, hours(-n-1), 1))
	}
	b.record(t, 1)
	if res := take("first", false, records...); res.Added != 1202 || res.NewlyRevoked != 1 {
		t.Errorf("the first list is %+v", res)
	}
	certificates := 0
	for _, line := range b.record(t, 2) {
		if bytes.Contains(line, []byte(`"t":"certificate"`)) {
			certificates++
		}
	}
	if certificates != 1 { // the one that was known
		t.Errorf("%d records of certificates, want 1", certificates)
	}
	if res := take("second", true, RevokedAt(2000, time.Time{}, hours(-1), 4),
		RevokedAt(3, time.Time{}, hours(-4), 1)); res.Added != 1 || res.Unchanged != 1 {
		t.Errorf("the changes are %+v", res)
	}
	if n := len(collect(t, b.Revoked(ctx, Issuer, inventory.RevokedOptions{}))); n != 1204 {
		t.Errorf("%d revocations, want 1204", n)
	}
}
