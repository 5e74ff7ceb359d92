package inventorytest

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/inventory"
	"seihon/override"
)

var (
	year  = Epoch.AddDate(1, 0, 0)
	none  = inventory.RevokeOptions{}
	key   = inventory.Revocation{Time: Epoch.Add(-time.Minute), Reason: 1}
	hours = func(n int) time.Time { return Epoch.Add(time.Duration(n) * time.Hour) }
)

func testRevoke(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 4)
	b.Issue(t, Issuer, year, 1, 2)
	for _, bad := range []struct {
		name string
		r    inventory.Revocation
	}{
		{"reason 99", inventory.Revocation{Time: key.Time, Reason: 99}},
		{"reason 7", inventory.Revocation{Time: key.Time, Reason: 7}},
		{"reason -2", inventory.Revocation{Time: key.Time, Reason: -2}},
		{"removeFromCRL without hold", inventory.Revocation{Time: key.Time, Reason: 8}},
		{"future date", inventory.Revocation{Time: Epoch.Add(time.Second), Reason: 1}},
		{"no date", inventory.Revocation{Reason: 1}},
		{"future invalidity date", inventory.Revocation{Time: key.Time, Reason: 1, InvalidityDate: hours(1)}},
	} {
		wantRefused(t, bad.name, b.Revoke(ctx, Issuer, Serial(1), bad.r, none))
	}
	wantError(t, "unknown serial", b.Revoke(ctx, Issuer, Serial(9), key, none), inventory.ErrNotFound)
	must(t, b.Revoke(ctx, Issuer, Serial(1), key, none))
	wantError(t, "again", b.Revoke(ctx, Issuer, Serial(1), key, none), inventory.ErrAlreadyRevoked)
	e, err := b.Get(ctx, Issuer, Serial(1))
	must(t, err)
	if e.State != inventory.Revoked || e.Revocation != key {
		t.Errorf("revoked certificate reads back as %+v", e)
	}
	urgent, err := b.UrgentShards(ctx, Issuer)
	must(t, err)
	if len(urgent) != 1 || urgent[inventory.ShardOf(Serial(1), 4)] != 1 {
		t.Errorf("urgent shards are %v", urgent)
	}
	must(t, b.Reserve(ctx, Issuer, Serial(3)))
	must(t, b.Revoke(ctx, Issuer, Serial(3), key, none))
	if all := collect(t, b.Revoked(ctx, Issuer, inventory.RevokedOptions{})); len(all) != 2 {
		t.Errorf("%d revocations, want 2: a reserved serial can be revoked", len(all))
	}
}

func testRevokeChanged(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	b.Issue(t, Issuer, year, 1)
	must(t, b.Revoke(ctx, Issuer, Serial(1), key, none))
	later := key
	later.Time = later.Time.Add(time.Second)
	reason := key
	reason.Reason = 4
	for _, r := range []inventory.Revocation{later, reason} {
		wantError(t, "another date or reason", b.Revoke(ctx, Issuer, Serial(1), r, none),
			inventory.ErrRevocationChanged)
	}
	permit := func(o override.Override) *override.Override { return sign(t, o) }
	good := override.Override{Digest: inventory.ChangeDigest(Issuer, Serial(1), reason),
		Allow: []string{override.Changed}, Reason: "ticket 4711", Expires: hours(1)}
	for name, change := range map[string]func(*override.Override){
		"another digest": func(o *override.Override) { o.Digest = artifact.Sum(nil) },
		"another right":  func(o *override.Override) { o.Allow = []string{override.Shrink} },
		"expired":        func(o *override.Override) { o.Expires = Epoch },
	} {
		bad := good
		change(&bad)
		wantRefused(t, name, b.Revoke(ctx, Issuer, Serial(1), reason, inventory.RevokeOptions{Override: permit(bad)}))
	}
	wantRefused(t, "unsigned", b.Revoke(ctx, Issuer, Serial(1), reason, inventory.RevokeOptions{Override: &good}))
	must(t, b.Revoke(ctx, Issuer, Serial(1), reason, inventory.RevokeOptions{Override: permit(good)}))
	e, err := b.Get(ctx, Issuer, Serial(1))
	must(t, err)
	if e.Revocation != reason {
		t.Errorf("revocation is %+v, want %+v", e.Revocation, reason)
	}
	back := override.Override{Digest: inventory.ChangeDigest(Issuer, Serial(1), key), Allow: good.Allow,
		Reason: "ticket 4712", Expires: hours(1)}
	must(t, b.Revoke(ctx, Issuer, Serial(1), key, inventory.RevokeOptions{Override: permit(back)}))
	wantError(t, "an override used twice",
		b.Revoke(ctx, Issuer, Serial(1), reason, inventory.RevokeOptions{Override: permit(good)}),
		inventory.ErrOverrideUsed)
	good.Reason = "ticket 4713"
	must(t, b.Revoke(ctx, Issuer, Serial(1), reason, inventory.RevokeOptions{Override: permit(good)}))
}

// sign takes an override through its file form.
func sign(t *testing.T, o override.Override) *override.Override {
	t.Helper()
	file, err := o.Sign(OverrideKey)
	must(t, err)
	signed, err := override.Parse(file)
	must(t, err)
	return signed
}

func testHold(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	b.Issue(t, Issuer, year, 1, 2)
	hold := inventory.Revocation{Time: key.Time, Reason: 6}
	for n := 1; n <= 2; n++ {
		must(t, b.Revoke(ctx, Issuer, Serial(n), hold, none))
	}
	b.Clock.Advance(time.Hour)
	base := b.Clock.T
	must(t, b.Revoke(ctx, Issuer, Serial(1), inventory.Revocation{Time: base, Reason: 8}, none))
	must(t, b.Revoke(ctx, Issuer, Serial(2), inventory.Revocation{Time: base, Reason: 1}, none))
	if e, err := b.Get(ctx, Issuer, Serial(1)); err != nil || e.State != inventory.Issued {
		t.Errorf("released certificate is %+v, %v", e, err)
	}
	full := collect(t, b.Revoked(ctx, Issuer, inventory.RevokedOptions{}))
	if len(full) != 1 || !bytes.Equal(full[0].Serial, Serial(2)) || full[0].Reason != 1 {
		t.Errorf("complete CRL is %+v, want only the second", full)
	}
	delta := collect(t, b.Revoked(ctx, Issuer, inventory.RevokedOptions{ChangedSince: base}))
	if len(delta) != 2 || delta[slices.IndexFunc(delta,
		func(c inventory.RevokedCertificate) bool { return bytes.Equal(c.Serial, Serial(1)) })].Reason != 8 {
		t.Errorf("delta CRL is %+v, want removeFromCRL for the first", delta)
	}
	must(t, b.Revoke(ctx, Issuer, Serial(1), inventory.Revocation{Time: base, Reason: 1}, none)) // after its release
}

func testRevoked(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 8)
	var records []inventory.Record
	for n := range 100 {
		r := RevokedAt(n, hours(n), hours(-200+n), n%6)
		r.Revocation.InvalidityDate = hours(-300)
		if n%10 == 0 {
			r.Kind = artifact.CACertificate
		}
		records = append(records, r)
	}
	b.importAll(t, Issuer, inventory.AllSerials, records...)
	count := func(o inventory.RevokedOptions) int { return len(collect(t, b.Revoked(ctx, Issuer, o))) }
	all := collect(t, b.Revoked(ctx, Issuer, inventory.RevokedOptions{}))
	if len(all) != 100 ||
		!slices.IsSortedFunc(all,
			func(a, b inventory.RevokedCertificate) int { return bytes.Compare(a.Serial, b.Serial) }) {
		t.Errorf("%d revocations, want 100 in the order of their serials", len(all))
	}
	for _, c := range all {
		if c.InvalidityDate != hours(-300) || c.Time.IsZero() {
			t.Fatalf("revocation is %+v", c)
		}
	}
	if n := count(inventory.RevokedOptions{Scope: inventory.CACertificates}); n != 10 {
		t.Errorf("%d CA certificates, want 10", n)
	}
	if n := count(inventory.RevokedOptions{Scope: inventory.UserCertificates}); n != 90 {
		t.Errorf("%d user certificates, want 90", n)
	}
	if n := count(inventory.RevokedOptions{ExpiredBefore: hours(40)}); n != 60 {
		t.Errorf("%d not expired before, want 60", n)
	}
	shards := 0
	for n := range 8 {
		shards += count(inventory.RevokedOptions{Sharded: true, Shard: n})
	}
	if shards != 100 {
		t.Errorf("%d revocations in all shards, want 100", shards)
	}
	for range b.Revoked(ctx, Issuer, inventory.RevokedOptions{}) { // writing while reading, and leaving early
		must(t, b.Reserve(ctx, Issuer, Serial(1000)))
		break
	}
}
