package memory

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"iter"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/crl"
	"seihon/override"
)

var may = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

func testIssuer(t testing.TB) *x509.Certificate {
	t.Helper()
	key := testKey("ca")
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"},
		NotBefore: may.AddDate(-1, 0, 0), NotAfter: may.AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign | x509.KeyUsageCertSign,
		SubjectKeyId: []byte{1, 2, 3}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	c, err := x509.ParseCertificate(der)
	must(t, err)
	return c
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func testKey(label string) *ecdsa.PrivateKey {
	seed := sha256.Sum256([]byte(label))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	if err != nil {
		panic(err)
	}
	return key
}

func entriesOf(all ...crl.Entry) iter.Seq2[crl.Entry, error] {
	return func(yield func(crl.Entry, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// listOf makes and reads a list of May.
func listOf(t testing.TB, base *big.Int, entries iter.Seq2[crl.Entry, error]) *artifact.RevocationList {
	t.Helper()
	var der bytes.Buffer
	template := crl.Template{Issuer: testIssuer(t), Number: big.NewInt(7), ThisUpdate: may,
		NextUpdate: may.AddDate(0, 0, 3), BaseNumber: base}
	_, err := crl.Encode(t.Context(), &der, template, entries, testKey("ca"), crl.Options{SpoolDir: t.TempDir()})
	must(t, err)
	l, err := artifact.ParseRevocationList(der.Bytes())
	must(t, err)
	return l
}

func on(serial byte, reason int) crl.Entry {
	return crl.Entry{Serial: []byte{serial}, Time: may.AddDate(0, -1, 0), Reason: reason}
}

func TestListFollowsItsPredecessor(t *testing.T) {
	later := on(3, 1)
	later.Time = later.Time.Add(time.Second)
	earlier := on(3, 1)
	earlier.Time = earlier.Time.Add(-time.Second)
	suspect := on(3, 1)
	suspect.InvalidityDate = may.AddDate(0, -2, 0)
	for _, c := range []struct {
		name     string
		was, now []crl.Entry
		delta    bool
		notAfter time.Time
		permit   bool
		faults   int
		expired  int
		changes  int
	}{
		{name: "the same", was: []crl.Entry{on(3, 1), on(5, 4)}, now: []crl.Entry{on(3, 1), on(5, 4)}},
		{name: "unspecified is no reason", was: []crl.Entry{on(3, 0)}, now: []crl.Entry{on(3, crl.Absent)}},
		{name: "one more before, between, behind", was: []crl.Entry{on(3, 1), on(5, 4)},
			now: []crl.Entry{on(2, 1), on(3, 1), on(4, 1), on(5, 4), on(9, 1)}, changes: 3},
		{name: "the first vanishes", was: []crl.Entry{on(3, 1), on(5, 4)}, now: []crl.Entry{on(5, 4)}, faults: 1},
		{name: "the last vanishes", was: []crl.Entry{on(3, 1), on(5, 4)}, now: []crl.Entry{on(3, 1)}, faults: 1},
		{name: "all vanish", was: []crl.Entry{on(3, 1), on(5, 4)}, faults: 2},
		{name: "vanishes while another comes", was: []crl.Entry{on(3, 1)}, now: []crl.Entry{on(4, 1)}, faults: 1,
			changes: 1},
		{name: "a later date", was: []crl.Entry{on(3, 1)}, now: []crl.Entry{later}, faults: 1},
		{name: "an earlier date", was: []crl.Entry{on(3, 1)}, now: []crl.Entry{earlier}, faults: 1},
		{name: "another reason", was: []crl.Entry{on(3, 1)}, now: []crl.Entry{on(3, 4)}, faults: 1},
		{name: "an invalidity date comes", was: []crl.Entry{on(3, 1)}, now: []crl.Entry{suspect}, faults: 1},
		{name: "an invalidity date goes", was: []crl.Entry{suspect}, now: []crl.Entry{on(3, 1)}, faults: 1},
		{name: "final becomes a hold", was: []crl.Entry{on(3, 1)}, now: []crl.Entry{on(3, 6)}, faults: 1},
		{name: "a hold becomes final", was: []crl.Entry{on(3, 6)}, now: []crl.Entry{later}, changes: 1},
		{name: "a hold becomes final before it began", was: []crl.Entry{on(3, 6)}, now: []crl.Entry{earlier},
			faults: 1},
		{name: "a hold is put off", was: []crl.Entry{on(3, 6)},
			now: []crl.Entry{{Serial: []byte{3}, Time: may, Reason: 6}}, faults: 1},
		{name: "a release", was: []crl.Entry{on(3, 6), on(5, 1)}, now: []crl.Entry{on(5, 1)}, changes: 1},
		{name: "expired long before", was: []crl.Entry{on(3, 1)}, notAfter: may.AddDate(0, 0, -1), expired: 1},
		{name: "expired at the list's own time", was: []crl.Entry{on(3, 1)}, notAfter: may, faults: 1},
		{name: "not expired", was: []crl.Entry{on(3, 1)}, notAfter: may.AddDate(0, 0, 1), faults: 1},
		{name: "an override", was: []crl.Entry{on(3, 1)}, now: []crl.Entry{on(3, 4)}, permit: true},
		{name: "an override takes it back", was: []crl.Entry{on(3, 1)}, permit: true},
		{name: "a delta goes on", delta: true, was: []crl.Entry{on(3, 6)}, now: []crl.Entry{on(3, 8)}},
		{name: "a delta forgets a hold", delta: true, was: []crl.Entry{on(3, 6)}, faults: 1},
		{name: "a delta forgets a removal", delta: true, was: []crl.Entry{on(3, 8)}, faults: 1},
		{name: "a removal is revoked again", delta: true, was: []crl.Entry{on(3, 8)}, now: []crl.Entry{on(3, 1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var base *big.Int
			if c.delta {
				base = big.NewInt(6)
			}
			p := &List{Old: listOf(t, base, entriesOf(c.was...)), Delta: c.delta, Partial: c.delta,
				NotAfter:  func([]byte) (time.Time, error) { return c.notAfter, nil },
				Permitted: func([]byte, override.Status, override.Status) (bool, error) { return c.permit, nil },
				Vouched:   func([]Fault) ([]Fault, error) { return nil, nil }}
			var seen int
			var last error
			for _, err := range p.Watch(entriesOf(c.now...)) {
				if err != nil {
					last = err
					break
				}
				seen++
			}
			if len(p.Faults) != c.faults || len(p.Expired) != c.expired || len(p.Changes) != c.changes {
				t.Errorf("faults %v, expired %v, changes %v", p.Faults, p.Expired, p.Changes)
			}
			if seen != len(c.now) || errors.Is(last, ErrFaults) != (c.faults > 0) || last != nil && c.faults == 0 {
				t.Errorf("%d entries went on, the end is %v", seen, last)
			}
		})
	}
}

// TestSomebodyStandsBehindIt: a lawful change that nobody vouches for is a fault.
func TestSomebodyStandsBehindIt(t *testing.T) {
	p := &List{Old: listOf(t, nil, entriesOf(on(3, 6))), Vouched: func(c []Fault) ([]Fault, error) { return c, nil }}
	for _, err := range p.Watch(entriesOf()) {
		if !errors.Is(err, ErrFaults) || len(p.Faults) != 1 {
			t.Errorf("%v, %v", err, p.Faults)
		}
		return
	}
	t.Error("the release went through")
}

// TestForeignOrder: a list that another system wrote need not be sorted.
func TestForeignOrder(t *testing.T) {
	key, issuer := testKey("ca"), testIssuer(t)
	var revoked []x509.RevocationListEntry
	for _, n := range []int64{90, 3, 127, 17} {
		revoked = append(revoked,
			x509.RevocationListEntry{SerialNumber: big.NewInt(n), RevocationTime: may.AddDate(0, -1, 0), ReasonCode: 1})
	}
	der, err := x509.CreateRevocationList(rand.Reader,
		&x509.RevocationList{Number: big.NewInt(1), ThisUpdate: may, NextUpdate: may.AddDate(0, 0, 1),
			RevokedCertificateEntries: revoked}, issuer, key)
	must(t, err)
	list, err := artifact.ParseRevocationList(der)
	must(t, err)
	p := &List{Old: list}
	for _, err := range p.Watch(entriesOf(on(3, 1), on(17, 1), on(90, 1), on(127, 1))) {
		must(t, err)
	}
	if len(p.Faults)+len(p.Changes) > 0 {
		t.Errorf("%v %v", p.Faults, p.Changes)
	}
}

func TestNarrowerScope(t *testing.T) {
	whole, ca := (*artifact.DistributionPoint)(nil), &artifact.DistributionPoint{OnlyCA: true}
	for _, c := range []struct {
		was  *artifact.DistributionPoint
		now  *crl.Scope
		want string
	}{
		{whole, nil, ""}, {whole, &crl.Scope{URIs: []string{"http://x/1.crl"}}, ""},
		{ca, &crl.Scope{OnlyCACerts: true}, ""}, {ca, nil, ""},
		{whole, &crl.Scope{OnlyCACerts: true}, "only CA"}, {whole, &crl.Scope{OnlyUserCerts: true}, "only subscriber"},
	} {
		if got := Narrower(c.was, c.now); !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%+v to %+v: %q", c.was, c.now, got)
		}
	}
}

// manyEntries are the lines of a list of n certificates.
func manyEntries(n int) iter.Seq2[crl.Entry, error] {
	return func(yield func(crl.Entry, error) bool) {
		serial := make([]byte, 16)
		for i := range n {
			serial[0], serial[1], serial[2], serial[3], serial[15] = 0x40, byte(i>>16), byte(i>>8), byte(i), 1
			if !yield(crl.Entry{Serial: serial, Time: may.AddDate(0, -1, 0), Reason: 1}, nil) {
				return
			}
		}
	}
}

// TestMillionEntries: the check of a list of a million entries against its
// List keeps no entry. What it costs in time is measured by bench/sign.
func TestMillionEntries(t *testing.T) {
	p := &List{Old: listOf(t, nil, manyEntries(1_000_000))}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := 0
	for _, err := range p.Watch(manyEntries(1_000_000)) {
		must(t, err)
		if n++; n == 999_999 {
			runtime.GC()
			runtime.ReadMemStats(&after)
		}
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 || len(p.Faults) > 0 {
		t.Errorf("the check holds %d bytes at its end, %d faults", grown, len(p.Faults))
	}
}

func BenchmarkMake(b *testing.B) {
	for b.Loop() {
		listOf(b, nil, manyEntries(1_000_000))
	}
}

func BenchmarkMakeWatched(b *testing.B) {
	old := listOf(b, nil, manyEntries(1_000_000))
	b.ResetTimer()
	for b.Loop() {
		p := &List{Old: old}
		listOf(b, nil, p.Watch(manyEntries(1_000_000)))
	}
}
