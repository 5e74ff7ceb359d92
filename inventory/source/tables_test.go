package source

import (
	"encoding/base64"
	"strings"
	"testing"

	"seihon/artifact"
	"seihon/inventory"
)

const csvHead = "serial,not_before,not_after,state,revoked_at,reason,invalidity_date,subject,kind,consent\n"

func TestCSV(t *testing.T) {
	const file = csvHead +
		"0a,2026-01-01T00:00:00Z,2027-01-01T09:00:00+09:00,issued,,,,\"CN=one, \"\"first\"\"\",,\n" +
		"00:F1,,2027-01-01T00:00:00Z,,2026-11-01T06:00:00Z,keyCompromise,2026-10-31T00:00:00Z,CN=two,ca-certificate,c-1\r\n"
	s := CSV(strings.NewReader(file), Options{Partial: true})
	got := collect(t, s)
	if len(got) != 2 {
		t.Fatalf("%d records, want 2", len(got))
	}
	one, two := got[0], got[1]
	if string(one.Serial) != "\x0a" || one.State != inventory.Issued || one.Subject != `CN=one, "first"` ||
		one.Kind != artifact.SubscriberCertificate ||
		one.NotBefore != at("2026-01-01T00:00:00Z") || one.NotAfter != at("2027-01-01T00:00:00Z") ||
		one.Revocation.Reason != inventory.NoReason {
		t.Errorf("first record is %+v", one)
	}
	if string(two.Serial) != "\x00\xf1" || two.State != inventory.Revoked || two.Revocation.Reason != 1 ||
		two.Consent != "c-1" ||
		two.Kind != artifact.CACertificate || two.Revocation.InvalidityDate != at("2026-10-31T00:00:00Z") {
		t.Errorf("second record is %+v", two)
	}
	if info := s.Info(); info.Scope != inventory.Partial || info.Digest != artifact.Sum([]byte(file)) {
		t.Errorf("info is %+v", info)
	}
}

func TestCSVRefuses(t *testing.T) {
	for name, file := range map[string]string{
		"unknown column":         "serial,colour\n",
		"column twice":           "serial,subject,subject\n",
		"no serial column":       "subject\n",
		"two serial columns":     "serial,serial_decimal\n",
		"short line":             csvHead + "0a\n",
		"no serial":              csvHead + ",,2027-01-01T00:00:00Z,,,,,,,\n",
		"bad time":               csvHead + "0a,,tomorrow,,,,,,,\n",
		"bad state":              csvHead + "0a,,,maybe,,,,,,\n",
		"issued but revoked":     csvHead + "0a,,,issued,2026-11-01T06:00:00Z,,,,,\n",
		"revoked without a date": csvHead + "0a,,,revoked,,,,,,\n",
		"reason without a date":  csvHead + "0a,,,,,1,,,,\n",
		"reason 7":               csvHead + "0a,,,,2026-11-01T06:00:00Z,7,,,,\n",
		"open quote":             csvHead + "0a,\"\n",
		"bad number":             "serial_decimal,not_after_unix\n1,1.5\n",
		"bad decimal":            "serial_decimal\n0x1\n",
		"bad certificate":        "serial,certificate\n1,!\n",
	} {
		if err := failure(t, CSV(strings.NewReader(file), Options{})); err == nil ||
			!strings.Contains(err.Error(), "parsing csv line") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestJSONL(t *testing.T) {
	der := base64.StdEncoding.EncodeToString([]byte("der"))
	s := JSONL(strings.NewReader(`{"serial":"0A","not_after_unix":1798761600,"state":"revoked","revoked_at_unix_ms":1793512800999,"reason":4,"subject":null}
{"serial_decimal":"340282366920938463463374607431768211455","certificate":"`+der+`","consent":""}
`), Options{Kind: artifact.OCSPSignerCertificate})
	got := collect(t, s)
	if len(got) != 2 {
		t.Fatalf("%d records, want 2", len(got))
	}
	if r := got[0]; r.State != inventory.Revoked || r.Revocation.Reason != 4 ||
		r.NotAfter != at("2027-01-01T00:00:00Z") ||
		r.Revocation.Time != at("2026-11-01T06:00:00Z") || r.Kind != artifact.OCSPSignerCertificate {
		t.Errorf("first record is %+v", r)
	}
	if r := got[1]; len(r.Serial) != 17 || r.State != inventory.Issued || string(r.DER) != "der" {
		t.Errorf("second record is %+v", r)
	}
}

func TestJSONLRefuses(t *testing.T) {
	for name, line := range map[string]string{
		"a list":       `["serial"]`,
		"nothing":      `x`,
		"nested":       `{"serial":{"a":1}}`,
		"unknown key":  `{"serial":"01","colour":"red"}`,
		"key twice":    `{"serial":"01","state":"revoked","state":"issued"}`,
		"two objects":  `{"serial":"01"}{"serial":"02"}`,
		"not closed":   `{"serial":"01"`,
		"a boolean":    `{"serial":true}`,
		"no serial":    `{"state":"issued"}`,
		"bad value":    `{"serial":"zz"}`,
		"broken value": `{"serial":`,
	} {
		if err := failure(t, JSONL(strings.NewReader(line), Options{})); err == nil ||
			!strings.Contains(err.Error(), "parsing jsonl line 1") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func FuzzJSONL(f *testing.F) {
	f.Add([]byte(`{"serial":"0A","not_after_unix":1798761600,"state":"revoked","revoked_at_unix_ms":1793512800999,"reason":4}`))
	f.Fuzz(func(t *testing.T, b []byte) { checkAll(t, JSONL(strings.NewReader(string(b)), Options{})) })
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte(csvHead + "0a,,2027-01-01T00:00:00Z,,2026-11-01T06:00:00Z,keyCompromise,,\"CN=a,b\",,\n"))
	f.Fuzz(func(t *testing.T, b []byte) { checkAll(t, CSV(strings.NewReader(string(b)), Options{})) })
}

// checkAll drains a source and holds what it accepts against the rules.
func checkAll(t *testing.T, s inventory.Source) {
	for r, err := range s.Records(t.Context()) {
		if err == nil &&
			(inventory.CheckSerial(r.Serial) != nil || r.State == inventory.Reserved ||
				(r.State == inventory.Revoked) == r.Revocation.Time.IsZero()) {
			t.Fatalf("accepted %+v", r)
		}
	}
}
