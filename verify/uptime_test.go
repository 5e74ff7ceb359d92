package verify_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify/report"
	"seihon/verify/uptime"
)

// A diary is a publication log that a test writes entry by entry.
type diary struct {
	*testing.T
	w *ledger.Writer
}

const diaryURL = "http://repo.example/crl/sub.crl"

func newDiary(t *testing.T) *diary {
	t.Helper()
	w := must(ledger.Create(t.Context(), filepath.Join(t.TempDir(), "log"), ledger.WriterConfig{
		Origin:  "publication.example/log",
		Signers: []note.Signer{must(ledger.NewNoteSigner("publication.example/log", newKey()))},
	}))
	t.Cleanup(func() { w.Close() })
	return &diary{t, w}
}

// at is a time of the day that the tests are about.
func at(clock string) time.Time {
	return must(time.Parse("2006-01-02 15:04:05", "2026-11-21 "+clock))
}

// sample records a round of one sample, at the time that it was taken.
func (d *diary) sample(clock string, ok bool) { d.round(at(clock), at(clock), "", ok, diaryURL) }

func (d *diary) round(taken, recorded time.Time, vantage string, ok bool, urls ...string) {
	d.Helper()
	p := &ledger.Probe{Target: "public", Vantage: vantage}
	for _, u := range urls {
		s := ledger.Sample{URL: u, Time: taken, OK: ok, Status: 200, Latency: time.Millisecond}
		if !ok {
			s.Error = "the list is stale"
		}
		p.Samples = append(p.Samples, s)
	}
	d.enter(&ledger.Entry{Time: recorded, Probe: p})
}

func (d *diary) enter(e *ledger.Entry) {
	d.Helper()
	check(d.w.Append(d.Context(), e))
}

// receipt records that the target was published to.
func (d *diary) receipt(clock string) {
	d.enter(&ledger.Entry{Time: at(clock),
		Publish: &ledger.Publish{Target: "public", MasterSize: 1, Receipts: []ledger.Receipt{
			{Op: "put", Name: "crl/sub.crl", Kind: artifact.CRL, Digest: artifact.Sum([]byte("x")), Size: 1,
				Time: at(clock)}}}})
}

// measure sums up an hour with a sample each ten minutes, of which the rounds are those at :00, :10 … :50.
func (d *diary) measure(change ...func(c *uptime.Config)) *report.Uptime {
	d.Helper()
	_ = must(d.w.Commit(context.Background()))
	c := uptime.Config{
		Publication: d.w.Log(), From: at("10:00:00"), To: at("11:00:00"), Now: at("12:00:00"), Every: 10 * time.Minute,
		BaseURL: "http://repo.example",
		Targets: []uptime.Target{{Name: "public", Addresses: []string{"http://repo.example", "http://old.example"}}},
	}
	for _, f := range change {
		f(&c)
	}
	return must(uptime.Measure(context.Background(), c))
}

// figures are what a test wants of a record, in one line.
func figures(u *report.Uptime) string {
	s := fmt.Sprintf("rounds %d/%d, observed %d/%d, good %d", u.Rounds.Taken, u.Rounds.Expected, u.Total.Observed,
		u.Total.Expected, u.Total.Good)
	if u.Total.Worst != nil {
		s += fmt.Sprintf(", %.3f in %.3f-%.3f", *u.Total.Ratio, *u.Total.Worst, *u.Total.Best)
	}
	for _, g := range u.Gaps {
		s += fmt.Sprintf(", gap %s-%s", g.From.Format("15:04"), g.To.Format("15:04"))
	}
	for _, in := range u.Incidents {
		to := "?"
		if !in.To.IsZero() {
			to = in.To.Format("15:04")
		}
		s += fmt.Sprintf(", incident %s-%s of %d", in.From.Format("15:04"), to, in.Samples)
	}
	if n := u.Uncounted; n != (report.Uncounted{}) {
		s += fmt.Sprintf(", uncounted %d elsewhere %d late %d future %d backwards", n.Elsewhere, n.Late, n.Future,
			n.Backwards)
	}
	return s
}

func TestUptimeIsWhatWasObserved(t *testing.T) {
	t.Parallel()
	hour := []string{"10:00:00", "10:10:00", "10:20:00", "10:30:00", "10:40:00", "10:50:00"}
	all := func(d *diary, bad ...string) {
		for _, clock := range hour {
			d.sample(clock, !strings.Contains(strings.Join(bad, " "), clock))
		}
	}
	for _, test := range []struct {
		name string
		do   func(d *diary)
		want string
	}{
		{"nothing at all", func(*diary) {}, "rounds 0/0, observed 0/0, good 0"},
		{"published, and nobody ever asked", func(d *diary) { d.receipt("09:00:00") },
			"rounds 0/6, observed 0/0, good 0, gap 10:00-11:00"},
		{"every round", func(d *diary) { all(d) }, "rounds 6/6, observed 6/6, good 6, 1.000 in 1.000-1.000"},
		{"one of six was bad", func(d *diary) { all(d, "10:30:00") },
			"rounds 6/6, observed 6/6, good 5, 0.833 in 0.833-0.833, incident 10:30-10:40 of 1"},
		{"one sample for the whole time", func(d *diary) { d.receipt("09:00:00"); d.sample("10:00:00", true) },
			"rounds 1/6, observed 1/6, good 1, 1.000 in 0.167-1.000, gap 10:10-11:00"},
		{"one bad sample, and nothing else", func(d *diary) { d.receipt("09:00:00"); d.sample("10:20:00", false) },
			"rounds 1/6, observed 1/6, good 0, 0.000 in 0.000-0.833, gap 10:30-11:00, incident 10:20-? of 1"},
		{"two rounds are missing, which is no gap yet", func(d *diary) {
			for _, clock := range []string{"10:00:00", "10:10:00", "10:40:00", "10:50:00"} {
				d.sample(clock, true)
			}
		}, "rounds 4/6, observed 4/6, good 4, 1.000 in 0.667-1.000"},
		{"the same minute twice", func(d *diary) {
			all(d)
			d.sample("10:50:01", true)
			d.sample("10:55:00", true)
		}, "rounds 6/6, observed 6/6, good 6, 1.000 in 1.000-1.000"},
		{"the same slot, good and bad", func(d *diary) {
			all(d)
			d.sample("10:55:00", false)
		}, "rounds 6/6, observed 6/6, good 5, 0.833 in 0.833-0.833, incident 10:55-? of 1"},
		{"the target came in the middle", func(d *diary) {
			d.receipt("10:29:00")
			for _, clock := range hour[3:] {
				d.sample(clock, true)
			}
		}, "rounds 3/3, observed 3/3, good 3, 1.000 in 1.000-1.000"},
		{"the target was there before anybody asked", func(d *diary) {
			d.receipt("09:30:00")
			for _, clock := range hour[3:] {
				d.sample(clock, true)
			}
		}, "rounds 3/6, observed 3/6, good 3, 1.000 in 0.500-1.000, gap 10:00-10:30"},
		{"two addresses of one target, one of which failed once", func(d *diary) {
			for _, clock := range hour {
				d.round(at(clock), at(clock), "", true, diaryURL)
				d.round(at(clock), at(clock), "", clock != "10:20:00", "http://old.example/crl/sub.crl")
			}
		}, "rounds 6/6, observed 12/12, good 11, 0.917 in 0.917-0.917, incident 10:20-10:30 of 1"},
		{"another address", func(d *diary) {
			d.receipt("09:30:00")
			for _, clock := range hour {
				d.round(at(clock), at(clock), "", true, "http://127.0.0.1:8080/crl/sub.crl",
					"http://repo.example.evil/crl/sub.crl")
			}
		}, "rounds 0/6, observed 0/0, good 0, gap 10:00-11:00, uncounted 12 elsewhere 0 late 0 future 0 backwards"},
		{"made up afterwards", func(d *diary) {
			all(d)
			d.round(at("09:00:00"), at("11:30:00"), "", true, diaryURL) // not of this time
			d.round(at("10:35:00"), at("11:30:00"), "", true, diaryURL)
		}, "rounds 6/6, observed 6/6, good 6, 1.000 in 1.000-1.000, uncounted 0 elsewhere 1 late 0 future 0 backwards"},
		{"made up beforehand", func(d *diary) {
			d.receipt("09:30:00")
			for _, clock := range hour[1:] {
				d.round(at(clock), at("10:00:00"), "", true, diaryURL)
			}
		}, "rounds 0/6, observed 0/0, good 0, gap 10:00-11:00, uncounted 0 elsewhere 0 late 5 future 0 backwards"},
		{"the clock went back and lived an hour again", func(d *diary) {
			d.receipt("09:00:00")
			d.sample("11:30:00", true)
			all(d)
		}, "rounds 0/6, observed 0/0, good 0, gap 10:00-11:00, uncounted 0 elsewhere 0 late 0 future 6 backwards"},
		{"bad samples count even so", func(d *diary) {
			d.receipt("09:00:00")
			d.sample("11:30:00", true)
			all(d, "10:10:00")
		},
			"rounds 1/6, observed 1/6, good 0, 0.000 in 0.000-0.833, gap 10:20-11:00, incident 10:10-? of 1, " +
				"uncounted 0 elsewhere 0 late 0 future 5 backwards"},
		{"two rounds that overlap", func(d *diary) {
			all(d)
			d.sample("10:58:00", true)
			d.sample("10:55:00", true)
		}, "rounds 6/6, observed 6/6, good 6, 1.000 in 1.000-1.000"},
		{"two vantages, one of which is cut off", func(d *diary) {
			for _, clock := range hour {
				d.round(at(clock), at(clock), "Tokyo", true, diaryURL)
				d.round(at(clock), at(clock), "Osaka", clock != "10:20:00", diaryURL)
			}
		}, "rounds 6/6, observed 6/6, good 5, 0.833 in 0.833-0.833, incident 10:20-10:30 of 1"},
		{"an address that came, and one that went", func(d *diary) {
			for i, clock := range hour {
				urls := []string{"http://repo.example/docs/cps-1.0.pdf", "http://repo.example/docs/cps-1.1.pdf"}
				d.round(at(clock), at(clock), "", true, urls[i/3])
			}
		}, "rounds 6/6, observed 6/6, good 6, 1.000 in 1.000-1.000"},
		{"a long round is one round", func(d *diary) {
			all(d)
			d.enter(&ledger.Entry{Time: at("10:59:59"), Probe: &ledger.Probe{Target: "public", Samples: []ledger.Sample{
				{URL: diaryURL, Time: at("10:59:50"), OK: true}, {URL: diaryURL, Time: at("11:00:10"), OK: true}}}})
		}, "rounds 6/6, observed 6/6, good 6, 1.000 in 1.000-1.000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDiary(t)
			test.do(d)
			u := d.measure()
			if got := figures(u); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if u.Total.Observed == 0 && strings.Contains(texts(u), "0000%") {
				t.Errorf("nothing was observed, and a share is told:\n%s", texts(u))
			}
		})
	}
}

// texts are the forms that people read.
func texts(u *report.Uptime) string {
	var b bytes.Buffer
	check(u.WriteText(&b))
	check(u.WriteHTML(&b))
	return b.String()
}

// TestUptimeOfAMonthThatHasNotEnded expects nothing of the time to come.
func TestUptimeOfAMonthThatHasNotEnded(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	for _, clock := range []string{"10:00:00", "10:10:00", "10:20:00"} {
		d.sample(clock, true)
	}
	early := func(c *uptime.Config) { c.Now = at("10:29:59") }
	if got := figures(d.measure(early)); got != "rounds 3/3, observed 3/3, good 3, 1.000 in 1.000-1.000" {
		t.Errorf("in the middle of it: %s", got)
	}
	if u := d.measure(early, func(c *uptime.Config) {
		c.From, c.To = at("13:00:00"),
			at("14:00:00")
	}); figures(u) != "rounds 0/0, observed 0/0, good 0" {
		t.Errorf("of the future: %s", figures(u))
	}
	if got := figures(d.measure(func(c *uptime.Config) { c.Now = at("10:09:00") })); !strings.Contains(got,
		"rounds 1/1") || !strings.Contains(got, "1 future") {
		t.Errorf("samples of a time that has not come: %s", got)
	}
}

// TestUptimeIsNeverRoundedUp: one bad sample in ten million is not 100 %.
func TestUptimeIsNeverRoundedUp(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	d.receipt("00:00:00")
	d.round(at("00:00:10"), at("00:00:10"), "", false, diaryURL)
	u := d.measure(func(c *uptime.Config) {
		c.From, c.To = at("00:00:00"), at("00:00:00").AddDate(5, 0, 0)
		c.Now, c.Every = c.To, time.Minute
	})
	if text := texts(u); strings.Contains(text, "100.0000%") || !strings.Contains(text, "0.0000% – 99.9999%") {
		t.Errorf("%s", text)
	}
}

// TestUptimeAgainstANaiveCount draws rounds at random, in any order, and counts slots one by one.
func TestUptimeAgainstANaiveCount(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		d := newDiary(t)
		d.receipt("10:00:00")
		const n = 360 // seconds × 10
		seen, bad := [n]bool{}, [n]bool{}
		last, first, ended := 0, n, 0
		for range r.IntN(120) {
			slot := max(min(last+r.IntN(30)-12, n-1), 0) // goes back by less than the clock's slack
			last = max(last, slot)
			first, ended = min(first, slot), max(ended, slot+1)
			ok := r.IntN(4) > 0
			seen[slot], bad[slot] = true, bad[slot] || !ok
			when := at("10:00:00").Add(time.Duration(slot) * 10 * time.Second)
			d.round(when, when, "", ok, diaryURL)
		}
		want := [3]int64{} // expected, observed, good
		for i := range n {
			if ended > 0 {
				want[0]++
			}
			if seen[i] {
				want[1]++
			}
			if seen[i] && !bad[i] {
				want[2]++
			}
		}
		u := d.measure(func(c *uptime.Config) { c.Every = 10 * time.Second })
		if got := [3]int64{u.Total.Expected, u.Total.Observed, u.Total.Good}; got != want || len(u.Names) > 1 {
			t.Errorf("seed %d: %v, want %v", seed, got, want)
		}
		day := u.Days
		if want[1] > 0 && (len(day) != 1 || day[0].Expected != want[0] || day[0].Good != want[2]) {
			t.Errorf("seed %d: the only day has %+v", seed, day)
		}
	}
}

// TestUptimeWithoutAKnownAddress: what nobody said to be public cannot be told from what is not.
func TestUptimeWithoutAKnownAddress(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	d.round(at("10:00:00"), at("10:00:00"), "", true, "http://anywhere.example/x")
	u := d.measure(func(c *uptime.Config) { c.BaseURL, c.Targets = "", nil })
	if len(u.Addresses) != 0 || u.Total.Samples != 1 {
		t.Errorf("%+v", u)
	}
}
