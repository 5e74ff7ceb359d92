package evidence

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
)

// TestTenYears asks about every kind of fate a certificate can have, all over
// ten simulated years, and proves each answer again from the file alone.
func TestTenYears(t *testing.T) {
	w := newWorld(t)
	began := time.Now()
	log := w.run(lastDay, 2200)
	t.Logf("%d entries in %s", log.Size(), time.Since(began).Round(time.Second))
	since := func(d, h int) string { return stamp(on(d, h)) }
	for _, test := range []struct {
		subject string
		day     int
		byNo    bool // ask by serial number instead of the certificate
		then    string
		today   string
		later   string
	}{
		{"steady", 1, false, "good", "good", ""},
		{"steady", 3649, true, "good", "good", ""},
		{"steady", 2199, false, "good", "good", ""}, // before and after the log's keys changed
		{"steady", 2201, false, "good", "good", ""},
		{"revoked", 990, true, "good", "good", "revoked " + since(999, 15)},
		{"revoked", 999, false, "good", "good", "revoked " + since(999, 15)},
		{"revoked", 1001, true, "revoked " + since(999, 15), "revoked " + since(999, 15), "any"},
		{"revoked", 1820, false, "revoked " + since(999, 15), "revoked " + since(999, 15), "any"},
		{"held", 705, true, "on-hold " + since(699, 9), "on-hold " + since(699, 9), ""},
		{"held", 699, false, "good", "on-hold " + since(699, 9), ""}, // put on hold at nine, on a list the next day
		{"held", 721, false, "good", "good", ""},
		{"backdated", 1450, true, "good", "revoked " + since(1400, 12), "any"},
		{"backdated", 1450, false, "good", "revoked " + since(1400, 12), "any"},
		{"backdated", 1300, false, "good", "good", "revoked " + since(1400, 12)},
		{"late", 2960, false, "good", "good", "revoked " + since(2999, 23)},
		// expired in the second year: only all lists together tell
		{"gone", 300, true, "good", "good", "revoked " + since(399, 1)},
		{"second", 2500, false, "good", "good", ""},
	} {
		t.Run(fmt.Sprintf("%s at %d", test.subject, test.day), func(t *testing.T) {
			s := w.subjects[test.subject]
			q := Question{Time: on(test.day, 12), Certificate: s.cert}
			if test.byNo {
				q = Question{Time: on(test.day, 12), Issuer: "sub", Serial: artifact.SerialBytes(s.cert)}
			}
			e, err := Make(t.Context(), log, q, w.config())
			if err != nil {
				t.Fatal(err)
			}
			a := e.Answer
			if got := claimText(a.Then); got != test.then {
				t.Errorf("then: %s, want %s", got, test.then)
			}
			if got := claimText(a.Today.Claim); got != test.today {
				t.Errorf("today: %s, want %s", got, test.today)
			}
			if got := laterText(a.Today); got != test.later && test.later != "any" {
				t.Errorf("later: %q, want %q", got, test.later)
			}
			file := e.Bytes()
			if len(file) >= MaxFile {
				t.Errorf("the file has %d bytes", len(file))
			}
			r, err := Check(file, w.pins())
			if err != nil {
				t.Fatalf("%v\n%s", err, file)
			}
			if len(r.Missing) > 0 || r.Tokens == 0 && test.day < 3600 || r.Stamps != r.Tokens {
				t.Errorf("missing %v, %d of %d stamps verified", r.Missing, r.Stamps, r.Tokens)
			}
			// Binary searches and a few entries beside the way; to the second key's certificate, and through all lists
			// when nobody told the expiry and no newest list helps, the way is longer.
			far := test.subject == "second" || test.subject == "gone" || test.byNo
			if e.Looked > 120 && !far {
				t.Errorf("%d entries were read of %d", e.Looked, log.Size())
			}
			t.Logf("%d bytes, %d entries read, %d sources", len(file), e.Looked, len(a.Sources))
		})
	}
	t.Run("refused", func(t *testing.T) { refusedQuestions(t, w) })
	t.Run("tampered", func(t *testing.T) { tamperedFiles(t, w) })
}

func claimText(c Claim) string {
	if c.Since == nil {
		return string(c.Status)
	}
	return string(c.Status) + " " + stamp(*c.Since)
}

func laterText(v Verdict) string {
	if v.Later == nil {
		return ""
	}
	return claimText(*v.Later)
}

// refusedQuestions are those without an answer: one sentence each, of the right kind.
func refusedQuestions(t *testing.T, w *world) {
	log := w.w.Log()
	sub := w.subjects
	for name, test := range map[string]struct {
		q    Question
		bad  bool
		want string
	}{
		"before the log": {Question{Time: on(0, -1), Issuer: "sub", Serial: []byte{1}}, false, "began at"},
		"before a list": {Question{Time: on(0, 1), Issuer: "sub", Serial: []byte{1}}, false,
			"no list and no response of sub"},
		"to come": {Question{Time: on(lastDay+1, 0), Issuer: "sub", Serial: []byte{1}}, true,
			"has not come yet"},
		"before its life": {Question{Time: on(5, 0), Certificate: sub["late"].cert}, true, "did not exist"},
		"unknown serial": {Question{Time: on(100, 12), Issuer: "sub", Serial: []byte{0x77}}, false,
			"names the serial 77"},
		"unknown issuer": {Question{Time: on(100, 12), Issuer: "other", Serial: []byte{1}}, false,
			`an issuer "other"`},
		"no lists": {Question{Time: on(100, 12), Issuer: "root", Serial: []byte{1}}, false,
			"no list and no response of root"},
		"wrong issuer": {Question{Time: on(2500, 12), Issuer: "sub", Certificate: sub["second"].cert}, true,
			"was not signed by"},
		"foreign": {Question{Time: on(100, 12), Certificate: w.tsa}, false, "signed this certificate"},
		"two serials": {Question{Time: on(100, 12), Serial: []byte{9}, Certificate: sub["steady"].cert}, true,
			"leave one of them away"},
		"nothing": {Question{Time: on(100, 12)}, true, "needs an issuer and a serial"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Make(t.Context(), log, test.q, w.config())
			var bad *BadQuestion
			var none *NoAnswer
			if err == nil || !strings.Contains(err.Error(), test.want) || errors.As(err, &bad) != test.bad ||
				errors.As(err, &none) == test.bad {
				t.Errorf("%T %v, want %q", err, err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

// TestPagesHaveTheSteps keeps the steps in the pages those that are tested.
func TestPagesHaveTheSteps(t *testing.T) {
	for _, page := range []string{"../docs/status-at.en.md", "../docs/status-at.ja.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "\n"+steps+"```\n") {
			t.Errorf("%s has other steps than evidence/check.sh", page)
		}
	}
}
