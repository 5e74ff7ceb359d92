package inventorytest

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/inventory"
)

// listedEntries are those of a long list: by serial, every tenth on hold, some with an invalidity date.
func listedEntries(from, n int) []inventory.Record {
	var records []inventory.Record
	for i := from; i < from+n; i++ {
		r := RevokedAt(i, time.Time{}, hours(-i-1), 1)
		switch i % 10 {
		case 0:
			r.Revocation.Reason = 6
		case 1:
			r.Revocation.Reason, r.Revocation.InvalidityDate = inventory.NoReason, hours(-i-2)
		}
		r.Certificate = inventory.Certificate{Serial: r.Serial, Kind: artifact.SubscriberCertificate}
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b inventory.Record) int { return bytes.Compare(a.Serial, b.Serial) })
	return records
}

// takeList imports what a list says.
func (b *Bench) takeList(t *testing.T, name string, changes bool, kind artifact.Kind,
	records ...inventory.Record) *inventory.ImportResult {
	t.Helper()
	digest := artifact.Sum([]byte(name))
	list := &inventory.List{Kind: kind, Total: int64(len(records)), Changes: changes}
	list.Artifacts = []inventory.ArtifactRecord{{Issuer: Issuer, Kind: artifact.CRL, Name: "crl/" + name, Scope: "crl",
		Digest: digest}}
	res, err := b.Import(t.Context(),
		inventory.Import{Issuer: Issuer, Source: &acceptedList{&List{List: records}, digest}, List: list})
	must(t, err)
	return res
}

// An acceptedList has the digest of a revocation list.
type acceptedList struct {
	*List
	digest artifact.Digest
}

func (l *acceptedList) Info() inventory.SourceInfo {
	return inventory.SourceInfo{Name: "list", Format: inventory.AcceptedFormat + "crl/sub.crl", Digest: l.digest}
}

// readings is all that an inventory says.
func (b *Bench) readings(t *testing.T) map[string]any {
	t.Helper()
	ctx := t.Context()
	all := map[string]any{"export": collect(t, b.Export(ctx, Issuer))}
	for n := 0; n < 2600; n += 13 {
		all[fmt.Sprint("certificate ", n)], _ = b.Get(ctx, Issuer, Serial(n)) // some are not there
	}
	var serials [][]byte
	for n := range 2600 {
		serials = append(serials, Serial(n))
	}
	var err error
	all["missing"], err = b.Missing(ctx, Issuer, serials)
	must(t, err)
	all["standings"], err = b.Standings(ctx, Issuer, serials)
	must(t, err)
	all["counts"], err = b.Counts(ctx, Issuer)
	must(t, err)
	all["urgent shards"], err = b.UrgentShards(ctx, Issuer)
	must(t, err)
	for name, o := range map[string]inventory.RevokedOptions{
		"all": {}, "users": {Scope: inventory.UserCertificates}, "authorities": {Scope: inventory.CACertificates},
		"shard": {Sharded: true, Shard: 2},
		"since": {ChangedSince: Epoch.Add(5 * time.Minute)}, "unexpired": {ExpiredBefore: hours(9)},
	} {
		all["revoked "+name] = collect(t, b.Revoked(ctx, Issuer, o))
	}
	for name, cutoff := range map[string]time.Time{"now": b.Clock.T, "ever": inventory.Everything()} {
		all["due shards "+name], err = b.DueShards(ctx, Issuer, cutoff)
		must(t, err)
		for shard := range 4 {
			due := collect(t, b.Due(ctx, Issuer, shard, cutoff))
			for i := 1; i < len(due); i++ {
				if due[i].Urgent && !due[i-1].Urgent {
					t.Errorf("what is urgent comes behind what is not")
				}
			}
			slices.SortFunc(due, func(a, b inventory.Status) int { return bytes.Compare(a.Serial, b.Serial) })
			all[fmt.Sprint("due ", name, " ", shard)] = due
		}
	}
	return all
}

// testListed holds an inventory whose lists are in blocks against one that has a row for each of their entries, while
// the same is done to both.
func testListed(t *testing.T, b *Bench) {
	ctx := t.Context()
	rows := b.other(t)
	both := func(what string, do func(b *Bench)) {
		t.Helper()
		do(b)
		do(rows)
		b.Clock.Advance(time.Minute)
		got, want := b.readings(t), rows.readings(t)
		for name := range want {
			if !reflect.DeepEqual(got[name], want[name]) {
				t.Errorf("%s: %s is\n%.600v\nand with rows\n%.600v", what, name, got[name], want[name])
			}
		}
	}
	unpacked := func(b *Bench) {
		if b == rows { // another number of shards makes rows of the blocks
			must(t, b.SetShards(ctx, Issuer, 5))
			must(t, b.SetShards(ctx, Issuer, 4))
			if n := b.value(t, `SELECT count(*) FROM listed`); n != 0 {
				t.Fatalf("%d blocks", n)
			}
		}
	}
	both("the first list", func(b *Bench) {
		b.AddIssuer(t, Issuer, 4)
		b.Issue(t, Issuer, year, 7)
		b.record(t, 1)
		b.takeList(t, "first", false, artifact.SubscriberCertificate, listedEntries(0, 1500)...)
		b.record(t, 2)
		unpacked(b)
	})
	if blocks, n := b.value(t, `SELECT count(*) FROM listed`),
		b.value(t, `SELECT count(*) FROM certificates`); blocks < 4 || n > 1+4*31 {
		t.Fatalf("%d blocks, %d rows: the list is not in blocks", blocks, n)
	}
	both("the next list", func(b *Bench) {
		more := listedEntries(1500, 1000)
		if res := b.takeList(t, "second", true, artifact.CACertificate, more...); res.Added != 1000 {
			t.Errorf("the next list is %+v", res)
		}
		b.record(t, 3)
		unpacked(b)
	})
	both("a list that says little", func(b *Bench) {
		released := inventory.Record{State: inventory.Issued,
			Certificate: inventory.Certificate{Serial: Serial(20), Kind: artifact.SubscriberCertificate}}
		final := RevokedAt(30, time.Time{}, hours(-1), 1)
		changes := []inventory.Record{released, final}
		slices.SortFunc(changes, func(a, b inventory.Record) int { return bytes.Compare(a.Serial, b.Serial) })
		if res := b.takeList(t, "third", true, artifact.SubscriberCertificate, changes...); res.Released != 1 ||
			res.NewlyRevoked != 1 {
			t.Errorf("the third list is %+v", res)
		}
	})
	both("a whole list", func(b *Bench) {
		entries := slices.DeleteFunc(listedEntries(0, 1500), func(r inventory.Record) bool {
			return slices.ContainsFunc([]int{20, 30}, func(n int) bool { return bytes.Equal(r.Serial, Serial(n)) })
		})
		if res := b.takeList(t, "whole", false, artifact.SubscriberCertificate, entries...); res.Unchanged != 1498 {
			t.Errorf("the whole list is %+v", res)
		}
	})
	both("what this room says", func(b *Bench) {
		// a hold ends
		must(t, b.Revoke(ctx, Issuer, Serial(40), inventory.Revocation{Time: hours(-2), Reason: 8}, none))
		wantRefused(t, "revoking again", b.Revoke(ctx, Issuer, Serial(43), key, none))
		wantRefused(t, "reserving", b.Reserve(ctx, Issuer, Serial(44)))
		_, err := b.DeclareNeverIssued(ctx, inventory.Declaration{Issuer: Issuer, Serials: [][]byte{Serial(45)}})
		wantRefused(t, "declaring", err)
		must(t, b.SetConsent(ctx, Issuer, Serial(46), "c-1"))
	})
	both("the books of the CA", func(b *Bench) {
		var books []inventory.Record
		for n := 100; n < 400; n++ {
			books = append(books, Valid(n, year))
		}
		res, err := b.Import(ctx, inventory.Import{Issuer: Issuer, Source: &List{List: books, NoStatus: true}})
		must(t, err)
		if res.Kept != 300 || res.Completed != 300 {
			t.Errorf("the books are %+v", res)
		}
		b.record(t, 4)
	})
	both("a response by the CA", func(b *Bench) {
		must(t, b.MarkSigned(ctx, Issuer, []inventory.Signed{{Serial: Serial(1600), Revision: 1, ThisUpdate: b.Clock.T,
			NextUpdate: b.Clock.T.Add(time.Hour)}}))
	})
	both("the room's answers", func(b *Bench) {
		claims, err := b.Claim(ctx, inventory.ClaimRequest{Host: "a", Issuer: Issuer, Max: 4, Cutoff: b.Clock.T})
		must(t, err)
		if len(claims) != 4 {
			t.Fatalf("%d shards are claimed", len(claims))
		}
		for _, claim := range claims[:3] {
			var signed []inventory.Signed
			for _, s := range collect(t, b.Due(ctx, Issuer, claim.Shard, b.Clock.T)) {
				signed = append(signed,
					inventory.Signed{Serial: s.Serial, Revision: s.Revision, ThisUpdate: b.Clock.T,
						NextUpdate: b.Clock.T.Add(time.Hour)})
			}
			must(t, b.Finish(ctx, claim, signed, nil))
		}
		must(t, b.Release(ctx, claims[3]))
	})
	if n := b.value(t, `SELECT count(DISTINCT shard) FROM listed`); n != 1 {
		t.Errorf("%d shards have blocks, after answers for three of four", n)
	}
}

// testListedHealed: the master says of blocks what it says of rows, and a damaged one is not read past.
func testListedHealed(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 4)
	entries := listedEntries(0, 1500)
	b.takeList(t, "first", false, artifact.SubscriberCertificate, entries...)
	first := b.record(t, 1)
	heal := func() *inventory.Healed {
		t.Helper()
		healed, err := b.Heal(ctx,
			inventory.Healing{Origin: place, Records: newestFirst(first), Position: inventory.Position{Size: 1},
				List: func(context.Context, string, string, artifact.Digest) iter.Seq2[inventory.Record, error] {
					return (&List{List: entries}).Records(ctx)
				}})
		must(t, err)
		return healed
	}
	if healed := heal(); healed.Any() {
		t.Errorf("nothing was wrong, and healed were %+v", healed)
	}
	want := b.rows(t)
	b.edit(t, `DELETE FROM listed WHERE shard = 1`)
	lost := len(want) - len(b.rows(t))
	if healed := heal(); lost < 300 || len(healed.Certificates) != lost {
		t.Errorf("%d certificates were taken away, %d healed", lost, len(healed.Certificates))
	}
	if got := b.rows(t); !reflect.DeepEqual(got, want) {
		t.Errorf("rows are\n%.600v, want\n%.600v", got, want)
	}
	// A row that somebody puts beside the block counts, and is seen; what it says is set back.
	b.edit(t,
		`INSERT INTO certificates SELECT key_id, $1, id, 1, '', 0, 1, 0, 0, '', '', NULL, -1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1 FROM issuers`, b.packedSerial(t))
	if n := len(collect(t, b.Revoked(ctx, Issuer, inventory.RevokedOptions{}))); n != 1499 {
		t.Errorf("%d revocations, want all but the one that was edited", n)
	}
	if healed := heal(); len(healed.Certificates) != 1 || healed.Certificates[0].Was != "issued" {
		t.Errorf("healed %+v", healed)
	}
	if n := len(collect(t, b.Revoked(ctx, Issuer, inventory.RevokedOptions{}))); n != 1500 {
		t.Errorf("%d revocations after healing, want 1500", n)
	}
	for name, edit := range map[string]string{
		"count":   `UPDATE listed SET n = n + 1 WHERE shard = 2`,
		"highest": `UPDATE listed SET n = n - 1, highest = lowest WHERE shard = 2`,
		"content": `UPDATE listed SET n = 350, highest = lowest, entries = $1 WHERE shard = 2`,
	} {
		var args []any
		if strings.Contains(edit, "$1") {
			args = append(args, []byte{16, 1, 2, 3})
		}
		b.edit(t, edit, args...)
		var err error
		for _, bad := range b.Revoked(ctx, Issuer, inventory.RevokedOptions{}) {
			if err = bad; err != nil {
				break
			}
		}
		if err == nil || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("%s edited: read with %v", name, err)
		}
	}
}

// packedSerial is a serial that is in a block.
func (b *Bench) packedSerial(t *testing.T) []byte {
	t.Helper()
	var serial []byte
	b.query(t, `SELECT lowest FROM listed WHERE shard = 3 ORDER BY lowest LIMIT 1`, &serial)
	return serial
}

// value reads a number out of the database itself.
func (b *Bench) value(t *testing.T, query string) (n int) {
	t.Helper()
	b.query(t, query, &n)
	return n
}
