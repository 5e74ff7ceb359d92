//go:build integration

package cmd_test

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/verify/probe"
	"seihon/verify/report"
)

// A notebook is what the test itself saw of the month, kept apart from everything that the report is made from.
type notebook struct {
	samples  []seen
	lists    map[[32]byte]bool
	updates  map[string][]time.Time // thisUpdate of each version that was public
	took     []delay
	revoked  time.Duration // from the revocation to the first public list that has it
	verified []time.Time
}

type seen struct {
	url  string
	time time.Time
	good bool
}

type delay struct {
	name string
	time time.Time
	took time.Duration
}

// beginNotes begins the month with a publication log of its own: what the golden repository sent before is no part of
// it.
func (m *month) beginNotes() {
	m.Helper()
	m.notes = notebook{lists: map[[32]byte]bool{}, updates: map[string][]time.Time{}, revoked: -1}
	m.look()
	m.notes.took = nil
	m.check(os.RemoveAll(string(m.conf.Publication.Directory)))
	var err error
	m.log, err = ledger.Create(m.Context(), string(m.conf.Publication.Directory), m.publicationConfig())
	m.check(err)
	m.Cleanup(func() { _ = m.log.Close() })
}

// publicationConfig is that of the host's own log on the month's clock.
func (m *month) publicationConfig() ledger.WriterConfig {
	m.Helper()
	raw, err := os.ReadFile(string(m.conf.Publication.Key))
	m.check(err)
	block, _ := pem.Decode(raw)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	m.check(err)
	signer, err := ledger.NewNoteSigner(m.conf.Publication.Origin, key.(ed25519.PrivateKey))
	m.check(err)
	return ledger.WriterConfig{Origin: m.conf.Publication.Origin, Signers: []note.Signer{signer}, Now: m.now}
}

func (m *month) record(e *ledger.Entry) {
	m.Helper()
	m.check(m.log.Append(m.Context(), e))
	_, err := m.log.Commit(m.Context())
	m.check(err)
}

// A cloud answers for the public address, or does not.
type cloud struct {
	handler http.Handler
	down    bool
}

func (c *cloud) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.down {
		return nil, errors.New("connection refused")
	}
	rec := httptest.NewRecorder()
	c.handler.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// probe asks the public address for everything, records the samples, and notes them.
func (m *month) probe(h *ocspcache.Handler, down bool) {
	m.Helper()
	master, err := ledger.Open(m.Context(), string(m.conf.Master.Directory), m.verifier())
	m.check(err)
	p, err := probe.Round(m.Context(), probe.Config{
		Target: "public", BaseURL: m.conf.Repository.BaseURL, Master: master, OCSPPath: "/ocsp", Now: m.now,
		Client: &http.Client{Transport: &cloud{handler: h, down: down}},
	})
	m.check(err)
	for _, s := range p.Samples {
		if s.OK == down {
			m.Fatalf("%s: the cloud's outage is %t, and a sample says %+v", m.clock, down, s)
		}
		m.notes.samples = append(m.notes.samples, seen{s.URL, m.clock, !down})
	}
	m.record(&ledger.Entry{Probe: p})
}

// look reads the lists that are public now and notes when each was seen first.
func (m *month) look() {
	m.Helper()
	files, err := filepath.Glob(filepath.Join(string(m.conf.Targets[0].Directory), "crl", "*.crl"))
	m.check(err)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		m.check(err)
		digest := sha256.Sum256(raw)
		if m.notes.lists[digest] {
			continue
		}
		m.notes.lists[digest] = true
		list, err := x509.ParseRevocationList(raw)
		m.check(err)
		name := "crl/" + filepath.Base(file)
		m.notes.took = append(m.notes.took, delay{name, m.clock, m.clock.Sub(list.ThisUpdate)})
		m.notes.updates[name] = append(m.notes.updates[name], list.ThisUpdate)
		for _, e := range list.RevokedCertificateEntries {
			if m.notes.revoked < 0 && e.SerialNumber.Cmp(m.certs["good"].SerialNumber) == 0 {
				m.notes.revoked = m.clock.Sub(e.RevocationTime)
			}
		}
	}
}

// report holds `publisher report` of each calendar month that the thirty days touch to the notebook.
func (m *month) report(from time.Time) {
	m.Helper()
	total := 0
	for month := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0,
		time.UTC); month.Before(m.clock); month = month.AddDate(0, 1, 0) {
		page := filepath.Join(m.TempDir(), "month.html")
		cmd := exec.CommandContext(m.Context(), "publisher", "report", "--config", m.conf.File, "--month",
			month.Format("2006-01"), "--json", "--html", page,
			"--now", m.clock.Add(time.Second).Format(time.RFC3339))
		out, err := cmd.Output()
		m.check(err)
		var u report.Uptime
		m.check(json.Unmarshal(out, &u))
		m.availability(&u, month)
		m.incidents(&u, page)
		m.publications(&u, month)
		total += int(u.Total.Samples)
	}
	if total != len(m.notes.samples) || total < 3000 {
		m.Errorf("the reports speak of %d samples, %d were taken", total, len(m.notes.samples))
	}
}

// outage finds the day without the HSM in the verifier's record: the daily list of the issuing CA was once not renewed
// for longer than a day, by as much as the test has seen, and was current all the same.
func (m *month) outage(record *report.Record) {
	m.Helper()
	const name = "crl/sub.crl"
	longest := time.Duration(0)
	for i, u := range m.notes.updates[name][1:] {
		longest = max(longest, u.Sub(m.notes.updates[name][i]))
	}
	if longest <= 24*time.Hour || longest > 50*time.Hour {
		m.Errorf("the longest time between two lists was %v; the HSM was away for a day", longest)
	}
	for _, h := range record.Lists {
		if h.Name == name && (h.Longest != longest || h.Gaps != 0) {
			m.Errorf("the record says %+v; the longest time was %v, and there was always a current list", h, longest)
		}
	}
}

// within returns the samples of a calendar month.
func (m *month) within(month time.Time) []seen {
	var some []seen
	for _, s := range m.notes.samples {
		if !s.time.Before(month) && s.time.Before(month.AddDate(0, 1, 0)) {
			some = append(some, s)
		}
	}
	return some
}

// availability compares the uptime in total and of each address.
func (m *month) availability(u *report.Uptime, month time.Time) {
	m.Helper()
	count, good := map[string]int64{}, map[string]int64{}
	for _, s := range m.within(month) {
		for _, name := range []string{"total", s.url} {
			count[name]++
			if s.good {
				good[name]++
			}
		}
	}
	if len(u.Names) != max(len(count)-1, 0) {
		m.Errorf("%s: %d addresses in the report, %d were asked", month.Format("2006-01"), len(u.Names), len(count)-1)
	}
	for _, a := range append(slices.Clone(u.Names), u.Total) {
		if a.Samples != count[a.Name] || a.Good != good[a.Name] || a.Observed != a.Samples {
			m.Errorf("%s: %+v; %d of %d samples were good", month.Format("2006-01"), a, good[a.Name], count[a.Name])
		}
		if n := count[a.Name]; n == 0 && a.Ratio != nil ||
			n > 0 && (a.Ratio == nil || *a.Ratio != float64(good[a.Name])/float64(n)) {
			m.Errorf("%s: the share of %+v; %d of %d samples were good", month.Format("2006-01"), a, good[a.Name], n)
		}
	}
}

// incidents wants one for each address that was asked in the cloud's outage, as long as that, and no other; on the
// page, too. The day without the HSM is none: what had been signed was still current.
func (m *month) incidents(u *report.Uptime, page string) {
	m.Helper()
	raw, err := os.ReadFile(page)
	m.check(err)
	for _, lang := range []string{"稼働実績", "Record of operation"} {
		if !bytes.Contains(raw, []byte(lang)) {
			m.Errorf("the page lacks %q", lang)
		}
	}
	var want []report.Incident
	open := map[string]*report.Incident{}
	for _, s := range m.within(u.From) {
		in := open[s.url]
		switch {
		case s.good && in != nil:
			in.To = s.time
			want = append(want, *in)
			delete(open, s.url)
		case !s.good && in == nil:
			open[s.url] = &report.Incident{Name: s.url, From: s.time, Samples: 1}
		case !s.good:
			in.Samples++
		}
	}
	for _, in := range open {
		want = append(want, *in)
	}
	slices.SortFunc(want,
		func(a, b report.Incident) int { return cmp.Or(a.From.Compare(b.From), strings.Compare(a.Name, b.Name)) })
	got := slices.Clone(u.Incidents)
	for i := range got {
		if got[i].Error == "" || !bytes.Contains(raw, []byte(got[i].Name)) {
			m.Errorf("incident %+v says no reason, or is not on the page", got[i])
		}
		got[i].Error = ""
		if length := got[i].To.Sub(got[i].From); got[i].Samples == 3 && !got[i].To.IsZero() && length != 6*time.Hour {
			m.Errorf("the outage of six hours is one of %v in the report", length)
		}
	}
	if !slices.Equal(got, want) {
		m.Errorf("incidents\n%+v\nwant\n%+v", got, want)
	}
}

// publications compares how long lists took to become public, and counts of what was done.
func (m *month) publications(u *report.Uptime, month time.Time) {
	m.Helper()
	inside := func(t time.Time) bool { return !t.Before(month) && t.Before(month.AddDate(0, 1, 0)) }
	var slowest delay
	var took []time.Duration
	for _, d := range m.notes.took {
		if inside(d.time) {
			took = append(took, d.took)
			if d.took > slowest.took {
				slowest = d
			}
		}
	}
	if m.notes.revoked < 0 || m.notes.revoked > 2*time.Hour {
		m.Errorf("the revocation was public after %v", m.notes.revoked)
	}
	count := func(times []time.Time) (n int) {
		for _, t := range times {
			if inside(t) {
				n++
			}
		}
		return n
	}
	if got, want := u.Verified, count(m.notes.verified); got != want || u.VerifiedBad != 0 || u.Refused != 0 {
		m.Errorf("%d verifications, %d with findings, %d refusals; there were %d, and nothing was wrong", got,
			u.VerifiedBad, u.Refused, want)
	}
	if len(took) == 0 && u.Slowest == nil {
		return // a month that has only the first or last hours of the thirty days
	}
	slices.Sort(took)
	if len(took) == 0 || u.Slowest == nil || u.Median != took[len(took)/2] || u.Slowest.Took != slowest.took {
		m.Errorf("%s: slowest %+v, median %v; seen: %+v, %v", month.Format("2006-01"), u.Slowest, u.Median, slowest,
			took)
	}
}
