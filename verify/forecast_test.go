package verify_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify/status"
)

// A day is a repository with a day of probes and verifications on record, some of them bad, and documents to review.
func shiftStatus(t *testing.T) *status.Status {
	t.Helper()
	r := newRepo(t)
	for i, note := range []string{"next review 2027-04-01", "next review 2026-11-01", "next review 2026-12-01"} {
		kind := []string{"key-ceremony", "risk-review", "hsm-list"}[i]
		check(r.writer.Append(t.Context(),
			&ledger.Entry{Evidence: &ledger.Evidence{Kind: kind, Name: kind, Digest: artifact.Sum([]byte(note)),
				Size: 1, Note: note}}))
	}
	r.commit()
	size := r.writer.Log().Size()
	log := publicationLog(t, r)
	append := func(at time.Time, e *ledger.Entry) {
		e.Time = at
		check(log.Append(t.Context(), e))
	}
	start := r.now.Add(-30 * time.Hour)
	receipts := []ledger.Receipt{
		{Op: "put", Name: "crl/sub.crl", Kind: artifact.CRL, Digest: artifact.Sum(nil), Time: start},
		{Op: "put", Name: "log/checkpoint", Kind: artifact.Checkpoint, Digest: artifact.Sum(nil), Time: start},
	}
	append(start, &ledger.Entry{Publish: &ledger.Publish{Target: "tokyo", MasterSize: size,
		MasterRoot: r.writer.Log().Root(), Receipts: receipts}})
	append(start, &ledger.Entry{Publish: &ledger.Publish{Target: "osaka", MasterSize: size - 1,
		MasterRoot: r.writer.Log().Root(), Receipts: receipts}})
	for i := range 120 {
		at := start.Add(time.Duration(i) * 15 * time.Minute)
		if i >= 60 && i < 70 {
			continue // nobody asked
		}
		for _, target := range []string{"tokyo", "osaka"} {
			bad := target == "osaka" && (i > 115 || i == 80)
			append(at, &ledger.Entry{Probe: &ledger.Probe{Target: target, Samples: []ledger.Sample{
				{URL: baseURL + "/crl/sub.crl", Time: at, OK: true, Status: 200, Latency: 40 * time.Millisecond},
				{URL: baseURL + "/crl/root.crl", Time: at, OK: !bad, Status: 200,
					Error: map[bool]string{true: "the list is stale"}[bad]}}}})
		}
		if i%4 == 0 {
			v := &ledger.Verify{Target: "all", MasterSize: size, OK: i < 116, Objects: 32, Report: artifact.Sum(nil)}
			if i >= 116 {
				v.Findings = []ledger.FindingCount{{Code: "copy-missing", Severity: "error", Count: 2},
					{Code: "of-a-later-version", Severity: "warning", Count: 1}}
			}
			append(at, &ledger.Entry{Verify: v})
		}
	}
	line, _ := must(r.writer.Log().Replay(t.Context(), size)).Get("cert/sub.cer")
	// What was urgent went without the checkpoint: osaka is as far behind as it was.
	append(start, &ledger.Entry{Publish: &ledger.Publish{Target: "osaka", MasterSize: size,
		MasterRoot: r.writer.Log().Root(), Receipts: receipts[:1]}})
	append(r.now, &ledger.Entry{Refusal: &ledger.Refusal{Target: "osaka", Name: line.Name, Kind: line.Kind,
		Digest: line.Digest, Rule: "unsigned", Reason: "it is <b>odd</b>"}})
	append(r.now, &ledger.Entry{Refusal: &ledger.Refusal{Target: "osaka", Name: "docs/gone.pdf",
		Kind: artifact.Document, Digest: line.Digest, Rule: "unsigned", Reason: "it is no longer current"}})
	_ = must(log.Commit(t.Context()))
	return must(status.New(t.Context(), status.Config{Master: r.writer.Log(), Publication: log.Log(), Now: r.clock}))
}

// TestStatusTellsTheDay wants the status to know what is on record, and to say why it is not all well.
func TestStatusTellsTheDay(t *testing.T) {
	t.Parallel()
	s := shiftStatus(t)
	var codes []string
	for _, c := range s.Concerns {
		codes = append(codes, c.Code+" "+string(c.Severity)+" "+c.Name)
		if c.TextEN == "" || c.TextJA == "" || c.Hint == "" || c.HintJA == "" {
			t.Errorf("%s lacks a text: %+v", c.Code, c)
		}
	}
	want := []string{"copy-missing error ", "status-behind warning osaka", "status-samples warning osaka",
		"status-refused warning cert/sub.cer",
		"status-review warning risk-review", "of-a-later-version warning ", "status-review-soon note hsm-list"}
	if !slices.Equal(codes, want) {
		t.Errorf("concerns %q, want %q", codes, want)
	}
	if !s.Warn || s.Critical {
		t.Errorf("warn %v, critical %v: %s", s.Warn, s.Critical, s.Line())
	}
	for _, part := range []string{"WARNING", "osaka: 1 behind, 1 of 2 samples good",
		"found 2 × copy-missing, 1 × of-a-later-version", "osaka: 1 refused",
		`the review of "risk-review" was due 2026-11-01`} {
		if !strings.Contains(s.Line(), part) {
			t.Errorf("the line lacks %q: %s", part, s.Line())
		}
	}
	tokyo := s.Targets[1]
	tried, good := tokyo.Day()
	empty := 0
	for _, slot := range tokyo.Probes {
		if slot.Tried == 0 {
			empty++
		}
	}
	if tokyo.Name != "tokyo" || tried != 2*86 || good != tried || empty != 10 {
		t.Errorf("%s: %d samples, %d good, %d slots without any", tokyo.Name, tried, good, empty)
	}
	if len(s.Targets[0].Refused) != 1 || s.Targets[0].Refused[0].Name != "cert/sub.cer" {
		t.Errorf("refused %+v", s.Targets[0].Refused)
	}
}

// TestStatusHasOneOwner compares the forms of a status: each figure of the text format is in the JSON form.
func TestStatusHasOneOwner(t *testing.T) {
	t.Parallel()
	s := shiftStatus(t)
	var prom, js bytes.Buffer
	check(s.WritePrometheus(&prom))
	check(s.WriteJSON(&js))
	var back status.Status
	check(json.Unmarshal(js.Bytes(), &back))
	var again bytes.Buffer
	check(back.WritePrometheus(&again))
	if again.String() != prom.String() {
		t.Errorf("the figures of the JSON form are\n%s\nand of the status\n%s", again.String(), prom.String())
	}
	written := 0
	for _, line := range strings.Split(prom.String(), "\n") {
		if strings.HasPrefix(line, "seihon_") {
			written++
		}
	}
	if all := s.Figures(); written != len(all) {
		t.Errorf("%d figures are written, the status has %d: one of them has no help", written, len(all))
	}
	names := map[string]bool{}
	for _, f := range s.Figures() {
		if key := fmt.Sprint(f.Name, "{", f.Labels, "}"); names[key] {
			t.Errorf("%s is there twice", key)
		} else {
			names[key] = true
		}
	}
}

// TestStatusLineInJapanese wants the same word and the same numbers as in English.
func TestStatusLineInJapanese(t *testing.T) {
	t.Parallel()
	s := shiftStatus(t)
	ja := s.LineIn("ja")
	for _, want := range []string{"WARNING - 正本のログ 5 件", "今後署名がなければ", "osaka：遅れ 1 件、観測 2 件中 1 件正常", "osaka：拒否 1 件",
		"tokyo：遅れ 0 件、観測 2 件中 2 件正常",
		"copy-missing 2 件、of-a-later-version 1 件", `文書 "risk-review" の見直しの期日は 2026-11-01`} {
		if !strings.Contains(ja, want) {
			t.Errorf("the line lacks %q: %s", want, ja)
		}
	}
	if s.LineIn("en") != s.Line() {
		t.Error("the English line is another one")
	}
}
