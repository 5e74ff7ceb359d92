package inventorytest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/inventory"
)

// signAll marks everything that is due as signed until next.
func signAll(t *testing.T, b *Bench, shard int, cutoff, next time.Time) int {
	t.Helper()
	var batch []inventory.Signed
	for s, err := range b.Due(t.Context(), Issuer, shard, cutoff) {
		must(t, err)
		batch = append(batch,
			inventory.Signed{Serial: s.Serial, Revision: s.Revision, ThisUpdate: b.Clock.T, NextUpdate: next})
	}
	must(t, b.MarkSigned(t.Context(), Issuer, batch))
	return len(batch)
}

func testDue(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 4)
	for n := range 40 {
		b.Issue(t, Issuer, year, n)
	}
	sum := 0
	for shard := range 4 {
		for s, err := range b.Due(ctx, Issuer, shard, Epoch) {
			must(t, err)
			if inventory.ShardOf(s.Serial, 4) != shard || s.State != inventory.Issued || !s.ThisUpdate.IsZero() ||
				s.NotAfter != year {
				t.Errorf("status in shard %d is %+v", shard, s)
			}
			sum++
		}
	}
	if sum != 40 {
		t.Fatalf("%d due in all shards, want 40", sum)
	}
	if n := signAll(t, b, inventory.AllShards, Epoch, hours(96)); n != 40 {
		t.Fatalf("signed %d, want 40", n)
	}
	if n := signAll(t, b, inventory.AllShards, hours(95), hours(96)); n != 0 {
		t.Errorf("%d due before their time", n)
	}
	must(t, b.Revoke(ctx, Issuer, Serial(7), key, none))
	due := collect(t, b.Due(ctx, Issuer, inventory.AllShards, Epoch))
	if len(due) != 1 || !due[0].Urgent || due[0].State != inventory.Revoked || due[0].Revocation != key ||
		due[0].NextUpdate != hours(96) {
		t.Errorf("after a revocation %+v is due", due)
	}
	shards, err := b.DueShards(ctx, Issuer, hours(96))
	must(t, err)
	total := 0
	for _, n := range shards {
		total += n
	}
	if total != 40 {
		t.Errorf("due by shard: %v, want 40 in all", shards)
	}
	if all := collect(t, b.StatusAll(ctx, Issuer, inventory.AllShards)); len(all) != 40 {
		t.Errorf("%d statuses, want 40", len(all))
	}
	wantRefused(t, "signing an unknown serial",
		b.MarkSigned(ctx, Issuer, []inventory.Signed{{Serial: Serial(99), ThisUpdate: Epoch, NextUpdate: hours(1)}}))
	wantRefused(t, "signing backwards", b.MarkSigned(ctx, Issuer, []inventory.Signed{{Serial: Serial(1),
		ThisUpdate: hours(2), NextUpdate: hours(1)}}))
}

func testDueExpiry(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	b.Issue(t, Issuer, hours(-1), 1)  // expired
	b.Issue(t, Issuer, hours(50), 2)  // the first response will cover its expiry
	b.Issue(t, Issuer, hours(100), 3) // the second will
	if n := signAll(t, b, 0, Epoch, hours(96)); n != 2 {
		t.Errorf("%d due, want 2", n)
	}
	b.Clock.Advance(72 * time.Hour)
	due := collect(t, b.Due(ctx, Issuer, 0, hours(96)))
	if len(due) != 1 || !bytes.Equal(due[0].Serial, Serial(3)) {
		t.Errorf("due is %+v, want the third", due)
	}
	if all := collect(t, b.StatusAll(ctx, Issuer, 0)); len(all) != 1 {
		t.Errorf("statuses are %+v, want the third", all)
	}
	signAll(t, b, 0, hours(96), hours(168))
	if n := len(collect(t, b.Due(ctx, Issuer, 0, hours(10000)))); n != 0 {
		t.Errorf("%d due though the last responses cover the expiry", n)
	}
	if n := len(collect(t, b.Due(ctx, Issuer, 0, inventory.Everything()))); n != 1 {
		t.Errorf("%d of everything, want 1", n)
	}
	if claims, err := b.Claim(ctx,
		inventory.ClaimRequest{Host: "a", Issuer: Issuer, Cutoff: inventory.Everything()}); err != nil ||
		len(claims) != 1 {
		t.Errorf("claims of everything are %v, %v", claims, err)
	}
	b.Clock.Advance(72 * time.Hour) // nothing was signed in time
	if n := signAll(t, b, 0, b.Clock.T, hours(300)); n != 0 {
		t.Errorf("%d due after their expiry", n)
	}
	// With a grace, expired certificates go on being signed; the third is good for a while.
	must(t, b.DB.AddIssuer(ctx, inventory.Issuer{Name: Issuer, Key: artifact.Sum([]byte(Issuer)), Shards: 1,
		Grace: 1000 * time.Hour}))
	if n := signAll(t, b, 0, b.Clock.T, hours(300)); n != 2 {
		t.Errorf("%d due within the grace, want 2", n)
	}
}

func testRevokedWhileSigning(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	b.Issue(t, Issuer, year, 1)
	read := collect(t, b.Due(ctx, Issuer, 0, Epoch))[0]
	must(t, b.Revoke(ctx, Issuer, Serial(1), key, none))
	must(t, b.MarkSigned(ctx, Issuer, []inventory.Signed{{Serial: read.Serial, Revision: read.Revision,
		ThisUpdate: Epoch, NextUpdate: hours(96)}}))
	due := collect(t, b.Due(ctx, Issuer, 0, Epoch))
	if len(due) != 1 || !due[0].Urgent {
		t.Fatalf("the revocation is lost: %+v", due)
	}
	if n := signAll(t, b, 0, Epoch, hours(96)); n != 1 || len(collect(t, b.Due(ctx, Issuer, 0, Epoch))) != 0 {
		t.Errorf("signed %d, want 1 and nothing left", n)
	}
}

func testShards(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	for n := range 20 {
		b.Issue(t, Issuer, year, n)
	}
	signAll(t, b, 0, Epoch, hours(96))
	must(t, b.Revoke(ctx, Issuer, Serial(3), key, none))
	must(t, b.SetShards(ctx, Issuer, 16)) // makes all due, and keeps what is urgent
	if urgent, err := b.UrgentShards(ctx, Issuer); err != nil || len(urgent) != 1 {
		t.Errorf("urgent shards are %v, %v", urgent, err)
	}
	seen := 0
	for shard := range 16 {
		for s, err := range b.Due(ctx, Issuer, shard, Epoch) {
			must(t, err)
			if inventory.ShardOf(s.Serial, 16) != shard {
				t.Errorf("serial %x is in shard %d", s.Serial, shard)
			}
			seen++
		}
	}
	if seen != 20 {
		t.Errorf("%d in 16 shards, want 20", seen)
	}
	claims, err := b.Claim(ctx, inventory.ClaimRequest{Host: "a", Issuer: Issuer, Cutoff: Epoch})
	must(t, err)
	wantRefused(t, "changing shards during a run", b.SetShards(ctx, Issuer, 4))
	must(t, b.Release(ctx, claims[0]))
	must(t, b.SetShards(ctx, Issuer, 4))
	wantRefused(t, "no shards", b.SetShards(ctx, Issuer, 0))
	wantRefused(t, "too many shards", b.SetShards(ctx, Issuer, 65537))
}

func testClaim(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 8)
	for n := range 64 {
		b.Issue(t, Issuer, year, n)
	}
	signAll(t, b, inventory.AllShards, Epoch, hours(96))
	must(t, b.Revoke(ctx, Issuer, Serial(1), key, none))
	b.Clock.Advance(96 * time.Hour)
	urgent := inventory.ShardOf(Serial(1), 8)
	first, err := b.Claim(ctx, inventory.ClaimRequest{Host: "a", Issuer: Issuer, Max: 3, Cutoff: b.Clock.T})
	must(t, err)
	if len(first) != 3 || first[0].Shard != urgent {
		t.Fatalf("claims are %+v, want 3, shard %d first", first, urgent)
	}
	second, err := b.Claim(ctx, inventory.ClaimRequest{Host: "b", Issuer: Issuer, Max: 100, Cutoff: b.Clock.T})
	must(t, err)
	if len(second) != 5 {
		t.Fatalf("%d claims, want the other 5", len(second))
	}
	for _, c := range append(first, second...) {
		var signed []inventory.Signed
		for s, err := range b.Due(ctx, Issuer, c.Shard, b.Clock.T) {
			must(t, err)
			signed = append(signed,
				inventory.Signed{Serial: s.Serial, Revision: s.Revision, ThisUpdate: b.Clock.T, NextUpdate: hours(200)})
		}
		must(t, b.Finish(ctx, c, signed, []inventory.ArtifactRecord{{Issuer: Issuer, Kind: artifact.OCSPBundle,
			Name: fmt.Sprint(c.Shard)}}))
		wantError(t, "finishing twice", b.Finish(ctx, c, nil, nil), inventory.ErrLeaseLost)
	}
	if more, err := b.Claim(ctx,
		inventory.ClaimRequest{Host: "b", Issuer: Issuer, Max: 100, Cutoff: b.Clock.T}); err != nil || len(more) != 0 {
		t.Errorf("claims after all is done: %+v, %v", more, err)
	}
	if all := collect(t, b.Artifacts(ctx, Issuer, artifact.OCSPBundle)); len(all) != 8 {
		t.Errorf("%d bundles, want 8", len(all))
	}
	_, err = b.Claim(ctx, inventory.ClaimRequest{Issuer: Issuer})
	wantRefused(t, "claiming without a name", err)
}

func testLeaseLost(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	b.Issue(t, Issuer, year, 1)
	claim := func(host string) []inventory.Claim {
		claims, err := b.Claim(ctx,
			inventory.ClaimRequest{Host: host, Issuer: Issuer, Cutoff: Epoch, Lease: time.Minute})
		must(t, err)
		return claims
	}
	dead := claim("dead")[0]
	if len(claim("live")) != 0 {
		t.Fatal("a leased shard was claimed")
	}
	dead, err := b.Extend(ctx, dead, 2*time.Minute)
	must(t, err)
	b.Clock.Advance(90 * time.Second)
	if len(claim("live")) != 0 {
		t.Fatal("an extended lease was ignored")
	}
	b.Clock.Advance(time.Minute)
	live := claim("live")
	if len(live) != 1 || live[0].Token <= dead.Token {
		t.Fatalf("claims after the lease ran out: %+v", live)
	}
	signed := []inventory.Signed{{Serial: Serial(1), Revision: 1, ThisUpdate: Epoch, NextUpdate: hours(96)}}
	for name, err := range map[string]error{
		"finish":  b.Finish(ctx, dead, signed, nil),
		"release": b.Release(ctx, dead),
		"extend":  func() error { _, err := b.Extend(ctx, dead, time.Hour); return err }(),
	} {
		wantError(t, name+" by a host that came back", err, inventory.ErrLeaseLost)
	}
	must(t, b.Finish(ctx, live[0], signed, nil))
	n, err := b.Counts(ctx, Issuer)
	must(t, err)
	if want := (inventory.Counts{Issued: 1, Shards: 1, AnsweredUntil: n.AnsweredUntil}); n != want ||
		!n.AnsweredUntil.Equal(hours(96)) {
		t.Errorf("counts are %+v, want %+v", n, want)
	}
}

func testReleaseHost(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 2)
	b.Issue(t, Issuer, year, 1, 2, 3, 4, 5, 6)
	claim := func(host string, n int) []inventory.Claim {
		claims, err := b.Claim(ctx, inventory.ClaimRequest{Host: host, Issuer: Issuer, Max: n, Cutoff: Epoch})
		must(t, err)
		return claims
	}
	dead, other := claim("a", 1), claim("b", 1)
	if len(dead) != 1 || len(other) != 1 {
		t.Fatalf("claims are %v and %v", dead, other)
	}
	must(t, b.ReleaseHost(ctx, "a"))
	wantRefused(t, "releasing the shards of nobody", b.ReleaseHost(ctx, ""))
	again := claim("a", 2)
	if len(again) != 1 || again[0].Shard != dead[0].Shard {
		t.Fatalf("claims after the release are %+v, want shard %d only", again, dead[0].Shard)
	}
	wantError(t, "finishing with a released claim", b.Finish(ctx, dead[0], nil, nil), inventory.ErrLeaseLost)
	must(t, b.Release(ctx, other[0]))
}

// testParallel takes numbers and serials from several goroutines on two
// connections: none may come twice.
func testParallel(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	second := b.Open(t)
	var mu sync.Mutex
	numbers, taken := map[string]int{}, 0
	var wg sync.WaitGroup
	for worker := range 4 {
		db := []*inventory.DB{b.DB, second}[worker%2]
		wg.Go(func() {
			for n := range 10 {
				number, err := db.NextCRLNumber(ctx, Issuer, "full")
				if err != nil {
					t.Error(err)
					return
				}
				err = db.Reserve(ctx, Issuer, Serial(n))
				if err != nil && !errors.Is(err, inventory.ErrSerialTaken) {
					t.Error(err)
					return
				}
				mu.Lock()
				numbers[number.String()]++
				if err == nil {
					taken++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(numbers) != 40 || taken != 10 {
		t.Errorf("%d different numbers of 40, %d serials of 10", len(numbers), taken)
	}
}
