package evidence

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
)

// A scoped list is one with what says which certificates it is about.
type scoped struct {
	name    string
	kind    artifact.Kind
	number  int64
	base    int64         // of a delta
	only    asn1.RawValue // of the issuing distribution point
	entries map[int64]int // serial: reason
	at      time.Time     // of the revocations
}

func onlyCA() asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, Bytes: []byte{0xff}}
}

func uri(s string) asn1.RawValue {
	name := must(asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(s)}))
	full := must(asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: name}))
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: full}
}

func (w *world) scoped(s scoped) ledger.Line {
	l := &x509.RevocationList{Number: big.NewInt(s.number), ThisUpdate: w.now, NextUpdate: w.now.Add(3 * day)}
	if s.only.Class != 0 {
		l.ExtraExtensions = append(l.ExtraExtensions,
			pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true,
				Value: must(asn1.Marshal([]asn1.RawValue{s.only}))})
	}
	if s.base > 0 {
		l.ExtraExtensions = append(l.ExtraExtensions,
			pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: must(asn1.Marshal(s.base))})
	}
	for serial, reason := range s.entries {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: big.NewInt(serial), RevocationTime: s.at, ReasonCode: reason})
	}
	der := must(x509.CreateRevocationList(rand.Reader, l, w.sub, w.subKey))
	return w.put(ledger.Line{Name: s.name, Kind: s.kind, Issuer: "sub", Number: big.NewInt(s.number).String(),
		NotBefore: w.now, NotAfter: l.NextUpdate}, der)
}

// answer asks about a serial and proves the file that comes.
func (w *world) answer(t *testing.T, serial int64, at time.Time) (Answer, *Report) {
	t.Helper()
	e, err := Make(t.Context(), w.w.Log(),
		Question{Issuer: "sub", Serial: must(ParseSerial(fmt.Sprintf("%x", serial))), Time: at}, w.config())
	if err != nil {
		t.Fatal(err)
	}
	r, err := Check(e.Bytes(), w.pins())
	if err != nil {
		t.Fatal(err)
	}
	return e.Answer, r
}

// TestScopes asks where a list is not the only one: shards, lists of CA
// certificates, deltas, and a list that is too large for the file.
func TestScopes(t *testing.T) {
	w := newWorld(t)
	w.batch(w.certificate("root", w.root, artifact.CACertificate), w.certificate("sub", w.sub, artifact.CACertificate))
	const shards = 4
	at := func(shard int) int64 { // a serial of a shard
		for s := int64(0x100); ; s++ {
			if ocspcache.ShardOf(must(ParseSerial(fmt.Sprintf("%x", s))), shards) == shard {
				return s
			}
		}
	}
	// Day 1: shards. Day 2: one of them alone, with a revocation.
	shard := func(n int, number int64, entries map[int64]int) ledger.Line {
		return w.scoped(scoped{name: fmt.Sprintf("crl/sub/%d.crl", n), kind: artifact.CRL, number: number,
			only: uri(fmt.Sprintf("http://x/crl/sub/%d.crl", n)), entries: entries, at: on(1, 20)})
	}
	w.now = on(1, 6)
	var lines []ledger.Line
	for n := range shards {
		lines = append(lines, shard(n, 1, nil))
	}
	w.batch(lines...)
	w.now = on(2, 6)
	w.batch(shard(2, 2, map[int64]int{at(2): 1}))
	w.commit(true)
	for n := range shards {
		a, r := w.answer(t, at(n), on(2, 12))
		want := NotListed
		if n == 2 {
			want = Revoked
		}
		name := fmt.Sprintf("crl/sub/%d.crl", n)
		if a.Then.Status != want || len(r.Missing) > 0 || a.Sources[0].Name != name {
			t.Errorf("shard %d: %+v of %s", n, a.Then, a.Sources[0].Name)
		}
	}
	if a, _ := w.answer(t, at(2), on(1, 12)); a.Then.Status != NotListed || a.Today.Later == nil ||
		a.Today.Later.Reason != "keyCompromise" {
		t.Errorf("before the revocation: %+v", a)
	}
	deltas(t, w)
	largeList(t, w)
}

// deltas: day 20 a whole list and a list of CA certificates; then deltas that add a hold, release it, and revoke.
func deltas(t *testing.T, w *world) {
	w.now = on(20, 6)
	w.batch(w.scoped(scoped{name: "crl/sub.crl", kind: artifact.CRL, number: 10, entries: map[int64]int{0x51: 6},
		at: on(19, 0)}),
		w.scoped(scoped{name: "crl/sub-arl.crl", kind: artifact.ARL, number: 10, only: onlyCA(),
			entries: map[int64]int{0x61: 4}, at: on(18, 0)}))
	w.now = on(20, 9)
	w.batch(w.scoped(scoped{name: "crl/sub-delta.crl", kind: artifact.DeltaCRL, number: 11, base: 10,
		entries: map[int64]int{0x51: 8, 0x52: 3}, at: on(20, 8)}))
	w.commit(true)
	for _, test := range []struct {
		serial int64
		hour   int
		want   Status
	}{{0x51, 7, OnHold}, {0x51, 10, Good}, {0x52, 7, NotListed}, {0x52, 10, Revoked}, {0x61, 7, Revoked},
		{0x53, 10, NotListed}} {
		a, _ := w.answer(t, test.serial, on(20, test.hour))
		if a.Then.Status != test.want {
			t.Errorf("serial %x at %d: %s, want %s", test.serial, test.hour, a.Then.Status, test.want)
		}
	}
}

// largeList: a list of a million octets is named, not included, and the report says so.
func largeList(t *testing.T, w *world) {
	w.now = on(60, 6)
	entries := map[int64]int{}
	for i := range int64(30_000) {
		entries[0x100000+i] = 4
	}
	w.batch(w.scoped(scoped{name: "crl/sub.crl", kind: artifact.CRL, number: 20, entries: entries, at: on(59, 0)}))
	w.commit(true)
	a, r := w.answer(t, 0x100007, on(60, 12))
	if a.Then.Status != Revoked || len(r.Missing) != 1 || a.Sources[0].Included {
		t.Errorf("%+v, missing %d", a.Then, len(r.Missing))
	}
	text := ""
	for _, s := range a.Sentences() {
		text += s.English + s.Japanese
	}
	if !strings.Contains(text, "NOT IN THIS FILE") || !strings.Contains(text, "正本では blobs/") {
		t.Errorf("the text does not say that the list is not in it: %s", text)
	}
}
