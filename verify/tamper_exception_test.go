package verify_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/internal/inputtest"
	"seihon/ledger"
	"seihon/sectiona"
	"seihon/verify"
)

// except enters an exception signed by key for what a CA dates before an end.
func (r *repo) except(key ed25519.PrivateKey, ca *x509.Certificate, until time.Time, kind string) {
	body := fmt.Sprintf("seihon/exception/v1\nkey %s\nallow %s\nreason ticket 4711\nexpires %s\n",
		artifact.Sum(ca.RawSubjectPublicKeyInfo), kind, until.UTC().Format(overrideTime))
	text := body + "signature " + base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(body))) + "\n"
	r.enter(&ledger.Entry{Exception: &ledger.Exception{Issuer: "foreign", Text: text}})
}

// exceptionTampers are lists and certificates that deviate in a known way, with an exception for it and without a good
// one.
func exceptionTampers() (all []tamper) {
	_, pinned := mustKey()
	_, stranger := mustKey()
	add := func(name string, want []string, do func(r *repo, ca *inputtest.CA)) {
		all = append(all, tamper{name: "exception: " + name, want: want, only: true, passes: len(want) == 0,
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				c.OverrideKeys = []ed25519.PublicKey{pinned.Public().(ed25519.PublicKey)}
				ca := inputtest.NewCA("Foreign CA")
				c.Policy.Trust = artifact.NewTrust([]*x509.Certificate{r.root.cert, ca.Cert}, nil)
				r.put("cert/foreign.cer", artifact.CACertificate, ca.Cert.Raw)
				do(r, ca)
				r.publish(r.public())
			}})
	}
	list := func(r *repo, ca *inputtest.CA, i int) {
		r.put("crl/foreign.crl", artifact.CRL, inputtest.DeviantLists(ca, r.now)[i].DER)
		r.commit()
	}
	for i, d := range inputtest.DeviantLists(inputtest.NewCA("Foreign CA"), start.Add(25*time.Hour)) {
		kind := ""
		for one := range sectiona.Deviations(artifact.Parse(d.DER), time.Time{}) {
			kind = one.Code
		}
		if !sectiona.Excusable(kind) {
			continue
		}
		wrong := "section-a@crl/foreign.crl#" + d.Says
		add(d.Name, nil, func(r *repo, ca *inputtest.CA) {
			r.except(pinned, ca.Cert, r.now.Add(time.Hour), kind)
			list(r, ca, i)
		})
		add(d.Name+", by a stranger", []string{wrong, "exception-unpinned@log entry"}, func(r *repo, ca *inputtest.CA) {
			r.except(stranger, ca.Cert, r.now.Add(time.Hour), kind)
			list(r, ca, i)
		})
		add(d.Name+", expired", []string{wrong, "exception-unpinned@log entry#it expired"},
			func(r *repo, ca *inputtest.CA) {
				r.except(pinned, ca.Cert, r.now.Add(-90*time.Minute), kind)
				list(r, ca, i)
			})
		add(d.Name+", of another CA", []string{wrong}, func(r *repo, ca *inputtest.CA) {
			r.except(pinned, r.sub.cert, r.now.Add(time.Hour), kind)
			list(r, ca, i)
		})
		add(d.Name+", of another kind", []string{wrong}, func(r *repo, ca *inputtest.CA) {
			r.except(pinned, ca.Cert, r.now.Add(time.Hour), sectiona.AnsweredLater)
			list(r, ca, i)
		})
	}
	return all
}

// TestExceptionShown: the report shows an exception, and how often it let something pass.
func TestExceptionShown(t *testing.T) {
	t.Parallel()
	_, pinned := mustKey()
	r, ca := newRepo(t), inputtest.NewCA("Foreign CA")
	r.put("cert/foreign.cer", artifact.CACertificate, ca.Cert.Raw)
	r.except(pinned, ca.Cert, r.now.Add(time.Hour), sectiona.ListedTwice)
	twice := inputtest.Integer([]byte{0x21})
	day := inputtest.Time(r.now.Add(-24 * time.Hour))
	r.put("crl/foreign.crl", artifact.CRL,
		ca.List(inputtest.List{This: inputtest.Time(r.now.Add(-time.Hour)),
			Next:    inputtest.Time(r.now.Add(72 * time.Hour)),
			Entries: []inputtest.Entry{{Serial: twice, Time: day}, {Serial: twice, Time: day}}}))
	r.commit()
	r.publish(r.public())
	report := r.check(t, func(c *verify.Config) {
		c.OverrideKeys = []ed25519.PublicKey{pinned.Public().(ed25519.PublicKey)}
		c.Policy.Trust = artifact.NewTrust([]*x509.Certificate{r.root.cert, ca.Cert}, nil)
	})
	if !report.OK || len(report.Exceptions) != 1 {
		t.Fatalf("OK %v, exceptions %v, findings %v", report.OK, report.Exceptions, codesOf(report))
	}
	e := report.Exceptions[0]
	if !e.Counts || e.Passed[sectiona.ListedTwice] == 0 || e.Reason != "ticket 4711" || e.Issuer != "foreign" {
		t.Errorf("the exception is shown as %+v", e)
	}
}
