// Package inventorytest is the conformance suite that the inventory must pass
// on each of its databases.
package inventorytest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/inventory"
)

// Epoch is when the suite's clock starts.
var Epoch = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// Clock is a clock that only the test moves.
type Clock struct {
	T    time.Time
	Step time.Duration // by which each look moves it
}

// Now returns the time of the clock.
func (c *Clock) Now() time.Time {
	c.T = c.T.Add(c.Step)
	return c.T
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) { c.T = c.T.Add(d) }

// Run runs the suite. NewDSN returns an empty database on each call.
func Run(t *testing.T, newDSN func(t *testing.T) string) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *Bench)
	}{
		{"serials", testSerials},
		{"record", testRecord},
		{"issuance", testIssuance},
		{"issuance dropped", testIssuanceDropped},
		{"issuance healed", testIssuanceHealed},
		{"journal", testJournal},
		{"heal lost", testHealLost},
		{"whole", testWhole},
		{"heal older", testHealOlder},
		{"heal edited", testHealEdited},
		{"heal refuses", testHealRefuses},
		{"adopt", testAdopt},
		{"shared key", testSharedKey},
		{"revoke", testRevoke},
		{"revoke changed", testRevokeChanged},
		{"hold", testHold},
		{"revoked", testRevoked},
		{"due", testDue},
		{"due expiry", testDueExpiry},
		{"revoked while signing", testRevokedWhileSigning},
		{"shards", testShards},
		{"crl numbers", testCRLNumbers},
		{"parallel", testParallel},
		{"history", testHistory},
		{"claim", testClaim},
		{"lease lost", testLeaseLost},
		{"release host", testReleaseHost},
		{"reopen", testReopen},
		{"import", testImport},
		{"import slow", testImportSlow},
		{"import list", testImportList},
		{"listed", testListed},
		{"listed healed", testListedHealed},
		{"import refusals", testImportRefusals},
		{"import override", testImportOverride},
		{"import beside local changes", testImportLocal},
		{"import crl scope", testImportRevokedScope},
		{"never issued", testNeverIssued},
		{"never issued import", testNeverIssuedImport},
		{"never issued limit", testNeverIssuedLimit},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := &Bench{Clock: &Clock{T: Epoch}, NewDSN: newDSN, DSN: newDSN(t)}
			b.DB = b.Open(t)
			test.run(t, b)
		})
	}
}

// Bench is one open inventory under test.
type Bench struct {
	*inventory.DB
	Clock  *Clock
	NewDSN func(t *testing.T) string // of another, empty database
	DSN    string
}

// Open opens the inventory of the bench once more.
func (b *Bench) Open(t *testing.T) *inventory.DB {
	t.Helper()
	db, err := inventory.Open(t.Context(),
		inventory.Config{DSN: b.DSN, Now: b.Clock.Now,
			OverrideKeys: []ed25519.PublicKey{OverrideKey.Public().(ed25519.PublicKey)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// OverrideKey signs the overrides of the suite.
var OverrideKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

// Issuer is the issuer of most tests.
const Issuer = "sub"

// AddIssuer adds an issuer whose key digest is made of its name.
func (b *Bench) AddIssuer(t *testing.T, name string, shards int) {
	t.Helper()
	must(t, b.DB.AddIssuer(t.Context(), inventory.Issuer{Name: name, Key: artifact.Sum([]byte(name)), Shards: shards}))
}

// Serial returns the n-th serial of a test: 16 octets, like random ones.
func Serial(n int) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	sum[0] = sum[0]&0x3f | 0x40
	return sum[:16]
}

// Issue puts a certificate into the inventory, without DER, through an import.
func (b *Bench) Issue(t *testing.T, issuer string, notAfter time.Time, ns ...int) {
	t.Helper()
	var records []inventory.Record
	for _, n := range ns {
		records = append(records, Valid(n, notAfter))
	}
	b.importAll(t, issuer, inventory.Partial, records...)
}

func (b *Bench) importAll(t *testing.T, issuer string, scope inventory.Completeness,
	records ...inventory.Record) *inventory.ImportResult {
	t.Helper()
	res, err := b.Import(t.Context(), inventory.Import{Issuer: issuer, Source: &List{Scope: scope, List: records}})
	must(t, err)
	return res
}

// Valid is an import record of a certificate in good standing.
func Valid(n int, notAfter time.Time) inventory.Record {
	return inventory.Record{State: inventory.Issued, Certificate: inventory.Certificate{
		Serial: Serial(n), NotAfter: notAfter, Kind: artifact.SubscriberCertificate, Subject: "CN=subscriber",
	}}
}

// RevokedAt is an import record of a revoked certificate.
func RevokedAt(n int, notAfter, at time.Time, reason int) inventory.Record {
	r := Valid(n, notAfter)
	r.State, r.Revocation = inventory.Revoked, inventory.Revocation{Time: at, Reason: reason}
	return r
}

// List is an import source of records in memory. Its digest depends on them.
type List struct {
	Scope    inventory.Completeness
	NoStatus bool
	AsOf     time.Time
	List     []inventory.Record
}

// Records yields the list.
func (l *List) Records(context.Context) iter.Seq2[inventory.Record, error] {
	return func(yield func(inventory.Record, error) bool) {
		for _, r := range l.List {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Info describes the list.
func (l *List) Info() inventory.SourceInfo {
	var b []byte
	for _, r := range l.List {
		b = append(b, r.Serial...)
		b = append(b, byte(r.State), byte(r.Revocation.Reason))
		b = binary.BigEndian.AppendUint64(b, uint64(r.Revocation.Time.Unix()))
		b = binary.BigEndian.AppendUint64(b, uint64(r.NotAfter.Unix()))
	}
	return inventory.SourceInfo{Name: "list", Format: "list", Scope: l.Scope, NoStatus: l.NoStatus, AsOf: l.AsOf,
		Digest: artifact.Sum(b)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// collect drains a sequence.
func collect[T any](t *testing.T, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for v, err := range seq {
		must(t, err)
		all = append(all, v)
	}
	return all
}
