package source

import (
	"slices"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/inventory"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

// collect drains a source.
func collect(t *testing.T, s inventory.Source) []inventory.Record {
	t.Helper()
	var all []inventory.Record
	for r, err := range s.Records(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// failure returns the error with which a source ends.
func failure(t *testing.T, s inventory.Source) error {
	t.Helper()
	for _, err := range s.Records(t.Context()) {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestOpenSSLIndex(t *testing.T) {
	const index = "# made by hand\n" +
		"V\t271124060000Z\t\t0A\tunknown\t/C=JP/CN=one\n" +
		"R\t271124060000Z\t261101060000Z\t0B\tunknown\t/CN=two\r\n" +
		"R\t20550101000000Z\t261101060000Z,keyCompromise\tF0FF\tunknown\t/CN=three\n" +
		"R\t271124060000Z\t20261101060000Z,CACompromise\t0D\tunknown\t/CN=a\\\ttab\n" +
		"R\t271124060000Z\t261101060000Z,keyTime,20261031120000Z\t0E\tunknown\t/CN=five\n" +
		"R\t271124060000Z\t261101060000Z,CAkeyTime,20261031120000Z\t0F\tunknown\t/CN=six\n" +
		"R\t271124060000Z\t261101060000Z,holdInstruction,holdInstructionReject\t10\tunknown\t/CN=seven\n" +
		"E\t9912312359Z\t\t11\t/certs/11.pem\t/CN=eight"
	s := OpenSSLIndex(strings.NewReader(index), Options{Name: "index.txt", AsOf: at("2026-11-24T00:00:00Z")})
	got := collect(t, s)
	type row struct {
		serial  string
		state   inventory.State
		expires string
		revoked string
		reason  int
		invalid string
		subject string
	}
	var rows []row
	for _, r := range got {
		form := func(t time.Time) string {
			if t.IsZero() {
				return ""
			}
			return t.Format(time.RFC3339)
		}
		rows = append(rows, row{string(r.Serial), r.State, form(r.NotAfter), form(r.Revocation.Time),
			r.Revocation.Reason, form(r.Revocation.InvalidityDate), r.Subject})
	}
	const expires, revoked, since = "2027-11-24T06:00:00Z", "2026-11-01T06:00:00Z", "2026-10-31T12:00:00Z"
	want := []row{
		{"\x0a", inventory.Issued, expires, "", 0, "", "/C=JP/CN=one"},
		{"\x0b", inventory.Revoked, expires, revoked, -1, "", "/CN=two"},
		{"\x00\xf0\xff", inventory.Revoked, "2055-01-01T00:00:00Z", revoked, 1, "", "/CN=three"},
		{"\x0d", inventory.Revoked, expires, revoked, 2, "", "/CN=a\ttab"},
		{"\x0e", inventory.Revoked, expires, revoked, 1, since, "/CN=five"},
		{"\x0f", inventory.Revoked, expires, revoked, 2, since, "/CN=six"},
		{"\x10", inventory.Revoked, expires, revoked, 6, "", "/CN=seven"},
		{"\x11", inventory.Issued, "1999-12-31T23:59:00Z", "", 0, "", "/CN=eight"},
	}
	if !slices.Equal(rows, want) {
		t.Errorf("records are\n%v\nwant\n%v", rows, want)
	}
	if info := s.Info(); info.Digest != artifact.Sum([]byte(index)) || info.Scope != inventory.AllSerials ||
		info.Format != "openssl-index" {
		t.Errorf("info is %+v", info)
	}
}

func TestOpenSSLIndexRefuses(t *testing.T) {
	for name, line := range map[string]string{
		"too few fields":     "V\t271124060000Z\t\t0A\tunknown",
		"too many fields":    "V\t271124060000Z\t\t0A\tunknown\t/CN=x\ty",
		"spaces":             "V 271124060000Z  0A unknown /CN=x",
		"status":             "X\t271124060000Z\t\t0A\tunknown\t/CN=x",
		"no serial":          "V\t271124060000Z\t\t\tunknown\t/CN=x",
		"negative serial":    "V\t271124060000Z\t\t-0A\tunknown\t/CN=x",
		"serial zero":        "V\t271124060000Z\t\t00\tunknown\t/CN=x",
		"long serial":        "V\t271124060000Z\t\t" + strings.Repeat("11", 21) + "\tunknown\t/CN=x",
		"serial not hex":     "V\t271124060000Z\t\t0G\tunknown\t/CN=x",
		"no expiry":          "V\t\t\t0A\tunknown\t/CN=x",
		"thirteenth month":   "V\t271324060000Z\t\t0A\tunknown\t/CN=x",
		"30 February":        "V\t270230060000Z\t\t0A\tunknown\t/CN=x",
		"local time":         "V\t271124060000+0900\t\t0A\tunknown\t/CN=x",
		"valid but revoked":  "V\t271124060000Z\t261101060000Z\t0A\tunknown\t/CN=x",
		"revoked, no date":   "R\t271124060000Z\t\t0A\tunknown\t/CN=x",
		"unknown reason":     "R\t271124060000Z\t261101060000Z,whim\t0A\tunknown\t/CN=x",
		"reason 99":          "R\t271124060000Z\t261101060000Z,99\t0A\tunknown\t/CN=x",
		"unknown detail":     "R\t271124060000Z\t261101060000Z,superseded,x\t0A\tunknown\t/CN=x",
		"keyTime, no date":   "R\t271124060000Z\t261101060000Z,keyTime\t0A\tunknown\t/CN=x",
		"a line of 2 MiB":    "V\t271124060000Z\t\t0A\tunknown\t/CN=" + strings.Repeat("x", 2<<20),
		"letters in a date":  "V\t2711240600zzZ\t\t0A\tunknown\t/CN=x",
		"a date without end": "V\t271124060000\t\t0A\tunknown\t/CN=x",
	} {
		s := OpenSSLIndex(strings.NewReader("V\t271124060000Z\t\t09\tunknown\t/CN=fine\n"+line+"\n"), Options{})
		err := failure(t, s)
		if err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%s: error is %v, want one that names line 2", name, err)
		}
		if !s.Info().Digest.IsZero() {
			t.Errorf("%s: a source that failed has a digest", name)
		}
	}
}

func FuzzOpenSSLIndex(f *testing.F) {
	f.Add([]byte("R\t271124060000Z\t261101060000Z,keyTime,20261031120000Z\t0E\tunknown\t/CN=five\n"))
	f.Add([]byte("#\n\nV\t491231235959Z\t\t01\t\t"))
	f.Fuzz(func(t *testing.T, b []byte) { checkAll(t, OpenSSLIndex(strings.NewReader(string(b)), Options{})) })
}
