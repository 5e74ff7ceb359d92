//go:build integration

package cmd_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/artifact"
	"seihon/hsmsign/books"
	"seihon/hsmsign/room"
	"seihon/hsmsign/schedule"
	"seihon/internal/config"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/publish"
	"seihon/publish/dirstore"
	"seihon/sectiona"
	"seihon/verify"
	"seihon/verify/report"
)

// alarm is the shelf life below which the operator is woken. In the golden
// repository responses live three days and are renewed daily, so it never falls
// below this by itself, and falls below it in every outage that lasts a day.
const alarm = 40 * time.Hour

// month is a repository on a clock that the test turns.
type month struct {
	*testing.T
	dir   string
	conf  *config.Config
	clock time.Time
	certs map[string]*x509.Certificate
	log   *ledger.Writer // of what was published
	notes notebook
}

// TestAMonth runs room, publisher, responder and verifier through thirty days in
// steps of two hours, with everything that happens in such a month. At no step may the
// responder serve what has expired; alarms must ring in an outage and only then; every
// day without an outage must end with a clean verification; and the month's report must
// say what the test has seen, no more and no less.
func TestAMonth(t *testing.T) {
	m := newMonth(t)
	from := m.clock
	const day = 12 // steps
	var alarms []int
	for step := range 30 * day {
		m.clock = m.clock.Add(2 * time.Hour)
		today := step / day
		hsmDown := today == 7                          // the HSM is gone for a day
		cloudDown := step >= 12*day && step < 12*day+3 // the cloud for six hours
		if step%day == 5 {
			m.event(today)
		}
		if !hsmDown {
			// In the outage somebody signs lists by hand: they are the ones that wait longest.
			m.room(func(r *room.Room) error {
				_, err := schedule.Run(t.Context(), r, schedule.Force{CRLs: step == 12*day+1})
				return err
			})
		}
		if !cloudDown {
			m.sync(today == 21)
		}
		m.look()
		m.ask(today, cloudDown)
		if m.shelfLife() < alarm {
			alarms = append(alarms, today)
		}
		if step%day == day-1 && !hsmDown && !cloudDown {
			m.verify()
		}
	}
	if len(alarms) == 0 {
		t.Error("no alarm rang in a day without the HSM")
	}
	for _, d := range alarms {
		if d != 7 && d != 8 {
			t.Errorf("an alarm rang on day %d; the HSM was away on day 7 only", d)
		}
	}
	m.report(from)
	m.outage(m.verify().Record)
}

// event is what somebody does in the middle of a day.
func (m *month) event(day int) {
	switch day {
	case 3: // a revocation
		b, err := books.Open(m.Context(), m.conf, m.now, nil)
		m.check(err)
		m.check(b.Revoke(m.Context(),
			books.Revocation{Issuer: "sub", Serial: m.certs["good"].SerialNumber.Text(16),
				Reason: "affiliationChanged"}))
		m.check(b.Close())
	case 15: // a revised CPS
		m.document("1.1")
	case 18: // the OCSP signer's certificate is replaced ahead of time
		m.room(func(r *room.Room) error {
			if _, err := r.IssueResponder(m.Context(), "sub"); err != nil {
				return err
			}
			_, err := r.Commit(m.Context(), "rotation")
			return err
		})
	case 20: // a wrong version is published …
		m.document("9.9")
	case 21: // … withdrawn and issued again
		m.room(func(r *room.Room) error {
			for _, name := range []string{"docs/cps-9.9.pdf", "docs/cps-9.9.pdf.p7s"} {
				if _, err := r.Withdraw(m.Context(), name, "wrong version number"); err != nil {
					return err
				}
			}
			return nil
		})
		m.document("1.2")
	}
}

func newMonth(t *testing.T) *month {
	m := &month{T: t, dir: copyGolden(t), clock: time.Now().UTC().Truncate(time.Second),
		certs: map[string]*x509.Certificate{}}
	file := filepath.Join(m.dir, "repository.yaml")
	raw, err := os.ReadFile(file)
	m.check(err)
	m.check(os.WriteFile(file, append(raw, "probe: {every: 2h}\n"...), 0o600))
	m.conf, err = config.Load(file)
	m.check(err)
	m.check(room.UseSoftHSMConfig(m.conf.Signer))
	for _, name := range []string{"root", "sub", "good", "revoked"} {
		raw, err := os.ReadFile(filepath.Join(m.dir, "ca", name+".pem"))
		m.check(err)
		block, _ := pem.Decode(raw)
		m.certs[name], err = x509.ParseCertificate(block.Bytes)
		m.check(err)
	}
	m.beginNotes()
	return m
}

func (m *month) now() time.Time { return m.clock }

func (m *month) check(err error) {
	m.Helper()
	if err != nil {
		m.Fatalf("%s: %v", m.clock.Format(time.RFC3339), err)
	}
}

func (m *month) room(fn func(*room.Room) error) {
	m.Helper()
	r, err := room.Open(m.Context(), room.Options{Config: m.conf, Now: m.now})
	m.check(err)
	m.check(fn(r))
	m.check(r.Close())
}

func (m *month) document(version string) {
	m.Helper()
	m.room(func(r *room.Room) error {
		if err := r.Document(m.Context(),
			room.DocumentRequest{Name: "cps", Version: version, File: demoPDF}); err != nil {
			return err
		}
		_, err := r.Commit(m.Context(), "document")
		return err
	})
}

func (m *month) verifier() *ledger.Verifier {
	var keys []string
	for _, file := range m.conf.Master.Keys {
		raw, err := os.ReadFile(string(file))
		m.check(err)
		keys = append(keys, strings.TrimSpace(string(raw)))
	}
	v, err := ledger.NewVerifier(m.conf.Master.Origin, keys...)
	m.check(err)
	return v
}

func (m *month) policy() *sectiona.Policy {
	return &sectiona.Policy{Trust: artifact.NewTrust([]*x509.Certificate{m.certs["root"]}, nil), Now: m.now}
}

func (m *month) sync(prune bool) {
	m.Helper()
	master, err := ledger.Open(m.Context(), string(m.conf.Master.Directory), m.verifier())
	m.check(err)
	store, err := dirstore.Open(string(m.conf.Targets[0].Directory), m.now)
	m.check(err)
	res, err := publish.Sync(m.Context(), publish.Config{
		Master: master, Policy: m.policy(), Now: m.now, Prune: prune, Publication: m.log,
		Targets: []publish.Target{{TargetConfig: publish.TargetConfig{Name: "public", Cadence: 24 * time.Hour,
			Trial: true}, Store: store}},
	})
	m.check(err)
	m.check(res.Err())
	if res.Refused() || res.Found() || !res.Targets[0].Complete {
		m.Fatalf("%s: sync: %+v", m.clock, res.Targets[0])
	}
	m.check(store.Close())
}

// ask wants a current answer for every certificate, and the right one, and probes the public address.
func (m *month) ask(day int, cloudDown bool) {
	m.Helper()
	source, err := ocspcache.OpenDirectory(m.Context(),
		ocspcache.DirectoryConfig{Root: string(m.conf.Targets[0].Directory), Now: m.now})
	m.check(err)
	defer source.Close()
	h, err := ocspcache.NewHandler(ocspcache.HandlerConfig{Source: source, Now: m.now})
	m.check(err)
	m.probe(h, cloudDown)
	for name, want := range map[string]int{"revoked": ocsp.Revoked, "good": ocsp.Good} {
		if name == "good" && day == 3 {
			continue // revoked in the course of the day
		}
		if name == "good" && day > 3 {
			want = ocsp.Revoked
		}
		req, err := ocsp.CreateRequest(m.certs[name], m.certs["sub"], nil)
		m.check(err)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec,
			httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/ocsp", bytes.NewReader(req)))
		resp, err := ocsp.ParseResponseForCert(rec.Body.Bytes(), m.certs[name], m.certs["sub"])
		m.check(err)
		if !m.clock.Before(resp.NextUpdate) || m.clock.Before(resp.ThisUpdate) || resp.Status != want {
			m.Fatalf("%s: %s: status %d, valid %s to %s", m.clock, name, resp.Status, resp.ThisUpdate, resp.NextUpdate)
		}
	}
}

func (m *month) shelfLife() time.Duration {
	b, err := books.Open(m.Context(), m.conf, m.now, nil)
	m.check(err)
	s, err := b.Status(m.Context())
	m.check(err)
	m.check(b.Close())
	return s.FirstExpiry.Sub(m.clock)
}

func (m *month) verify() *report.Report {
	m.Helper()
	source, err := verify.Dir(string(m.conf.Targets[0].Directory))
	m.check(err)
	checked, err := verify.Check(m.Context(), verify.Config{
		Master: string(m.conf.Master.Directory), Verifier: m.verifier(), Policy: m.policy(), Now: m.now,
		Copies: []verify.Copy{{Source: source}}, BaseURL: m.conf.Repository.BaseURL,
	})
	m.check(err)
	if !checked.OK {
		var b bytes.Buffer
		m.check(checked.WriteText(&b))
		m.Fatalf("%s: verify:\n%s", m.clock, &b)
	}
	m.record(&ledger.Entry{Verify: &ledger.Verify{Target: "all", MasterSize: checked.Log.Size, OK: true,
		Report: checked.Digest()}})
	m.notes.verified = append(m.notes.verified, m.clock)
	return checked
}
