package verify_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify"
	"seihon/verify/report"
	"seihon/verify/uptime"
)

// An observed is a row of the annex about the record of operation.
type observed = uptime.Row

// observations checks a repository of whose public address samples were taken, and returns the rows.
func observations(t *testing.T, r *repo, log *ledger.Log,
	change ...func(*verify.Config)) (*report.Report, []observed, [][]string) {
	t.Helper()
	var sheet, lines bytes.Buffer
	checked, _, _ := annexOf(t, r, append(change, func(c *verify.Config) {
		c.Publication, c.PublicationVerifier = filepath.Join(r.dir, "publication"),
			must(ledger.NewVerifier(log.Origin(), log.Keys()...))
		c.BaseURL, c.ProbeEvery = baseURL, 10*time.Minute
		c.Targets = []uptime.Target{{Name: "public", Addresses: []string{baseURL}, Source: r.public()}}
	}, func(c *verify.Config) {
		c.Annex.UptimeCSV = report.Output{Name: "r.annex.uptime.csv", File: &sheet}
		c.Annex.UptimeLines = report.Output{Name: "r.annex.uptime.jsonl", File: &lines}
	})...)
	u := checked.Annex.Uptime
	if u == nil {
		t.Fatal("the report cites no observations")
	}
	if u.CSV.SHA256 != artifact.Sum(sheet.Bytes()).String() || u.Lines.SHA256 != artifact.Sum(lines.Bytes()).String() {
		t.Error("the report cites other files")
	}
	var rows []observed
	for d := json.NewDecoder(&lines); d.More(); {
		var row observed
		check(d.Decode(&row))
		rows = append(rows, row)
	}
	return checked, rows, must(csv.NewReader(&sheet).ReadAll())
}

// TestAnnexOfObservations adds the rows up to what the report says of the record of operation, and
// finds the bytes of each in the log or in the file that was signed.
func TestAnnexOfObservations(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	log := publicationLog(t, r)
	start := r.now.Add(-3 * time.Hour)
	round := func(minutes int, samples ...ledger.Sample) {
		at := start.Add(time.Duration(minutes) * time.Minute)
		for i := range samples {
			samples[i].Time = at
		}
		check(log.Append(t.Context(),
			&ledger.Entry{Time: at, Probe: &ledger.Probe{Target: "public", Vantage: "Tokyo", Samples: samples}}))
	}
	elsewhere := ledger.Sample{URL: "http://elsewhere.example/crl/sub.crl", OK: true, Status: 200}
	round(0, got(start, "1", "a"), told(start, "good"))
	round(10, got(start, "1", "a"))
	round(50, bad(got(start, "1", "a"), "down"), elsewhere) // three slots without a round before it
	round(60, elsewhere)
	_ = must(log.Commit(t.Context()))
	osaka := ""
	checked, rows, sheet := observations(t, r, log.Log(), func(c *verify.Config) {
		at := start.Add(21 * time.Minute)
		osaka = newVantage(r, c, "Osaka").takes(got(at, "1", "a"))
	})
	u := checked.Record.Uptime
	var rounds, expected, taken, gaps, counted, bads int64
	slots := map[int64]bool{}
	for _, row := range rows {
		switch row.What {
		case "round":
			rounds, counted, bads = rounds+1, counted+row.Counted, bads+row.Bad
			if row.Slots > 0 {
				slots[row.Slot] = true
			}
			if row.SHA256 != artifact.Sum(entryOf(t, log.Log(), osaka, row)).String() {
				t.Errorf("no entry has the digest of %+v", row)
			}
		case "expected":
			expected, taken = expected+row.Slots, taken+row.Taken
		case "gap":
			gaps += row.Slots
		}
	}
	if rounds != 5 || counted != 5 || bads != 1 || u.Uncounted.Elsewhere != 2 {
		t.Errorf("%d rounds, %d samples counted, %d bad, %d elsewhere", rounds, counted, bads, u.Uncounted.Elsewhere)
	}
	if expected != u.Rounds.Expected || taken != u.Rounds.Taken || taken != int64(len(slots)) ||
		expected-taken != gaps || gaps == 0 {
		t.Errorf("expected %d, taken %d in %d slots, gaps %d; the record says %+v", expected, taken, len(slots), gaps,
			u.Rounds)
	}
	if len(sheet) != len(rows)+1 || len(sheet[0]) != reflect.TypeFor[observed]().NumField() {
		t.Errorf("%d lines of CSV with %d columns, %d of JSON", len(sheet), len(sheet[0]), len(rows))
	}
}

// entryOf is the bytes that hold the samples of a row.
func entryOf(t *testing.T, log *ledger.Log, signed string, row observed) []byte {
	t.Helper()
	if row.Place == "publication log" {
		return must(log.Raw(t.Context(), row.Entry))
	}
	if row.Place != filepath.ToSlash(signed) || row.Entry != -1 {
		t.Errorf("no file of samples is %+v", row)
	}
	return []byte(strings.Split(string(must(os.ReadFile(signed))), "\n")[2])
}

// TestNothingExpected says why no round of samples was expected.
func TestNothingExpected(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, want string
		do         func(d *diary)
		change     func(c *uptime.Config)
	}{
		{"an empty log", "no-target", func(*diary) {}, nil},
		{"a target that began later", "no-target", func(d *diary) { d.receipt("11:30:00") }, nil},
		{"a target without an address", "no-address", func(d *diary) { d.receipt("10:00:00") },
			func(c *uptime.Config) { c.Targets[0].Addresses = nil }},
		{"less than a round", "no-round", func(d *diary) { d.receipt("10:55:00") }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDiary(t)
			c.do(d)
			u := d.measure(func(conf *uptime.Config) {
				if c.change != nil {
					c.change(conf)
				}
			})
			var b bytes.Buffer
			check(u.WriteText(&b))
			if u.Rounds.Why != c.want || u.Rounds.Expected != 0 ||
				!strings.Contains(b.String(), "no round of samples was expected: ") {
				t.Errorf("%+v, want %s:\n%s", u.Rounds, c.want, b.String())
			}
		})
	}
}
