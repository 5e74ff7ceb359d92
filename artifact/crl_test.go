package artifact

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// TestParseRevocationListAgainstStandardLibrary compares every field with crypto/x509, the oracle.
func TestParseRevocationListAgainstStandardLibrary(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	for name, der := range map[string][]byte{"crl": p.crl, "arl": p.arl, "delta": p.delta} {
		got, err := ParseRevocationList(der)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := must(x509.ParseRevocationList(der))
		if !bytes.Equal(got.RawIssuer, want.RawIssuer) || !bytes.Equal(got.RawTBS, want.RawTBSRevocationList) ||
			!bytes.Equal(got.Signature, want.Signature) || got.SignatureAlgorithm != want.SignatureAlgorithm ||
			!got.ThisUpdate.Equal(want.ThisUpdate) || !got.NextUpdate.Equal(want.NextUpdate) ||
			got.Number.Cmp(want.Number) != 0 ||
			!bytes.Equal(got.AuthorityKeyID, want.AuthorityKeyId) {
			t.Errorf("%s: parsed %+v, the standard library %+v", name, got, want)
		}
		i := 0
		for e, err := range got.Entries() {
			if err != nil {
				t.Fatal(err)
			}
			w := want.RevokedCertificateEntries[i]
			reason := max(e.Reason, 0)
			if new(big.Int).SetBytes(e.Serial).Cmp(w.SerialNumber) != 0 || !e.Time.Equal(w.RevocationTime) ||
				reason != w.ReasonCode {
				t.Errorf("%s: entry %d is %+v, want %+v", name, i, e, w)
			}
			i++
		}
		if i != len(want.RevokedCertificateEntries) {
			t.Errorf("%s: %d entries, want %d", name, i, len(want.RevokedCertificateEntries))
		}
	}
}

// TestCommonEntry compares the short way with the general parser on entries of every form and every damage of one byte.
func TestCommonEntry(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	short := 0
	for _, serial := range []int64{1, 0x7f, 0x80, 1 << 40} {
		for reason := 0; reason <= 10; reason++ {
			if reason == 7 {
				continue
			}
			der := makeCRL(p.sub,
				1,
				[]x509.RevocationListEntry{{SerialNumber: big.NewInt(serial), RevocationTime: testNow,
					ReasonCode: reason}})
			entry := []byte(must(ParseRevocationList(der)).rawEntries)
			for i := -1; i < len(entry); i++ {
				for _, flip := range []byte{0x01, 0x80, 0xff} {
					b := bytes.Clone(entry)
					if i >= 0 {
						b[i] ^= flip
					}
					var e RevokedEntry
					n := commonEntry(b, &e)
					if n == 0 {
						continue
					}
					short++
					rest := cryptobyte.String(b)
					want := generalEntry(t, &rest)
					if n != len(b)-len(rest) || !bytes.Equal(e.Serial, want.Serial) || !e.Time.Equal(want.Time) ||
						e.Reason != want.Reason {
						t.Errorf("%x: %+v, want %+v", b, e, want)
					}
				}
			}
		}
	}
	if short < 100 {
		t.Errorf("the short way was taken %d times", short)
	}
}

// generalEntry reads an entry without the short way: an entry with an unknown extension has no common form.
func generalEntry(t *testing.T, rest *cryptobyte.String) RevokedEntry {
	t.Helper()
	before := len(*rest)
	e, err := readGeneralEntry(rest)
	if err != nil {
		t.Fatalf("the short way accepts what the general parser refuses: %v (%d bytes)", err, before)
	}
	return e
}

func TestRevocationListSignature(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	l := must(ParseRevocationList(p.crl))
	if err := l.CheckSignatureFrom(p.sub.cert); err != nil {
		t.Error(err)
	}
	for name, ca := range map[string]authority{"another CA": p.root, "a namesake with another key": p.foreign,
		"no CA": p.leaf} {
		if l.CheckSignatureFrom(ca.cert) == nil {
			t.Errorf("the list verifies with %s", name)
		}
	}
	bad := bytes.Clone(p.crl)
	bad[len(bad)-1] ^= 1
	if must(ParseRevocationList(bad)).CheckSignatureFrom(p.sub.cert) == nil {
		t.Error("a flipped bit in the signature passes")
	}
	if issuer, err := p.trust(t).CheckCRL(l); err != nil || issuer != p.sub.cert {
		t.Errorf("Trust.CheckCRL: %v, %v", issuer, err)
	}
}

func TestParseRevocationListRefuses(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	ext := func(oid asn1OID, v ...byte) []byte {
		return makeCRL(p.sub, 1, nil, pkix.Extension{Id: oid, Value: v})
	}
	cases := map[string]struct {
		der  []byte
		want string
	}{
		"trailing":         {append(bytes.Clone(p.crl), 0), "1 bytes follow"},
		"empty":            {nil, "DER"},
		"certificate":      {p.sub.cert.Raw, ""},
		"truncated":        {p.crl[:len(p.crl)-1], "DER"},
		"IDP default":      {ext(asn1OID{2, 5, 29, 28}, 0x30, 3, 0x81, 1, 0), "malformed"},
		"IDP out of order": {ext(asn1OID{2, 5, 29, 28}, 0x30, 6, 0x82, 1, 0xff, 0x81, 1, 0xff), "malformed"},
		"delta negative":   {ext(asn1OID{2, 5, 29, 27}, 2, 1, 0xff), "malformed"},
		"number twice":     {ext(asn1OID{2, 5, 29, 20}, 2, 1, 1), "twice"},
	}
	for name, c := range cases {
		if _, err := ParseRevocationList(c.der); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	l := must(ParseRevocationList(ext(asn1OID{1, 2, 3}, 1)))
	if len(l.UnhandledCritical) != 0 {
		t.Error("a non-critical unknown extension counts as critical")
	}
	der := makeCRL(p.sub, 1, nil, pkix.Extension{Id: asn1OID{1, 2, 3}, Critical: true, Value: []byte{5, 0}})
	if l := must(ParseRevocationList(der)); len(l.UnhandledCritical) != 1 || l.UnhandledCritical[0] != "1.2.3" {
		t.Errorf("unhandled critical extensions: %v", l.UnhandledCritical)
	}
}

func TestDistributionPoint(t *testing.T) {
	t.Parallel()
	p := sharedPKI()
	uri := "http://repo.example/crl/sub/1.crl"
	v := append([]byte{0x86, byte(len(uri))}, uri...)
	for _, tag := range []byte{0xa0, 0xa0, 0x30} {
		v = append([]byte{tag, byte(len(v))}, v...)
	}
	freshest := append([]byte{0x30, byte(len(v))}, v...)
	l := must(ParseRevocationList(makeCRL(p.sub, 1, nil,
		pkix.Extension{Id: asn1OID{2, 5, 29, 28}, Critical: true, Value: v},
		pkix.Extension{Id: asn1OID{2, 5, 29, 46}, Value: freshest},
		pkix.Extension{Id: asn1OID{2, 5, 29, 60}, Value: append([]byte{0x18, 15}, "20200101000000Z"...)})))
	if l.IDP == nil || !l.IDP.Critical || len(l.IDP.URIs) != 1 || l.IDP.URIs[0] != uri {
		t.Errorf("IDP %+v", l.IDP)
	}
	if len(l.FreshestCRL) != 1 || l.FreshestCRL[0] != uri {
		t.Errorf("freshest CRL %v", l.FreshestCRL)
	}
	if !l.ExpiredCertsOnCRL.Equal(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("expired certificates since %v", l.ExpiredCertsOnCRL)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"491231235959Z": "2049-12-31T23:59:59Z", "500101000000Z": "1950-01-01T00:00:00Z",
		"240229000000Z": "2024-02-29T00:00:00Z",
		"230229000000Z": "", "2402290000Z": "", "240229000060Z": "", "240229000000+": "", "2402290000 0Z": "",
		"241301000000Z": "",
	} {
		got, ok := parseUTCTime([]byte(in))
		if ok != (want != "") || ok && got.Format(time.RFC3339) != want {
			t.Errorf("UTCTime %s: %v, %v, want %q", in, got, ok, want)
		}
	}
	for day := time.Date(1, 1, 1, 12, 0, 0, 0, time.UTC); day.Year() < 10000; day = day.AddDate(0, 0, 17) {
		if got, ok := parseGeneralizedTime([]byte(day.Format("20060102150405Z"))); !ok || !got.Equal(day) {
			t.Fatalf("%v is read as %v", day, got)
		}
	}
	if got, ok := parseGeneralizedTime([]byte("99991231235959Z")); !ok || !Final(got) ||
		Stale(got, testNow.AddDate(7000, 0, 0)) {
		t.Error("the end of time is not final")
	}
}
