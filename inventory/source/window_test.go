package source

import (
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/inventory"
)

// TestDoor puts one row at a time before the inventory and wants it taken in, or refused with a reason that helps.
func TestDoor(t *testing.T) {
	now := at("2026-11-24T06:00:00Z")
	for _, c := range []struct{ name, head, row, want string }{ // want "" = taken in
		{"plain", "serial,not_after", "0a,2027-01-01T00:00:00Z", ""},
		{"0x and colons", "serial", "0x0A:1B", ""},
		{"serial of 20 octets", "serial", strings.Repeat("7f", 20), ""},
		{"serial of 21 octets", "serial", strings.Repeat("7f", 21), "RFC 5280 4.1.2.2 allows 20"},
		{"serial of 20 octets with the top bit", "serial", strings.Repeat("80", 20), "RFC 5280 4.1.2.2 allows 20"},
		{"serial zero", "serial", "00", "zero"},
		{"negative serial", "serial", "-1", "negative"},
		{"negative decimal", "serial_decimal", "-1", "not positive"},
		{"decimal zero", "serial_decimal", "0", "not positive"},
		{"hexadecimal in the decimal column", "serial_decimal", "0a", "belong in the column serial"},

		{"revoked at 0", "serial,revoked_at_unix", "01,0", "0 is no date"},
		{"EJBCA's -1, -1", "serial,revoked_at_unix_ms,reason", "01,-1,-1", "-1 is no date"},
		{"reason -1", "serial,revoked_at,reason", "01,2026-11-01T06:00:00Z,-1", "leave it empty"},
		{"reason 7", "serial,revoked_at,reason", "01,2026-11-01T06:00:00Z,7", "not one of RFC 5280"},
		{"reason 8", "serial,revoked_at,reason", "01,2026-11-01T06:00:00Z,8", "removeFromCRL"},
		{"reason 10", "serial,revoked_at,reason", "01,2026-11-01T06:00:00Z,10", ""},
		{"Go's zero time", "serial,revoked_at", "01,0001-01-01T00:00:00Z", "before 1988"},
		{"first second of 1970", "serial,revoked_at", "01,1970-01-01T00:00:00Z", "before 1988"},
		{"revoked in 1988", "serial,revoked_at", "01,1988-01-01T00:00:00Z", ""},
		{"revoked this second", "serial,revoked_at", "01,2026-11-24T06:00:00Z", ""},
		{"revoked in the future", "serial,revoked_at", "01,2026-11-24T06:00:01Z", "in the future"},
		{"invalid in the future", "serial,revoked_at,invalidity_date", "01,2026-11-01T06:00:00Z,2026-11-24T06:00:01Z",
			"in the future"},
		{"invalid at 0", "serial,revoked_at,invalidity_date_unix", "01,2026-11-01T06:00:00Z,0", "0 is no date"},
		{"invalid before it was issued", "serial,not_before,revoked_at,invalidity_date",
			// RFC 5280 5.3.2 sets no such bound
			"01,2026-01-01T00:00:00Z,2026-11-01T06:00:00Z,2025-01-01T00:00:00Z", ""},
		{"an invalidity date alone", "serial,invalidity_date", "01,2026-11-01T06:00:00Z",
			"without a date of revocation"},

		{"milliseconds as seconds", "serial,not_after_unix", "01,1798761600000",
			"looks like milliseconds: name the column not_after_unix_ms"},
		{"seconds as milliseconds", "serial,not_after_unix_ms", "01,1798761600",
			"looks like seconds: name the column not_after_unix"},
		{"microseconds", "serial,not_after_unix_ms", "01,1798761600000000", "looks like microseconds"},
		{"nanoseconds", "serial,not_after_unix", "01,1798761600000000000", "looks like nanoseconds"},
		{"a number as RFC 3339", "serial,not_after", "01,1798761600", "a number belongs in not_after_unix"},
		{"milliseconds as RFC 3339", "serial,not_after", "01,1798761600000", "a number belongs in not_after_unix_ms"},
		{"the end of time", "serial,not_after", "01,9999-12-31T23:59:59Z", ""},
		{"notBefore after notAfter", "serial,not_before,not_after", "01,2027-01-01T00:00:01Z,2027-01-01T00:00:00Z",
			"is before not_before"},
		{"valid for an instant", "serial,not_before,not_after", "01,2027-01-01T00:00:00Z,2027-01-01T00:00:00Z", ""},
		{"revoked before it was issued", "serial,not_before,revoked_at", "01,2026-06-01T00:00:00Z,2026-05-31T00:00:00Z",
			"before the certificate was issued"},
		{"revoked the second it was issued", "serial,not_before,revoked_at",
			"01,2026-06-01T00:00:00Z,2026-06-01T00:00:00Z", ""},

		{"Shift_JIS", "serial,subject", "01,CN=\x8eR\x93c", "is it Shift_JIS"},
		{"a terminal escape", "serial,subject", "01,CN=\x1b[2J", "control character"},
		{"a long subject", "serial,subject", "01," + strings.Repeat("x", 4097), "at most 4096"},
		{"kanji", "serial,subject", "01,CN=山田", ""},
		{"no kind of certificate", "serial,kind", "01,crl", "not a certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, err := inventory.Open(t.Context(),
				inventory.Config{DSN: "sqlite:" + t.TempDir() + "/inventory.db", Now: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.AddIssuer(t.Context(),
				inventory.Issuer{Name: "sub", Key: artifact.Sum([]byte("sub"))}); err != nil {
				t.Fatal(err)
			}
			_, err = db.Import(t.Context(),
				inventory.Import{Issuer: "sub", Source: CSV(strings.NewReader(c.head+"\n"+c.row+"\n"), Options{})})
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error is %v, want one with %q", err, c.want)
			case c.want != "" && !strings.Contains(err.Error(), "line 2") &&
				!strings.Contains(err.Error(), "serial 01"):
				t.Errorf("error %v does not say where", err)
			}
		})
	}
}

// TestEmptyIsNoAgreement: a source without records is refused unless it is said to be empty.
func TestEmptyIsNoAgreement(t *testing.T) {
	now := at("2026-11-24T06:00:00Z")
	db, err := inventory.Open(t.Context(),
		inventory.Config{DSN: "sqlite:" + t.TempDir() + "/inventory.db", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.AddIssuer(t.Context(), inventory.Issuer{Name: "sub", Key: artifact.Sum([]byte("sub"))}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text  string
		empty bool
		ok    bool
	}{{"", false, false}, {"serial\n", false, false}, {"serial\n", true, true}, {"serial\n01\n", true, false},
		{"serial\n01\n", false, true}} {
		_, err := db.Import(t.Context(),
			inventory.Import{Issuer: "sub", Source: CSV(strings.NewReader(c.text), Options{}), Empty: c.empty})
		if (err == nil) != c.ok {
			t.Errorf("%q, empty %v: %v", c.text, c.empty, err)
		}
	}
}
