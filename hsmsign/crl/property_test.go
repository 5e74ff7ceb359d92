package crl_test

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
	"seihon/artifact"
	"seihon/hsmsign/crl"
	"seihon/hsmsign/internal/testca"
)

// drawTime draws a time that a CRL can carry, with a fraction that it cannot.
func drawTime(from, to time.Time) *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(from.Unix(), to.Unix()).Draw(t, "seconds"),
			rapid.Int64Range(0, 1e9-1).Draw(t, "nanoseconds"))
	})
}

// drawSerial draws the content of a positive INTEGER of at most 20 octets.
func drawSerial() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		n := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "serial"))
		if n.Sign() == 0 || n.BitLen() > 159 {
			n.SetInt64(1)
		}
		return append(make([]byte, n.BitLen()/8+1-len(n.Bytes())), n.Bytes()...)
	})
}

func drawEntry(delta bool) *rapid.Generator[crl.Entry] {
	reasons := []int{-1, 0, 1, 2, 3, 4, 5, 6, 9, 10}
	if delta {
		reasons = append(reasons, crl.RemoveFromCRL)
	}
	years := drawTime(time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC), crl.Final)
	return rapid.Custom(func(t *rapid.T) crl.Entry {
		e := crl.Entry{Serial: drawSerial().Draw(t, "serial"), Time: years.Draw(t, "time"),
			Reason: rapid.SampledFrom(reasons).Draw(t, "reason")}
		if rapid.Bool().Draw(t, "hasInvalidityDate") {
			e.InvalidityDate = years.Draw(t, "invalidityDate")
		}
		return e
	})
}

func drawTemplate(t *rapid.T) crl.Template {
	this := drawTime(testca.NotBefore, testca.NotAfter.Add(-time.Hour)).Draw(t, "thisUpdate")
	x := crl.Template{
		Number:     new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 19).Draw(t, "number")),
		ThisUpdate: this,
		NextUpdate: drawTime(this.Add(2*time.Second), crl.Final).Draw(t, "nextUpdate"),
	}
	uris := rapid.SliceOfN(rapid.StringMatching(`http://[a-z]{1,9}\.example/[a-zA-Z0-9._~%&=?-]{0,90}`).Filter(func(s string) bool { return !strings.Contains(s, "%") }), 0, 3)
	if rapid.Bool().Draw(t, "scoped") {
		x.Scope = &crl.Scope{URIs: uris.Draw(t, "URIs"), NotCritical: rapid.Bool().Draw(t, "notCritical")}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 1:
			x.Scope.OnlyUserCerts = true
		case 2:
			x.Scope.OnlyCACerts = true
		default:
			x.Scope.URIs = append(x.Scope.URIs, "http://example/")
		}
	}
	if rapid.Bool().Draw(t, "delta") && x.Number.Sign() > 0 {
		x.BaseNumber = new(big.Int).Rsh(x.Number, 1)
		x.NextUpdate = this.Add(time.Hour)
	} else {
		x.FreshestCRL = uris.Draw(t, "freshest")
	}
	if rapid.Bool().Draw(t, "expiredCerts") {
		x.ExpiredCertsOnCRL = drawTime(testca.NotBefore, this).Draw(t, "expiredCertsOnCRL")
	}
	if rapid.Bool().Draw(t, "nextPublish") {
		x.NextPublish = x.NextUpdate
	}
	return x
}

// TestProperty makes random CRLs and compares what crypto/x509 and the publisher's own parser read with what was to
// be written, and the bytes with encoding/asn1's after a round trip.
func TestProperty(t *testing.T) {
	t.Parallel()
	key := testca.Key("p256", "ca")
	ca := testca.CA(t, key, nil)
	rapid.Check(t, func(rt *rapid.T) {
		x := drawTemplate(rt)
		x.Issuer = ca
		entries := rapid.SliceOfNDistinct(drawEntry(x.BaseNumber != nil), 0, 20,
			func(e crl.Entry) string { return string(e.Serial) }).Draw(rt, "entries")
		var out bytes.Buffer
		if _, err := crl.Encode(t.Context(), &out, x, list(entries...), key, crl.Options{}); err != nil {
			rt.Fatal(err)
		}
		got := parse(t, out.Bytes(), ca)
		if got.Number.Cmp(x.Number) != 0 || !got.ThisUpdate.Equal(x.ThisUpdate.Truncate(time.Second)) ||
			!got.NextUpdate.Equal(x.NextUpdate.Truncate(time.Second)) {
			rt.Errorf("number %d, from %v to %v", got.Number, got.ThisUpdate, got.NextUpdate)
		}
		if len(got.RevokedCertificateEntries) != len(entries) {
			rt.Fatalf("%d entries, want %d", len(got.RevokedCertificateEntries), len(entries))
		}
		for i, e := range got.RevokedCertificateEntries {
			if e.SerialNumber.Cmp(new(big.Int).SetBytes(entries[i].Serial)) != 0 ||
				!e.RevocationTime.Equal(entries[i].Time.Truncate(time.Second)) ||
				e.ReasonCode != max(entries[i].Reason, 0) {
				rt.Errorf("entry %v, want %v", e, entries[i])
			}
		}
		checkArtifact(rt, out.Bytes(), x, entries)
		checkRoundTrip(rt, out.Bytes())
	})
}

// checkArtifact reads der with the parser of the publishing host.
func checkArtifact(t *rapid.T, der []byte, x crl.Template, entries []crl.Entry) {
	got, err := artifact.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.CheckSignatureFrom(x.Issuer); err != nil {
		t.Error(err)
	}
	if fmt.Sprint(got.Number) != fmt.Sprint(x.Number) || fmt.Sprint(got.BaseNumber) != fmt.Sprint(x.BaseNumber) ||
		got.DeltaCritical != (x.BaseNumber != nil) {
		t.Errorf("number %v, base %v, critical %t", got.Number, got.BaseNumber, got.DeltaCritical)
	}
	if !slices.Equal(got.FreshestCRL, x.FreshestCRL) || !bytes.Equal(got.AuthorityKeyID, x.Issuer.SubjectKeyId) ||
		len(got.UnhandledCritical) > 0 ||
		!got.ExpiredCertsOnCRL.Equal(x.ExpiredCertsOnCRL.Truncate(time.Second)) {
		t.Errorf("freshest %v, authority key %x, expired since %v, unhandled %v", got.FreshestCRL, got.AuthorityKeyID,
			got.ExpiredCertsOnCRL, got.UnhandledCritical)
	}
	switch {
	case (got.IDP == nil) != (x.Scope == nil):
		t.Errorf("issuing distribution point %v, want %v", got.IDP, x.Scope)
	case got.IDP != nil && (!slices.Equal(got.IDP.URIs, x.Scope.URIs) || got.IDP.OnlyUser != x.Scope.OnlyUserCerts ||
		got.IDP.OnlyCA != x.Scope.OnlyCACerts || got.IDP.Critical == x.Scope.NotCritical):
		t.Errorf("issuing distribution point %v, want %v", got.IDP, x.Scope)
	}
	i := 0
	for e, err := range got.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		want := entries[i]
		if want.Reason == crl.Unspecified {
			want.Reason = crl.Absent
		}
		if !bytes.Equal(e.Serial, want.Serial) || !e.Time.Equal(want.Time.Truncate(time.Second)) ||
			e.Reason != want.Reason ||
			e.InvalidityDate.Unix() != want.InvalidityDate.Unix() {
			t.Errorf("entry %v, want %v", e, want)
		}
		i++
	}
	if i != len(entries) {
		t.Errorf("%d entries, want %d", i, len(entries))
	}
}

// checkRoundTrip checks that der is DER all the way down: read into the structures of RFC 5280 and written
// again, it is the same.
func checkRoundTrip(t *rapid.T, der []byte) {
	type extension struct {
		ID       asn1.ObjectIdentifier
		Critical bool `asn1:"optional"`
		Value    []byte
	}
	type entry struct {
		Serial     *big.Int
		Time       time.Time
		Extensions []extension `asn1:"optional"`
	}
	var list struct {
		TBS struct {
			Version    int
			Algorithm  asn1.RawValue
			Issuer     asn1.RawValue
			ThisUpdate time.Time
			NextUpdate time.Time
			Revoked    []entry     `asn1:"optional"`
			Extensions []extension `asn1:"explicit,tag:0"`
		}
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if rest, err := asn1.Unmarshal(der, &list); err != nil || len(rest) > 0 {
		t.Fatalf("%v, %d octets left", err, len(rest))
	}
	again, err := asn1.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, der) {
		t.Errorf("not DER:\n    %x\nis %x", der, again)
	}
}
