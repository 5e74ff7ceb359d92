package ledger

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"seihon/artifact"

	jcs "github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	"golang.org/x/mod/sumdb/tlog"
)

var update = flag.Bool("update", false, "write the test vectors anew")

// sampleEntries has one entry of every type, with every field set in one and
// every optional field empty in another.
func sampleEntries() map[string]*Entry {
	at := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	d, h := artifact.Sum([]byte("artifact")), tlog.RecordHash([]byte("root"))
	nasty := "quote \" slash / back \\ line \n tab \t bell \a euro € astral 𝄞 del \x7f ls \u2028"
	m := map[string]*Entry{
		"batch":       {Batch: &Batch{Manifest: d, Size: 123456, Count: 1000, Root: h, Note: nasty}},
		"batch-small": {Batch: &Batch{Manifest: d, Size: 19, Root: h}},
		"issuance":    {Issuance: &Issuance{Issuer: "sub", Count: 1000, Root: h, Total: 41000}},
		"private":     {Private: &Private{Manifest: d, Size: 4321, Count: 3, Root: h}},
		"expiry": {Expiry: &Expiry{Issuer: "sub",
			Entries: []Expired{{Serial: "1f", NotAfter: at}, {Serial: "7a00", NotAfter: at}}}},
		"override": {Override: &Override{Issuer: "sub", Text: "seihon/override/v1\n…\n",
			Changes: []StatusChange{{Serial: "1f", Was: "revoked 20261124T060000Z 1 -", Now: "good"}}}},
		"exception": {Exception: &Exception{Issuer: "sub", Text: "seihon/exception/v1\n…\n"}},
		"withdraw": {Withdraw: &Withdraw{Names: []WithdrawnName{{Name: "crl/a.crl", Digest: d,
			Reason: "superseded"}, {Name: "crl/b.crl"}}}},
		"key-rotation": {KeyRotation: &KeyRotation{Old: []string{"o1", "o2"}, New: []string{"n"}, Reason: "planned",
			Acceptance: "note"}},
		"evidence": {Evidence: &Evidence{Kind: "key-ceremony", Name: "minutes.pdf", Digest: d, Size: 7,
			Note: "signed by two"}},
		"evidence-small": {Evidence: &Evidence{Kind: "k"}},
		"anchor": {Anchor: &Anchor{Kind: "rfc3161", Where: "http://tsa.example.jp", Size: 5, Root: h, Digest: d,
			Note: "n"}},
		"anchor-small": {Anchor: &Anchor{Kind: "witness", Where: "w"}},
		"freeze":       {Freeze: &Freeze{Reason: "the CA ends", Successor: "ca.example.jp/next"}},
		"publish": {Publish: &Publish{Target: "s3", MasterSize: 3, MasterRoot: h, Receipts: []Receipt{
			{Op: "put", Name: "crl/a.crl", Kind: artifact.CRL, Digest: d, Size: 9, ETag: `"e"`, Version: "v",
				Generation: "1", Time: at}, {Op: "delete", Name: "x", Time: at}}}},
		"probe": {Probe: &Probe{Target: "s3",
			Samples: []Sample{{URL: "http://ca.example.jp/crl/a.crl", Time: at, OK: true, Status: 200,
				Latency: 1234 * time.Microsecond},
				{URL: "u", Time: at, Error: "no such host"}}}},
		"probe-answers": {Probe: &Probe{Target: "s3", Vantage: "Osaka", Samples: []Sample{
			{URL: "http://ca.example.jp/crl/a.crl", Time: at, OK: true, Status: 200, Digest: d, Version: "12"},
			{URL: "u", Time: at, OK: true, Says: "revoked"}}}},
		"rounds": {Rounds: &Rounds{
			Answers: []Answer{{URL: "http://ca.example.jp/crl/a.crl", OK: true, Status: 200, Digest: d, Version: "12"},
				{URL: "u", Error: "no such host"}, {URL: "v", OK: true, Says: "good"}},
			Asked: []Asked{{Answers: []int64{0, 2}, Target: "s3"},
				{Answers: []int64{0, 1}, Target: "s3", Vantage: "Osaka"}},
			Rounds: []Round{{Latency: []int64{12, 3}, Time: at},
				{Asked: 1, After: []int64{0, 10}, Latency: []int64{12, 10000}, Time: at.Add(time.Minute)}}}},
		"verify": {Verify: &Verify{Target: "s3", MasterSize: 3, MasterRoot: h, OK: true, Objects: 12, Report: d,
			Findings: []FindingCount{{Code: "extra", Severity: "error", Count: 2}}}},
		"refusal": {Refusal: &Refusal{Target: "s3", Name: "x", Kind: artifact.PrivateKey, Digest: d, Rule: "A-1",
			Reason: "a private key"}},
	}
	for _, e := range m {
		e.Type = e.typ()
		e.V, e.Time = EntryVersion, at
	}
	return m
}

// TestEntryVectors compares with ledger/testdata/entries, which docs/formats.md
// points implementers to.
func TestEntryVectors(t *testing.T) {
	for name, e := range sampleEntries() {
		raw, err := e.Encode()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		vector(t, filepath.Join("entries", name+".json"), raw)
		back, err := ParseEntry(raw)
		if err != nil || !reflect.DeepEqual(back, e) {
			t.Errorf("%s: read back as %+v, %v", name, back, err)
		}
		// The oracle: a general implementation of RFC 8785.
		canonical, err := jcs.Transform(raw)
		if err != nil || !bytes.Equal(canonical, raw) {
			t.Errorf("%s: RFC 8785 has\n%s\nwe have\n%s\n%v", name, canonical, raw, err)
		}
		if !json.Valid(raw) {
			t.Errorf("%s: not JSON", name)
		}
	}
}

// vector compares with a committed file, or writes it with -update.
func vector(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// TestParseEntryIsStrict changes good entries a little.
func TestParseEntryIsStrict(t *testing.T) {
	raw, err := sampleEntries()["withdraw"].Encode()
	if err != nil {
		t.Fatal(err)
	}
	good := string(raw)
	for _, c := range []struct{ from, to string }{
		{`"v":1`, `"v":01`}, {`"v":1`, `"v":1e0`}, {`"v":1`, `"v":-1`}, {`"v":1`, `"v":"1"`},
		{`"v":1`, `"v":9007199254740993`},
		{`"v":1}`, `"v":1,}`}, {`"v":1}`, `"v":1`}, {`"v":1}`, `"v":1}}`}, {`{"body"`, `["body"`}, {`"type"`, `"Type"`},
		{`"withdraw"`, `"batch"`}, {`"withdraw"`, `"Withdraw"`}, {`"withdraw"`, `null`},
		{`06:00:00Z`, `06:00:00.0Z`}, {`06:00:00Z`, `24:00:00Z`}, {`2026-11-24`, `2026-11-31`},
		{`2026-11-24`, `2026-02-30`}, {`06:00:00Z`, `06:00:60Z`},
		{`"names":[`, `"names":[,`}, {`"names":[`, `"names":[null,`}, {`"reason":"superseded"`, `"reason":""`},
		{`"reason":"superseded"`, `"reason":null`},
		{`superseded`, `super\u0073eded`}, {`superseded`, `\/`}, {`superseded`, "\t"}, {`superseded`, `\ud800`},
		{`superseded`, `\u000A`}, {`superseded`, "\xed\xa0\x80"},
		{artifact.Sum([]byte("artifact")).String(), strings.ToUpper(artifact.Sum([]byte("artifact")).String())},
	} {
		bad := strings.Replace(good, c.from, c.to, 1)
		if bad == good {
			t.Fatalf("%s: nothing to replace", c.from)
		}
		if e, err := ParseEntry([]byte(bad)); err == nil {
			t.Errorf("%s for %s: accepted as %+v", c.to, c.from, e)
		}
	}
	for i := range len(good) {
		if _, err := ParseEntry([]byte(good[:i])); err == nil {
			t.Errorf("cut at %d: accepted", i)
		}
	}
}

func TestLine(t *testing.T) {
	at := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	full := Line{Name: "crl/ca.crl", Kind: artifact.CRL, Digest: artifact.Sum(nil), Size: 12, NotBefore: at,
		NotAfter: at.Add(time.Hour), Issuer: "ca", Number: "42"}
	const v1 = "crl/ca.crl crl e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 12 20261124T060000Z " +
		"20261124T070000Z ca 42"
	const text = v1 + " -"
	if got := full.String(); got != text {
		t.Errorf("got %s", got)
	}
	back, err := ParseLine(text)
	if err != nil || back != full {
		t.Errorf("read back as %+v, %v", back, err)
	}
	if older, err := ParseLine(v1); err != nil || older != full || older.text(fieldsV1) != v1 {
		t.Errorf("the line of a manifest v1 is read as %+v, %v", older, err)
	}
	archived := full
	archived.Name, archived.History = "crl/ca/history/42.crl", true
	older := strings.Replace(v1, full.Name, archived.Name, 1)
	for _, text := range []string{older, older + " history"} {
		if l, err := ParseLine(text); err != nil || l != archived {
			t.Errorf("%q is read as %+v, %v", text, l, err)
		}
	}
	// Outside the grammar of public names the field alone says it.
	foreign := strings.Replace(text, "crl/ca.crl", "lists/2026/ca-42", 1)
	if l, err := ParseLine(strings.TrimSuffix(foreign, "-") + "history"); err != nil || !l.History {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := ParseLine(foreign); err != nil || l.History {
		t.Errorf("%+v, %v", l, err)
	}
	for _, bad := range []string{
		older + " -", v1 + " history", v1 + " History", text + " -", "", text + " ", " " + text, text + " x",
		strings.Replace(text, " ", "  ", 1), strings.Replace(text, " 12 ", " 012 ", 1),
		strings.Replace(text, " 12 ", " +12 ", 1), strings.Replace(text, " 12 ", " -1 ", 1),
		strings.Replace(text, "e3b0", "E3B0", 1),
		strings.Replace(text, "20261124T060000Z", "20261131T060000Z", 1),
		strings.Replace(text, "20261124T060000Z", "00000101T000000Z", 1),
		strings.Replace(text, " ca ", "  ", 1), strings.Replace(text, "crl/ca.crl", "crl//ca.crl", 1),
		strings.Replace(text, "crl/ca.crl", "-", 1), text + "\r",
	} {
		if l, err := ParseLine(bad); err == nil {
			t.Errorf("%q: accepted as %+v", bad, l)
		}
	}
}
