package publish_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/override"
	"seihon/publish"
	past "seihon/publish/memory"
)

// An entry is one line of a list in these tests: revoked a month before the epoch.
func listEntry(serial int64, reason int, later time.Duration) x509.RevocationListEntry {
	return x509.RevocationListEntry{SerialNumber: big.NewInt(serial), RevocationTime: epoch.AddDate(0, -1, 0).Add(later), ReasonCode: reason}
}

func (w *world) list(number int64, entries ...x509.RevocationListEntry) []byte {
	w.t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: w.now, NextUpdate: w.now.Add(validity), RevokedCertificateEntries: entries}
	return must(x509.CreateRevocationList(rand.Reader, template, w.ca, w.key))(w.t)
}

func (w *world) append(e ledger.Entry) {
	w.t.Helper()
	if err := w.w.Append(context.Background(), &e); err != nil {
		w.t.Fatal(err)
	}
}

func was(reason int) string {
	return override.Status{State: override.Revoked, Time: epoch.AddDate(0, -1, 0), Reason: reason}.String()
}

// TestNothingIsUnsaid holds lists of masters that the test forced past the room
// against each other: faults are refused, and what is lawful goes out.
func TestNothingIsUnsaid(t *testing.T) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	permit := func(key ed25519.PrivateKey, serial, before, after string) func(w *world) {
		return func(w *world) {
			o := override.Override{Digest: artifact.Sum([]byte("an import")), Allow: []string{override.Changed}, Reason: "ticket 4711", Expires: epoch.AddDate(1, 0, 0)}
			text := must(o.Sign(key))(w.t)
			w.append(ledger.Entry{Override: &ledger.Override{Issuer: "sub", Text: string(text), Changes: []ledger.StatusChange{{Serial: serial, Was: before, Now: after}}}})
		}
	}
	expire := func(serial string, at ...time.Time) func(w *world) {
		return func(w *world) {
			for _, end := range at {
				w.append(ledger.Entry{Expiry: &ledger.Expiry{Issuer: "sub", Entries: []ledger.Expired{{Serial: serial, NotAfter: end}}}})
			}
		}
	}
	type list = []x509.RevocationListEntry
	a, b := listEntry(16, 1, 0), listEntry(32, 4, 0)
	for _, c := range []struct {
		name     string
		old, now list
		before   func(w *world) // statements that the log has before the new list
		after    func(w *world) // and after it, too late
		faults   int
	}{
		{name: "the same", old: list{a, b}, now: list{a, b}},
		{name: "one more", old: list{a}, now: list{a, b}},
		{name: "an entry vanishes", old: list{a, b}, now: list{b}, faults: 1},
		{name: "all vanish", old: list{a, b}, faults: 2},
		{name: "another date", old: list{a}, now: list{listEntry(16, 1, time.Second)}, faults: 1},
		{name: "another reason", old: list{a}, now: list{listEntry(16, 4, 0)}, faults: 1},
		{name: "final becomes a hold", old: list{a}, now: list{listEntry(16, 6, 0)}, faults: 1},
		{name: "a hold becomes final", old: list{listEntry(16, 6, 0)}, now: list{listEntry(16, 1, time.Hour)}},
		{name: "a hold becomes final before it began", old: list{listEntry(16, 6, 0)}, now: list{listEntry(16, 1, -time.Hour)}, faults: 1},
		{name: "a release", old: list{listEntry(16, 6, 0), b}, now: list{b}},
		{name: "expired", old: list{a, b}, now: list{b}, before: expire("10", epoch.AddDate(0, 0, -1))},
		{name: "expired, said too late", old: list{a, b}, now: list{b}, after: expire("10", epoch.AddDate(0, 0, -1)), faults: 1},
		{name: "expired after the list", old: list{a, b}, now: list{b}, before: expire("10", epoch.AddDate(0, 0, 1)), faults: 1},
		{name: "another's expiry", old: list{a, b}, now: list{b}, before: expire("20", epoch.AddDate(0, 0, -1)), faults: 1},
		{name: "two expiries", old: list{a, b}, now: list{b}, before: expire("10", epoch.AddDate(0, 0, -1), epoch.AddDate(0, 0, -2)), faults: 1},
		{name: "an override", old: list{a}, now: list{listEntry(16, 4, 0)}, before: permit(key, "10", was(1), was(4))},
		{name: "an override takes it back", old: list{a, b}, now: list{b}, before: permit(key, "10", was(1), "absent")},
		{name: "a stranger's override", old: list{a}, now: list{listEntry(16, 4, 0)}, before: permit(stranger, "10", was(1), was(4)), faults: 1},
		{name: "an override for another serial", old: list{a}, now: list{listEntry(16, 4, 0)}, before: permit(key, "11", was(1), was(4)), faults: 1},
		{name: "an override for another change", old: list{a}, now: list{listEntry(16, 4, 0)}, before: permit(key, "10", was(1), was(5)), faults: 1},
		{name: "an override that came later", old: list{a}, now: list{listEntry(16, 4, 0)}, after: permit(key, "10", was(1), was(4)), faults: 1},
		{name: "unsorted lists", old: list{b, a}, now: list{a, b}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.commit(w.line("crl/sub.crl", artifact.CRL, w.list(1, c.old...), "1"))
			if c.before != nil {
				c.before(w)
			}
			log := w.commit(w.line("crl/sub.crl", artifact.CRL, w.list(2, c.now...), "2"))
			if c.after != nil {
				c.after(w)
				log = w.commit()
			}
			for from := range int64(2) { // the whole log, and what a target lacks that has the first list
				faults, err := past.Check(t.Context(), log, from, log.Size(), []ed25519.PublicKey{public})
				if err != nil || len(faults["sub"]) != c.faults || len(faults) != min(c.faults, 1) {
					t.Errorf("from %d: %v, %v", from, faults, err)
				}
			}
		})
	}
}

// TestAnswersAreNotUnsaid does the same for responses, also when the number of shards changes.
func TestAnswersAreNotUnsaid(t *testing.T) {
	type say func(w *world, serial int64) []byte
	status := func(state, reason int) say {
		return func(w *world, serial int64) []byte {
			r := ocsp.Response{Status: state, SerialNumber: big.NewInt(serial), ThisUpdate: w.now, NextUpdate: w.now.Add(validity), IssuerHash: 3}
			if state == ocsp.Revoked {
				r.RevokedAt, r.RevocationReason = epoch.AddDate(0, -1, 0), reason
			}
			return must(ocsp.CreateResponse(w.ca, w.ca, r, w.key))(w.t)
		}
	}
	good, compromised, held := status(ocsp.Good, 0), status(ocsp.Revoked, 1), status(ocsp.Revoked, 6)
	for i, c := range []struct {
		name     string
		old, now say // nil: no response
		expired  bool
		faults   int
	}{
		{name: "revoked stays", old: compromised, now: compromised},
		{name: "revoked becomes good", old: compromised, now: good, faults: 1},
		{name: "revoked vanishes", old: compromised, faults: 1},
		{name: "revoked vanishes, expired", old: compromised, expired: true},
		{name: "another reason", old: compromised, now: status(ocsp.Revoked, 4), faults: 1},
		{name: "good becomes revoked", old: good, now: compromised},
		{name: "good vanishes", old: good},
		{name: "a release", old: held, now: good},
		{name: "a hold becomes final", old: held, now: compromised},
	} {
		for _, shards := range []int{2, 3} {
			t.Run(fmt.Sprintf("%s, 2 to %d shards", c.name, shards), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				serial := int64(40 + i)
				with := func(s say) map[int64][]byte {
					m := map[int64][]byte{7: good(w, 7)}
					if s != nil {
						m[serial] = s(w, serial)
					}
					return m
				}
				w.commit(w.bundles(1, 2, with(c.old))...)
				if c.expired {
					w.append(ledger.Entry{Expiry: &ledger.Expiry{Issuer: "sub", Entries: []ledger.Expired{{Serial: fmt.Sprintf("%x", serial), NotAfter: epoch.AddDate(0, 0, -1)}}}})
				}
				log := w.commit(w.bundles(2, shards, with(c.now))...)
				faults, err := past.Check(t.Context(), log, 0, log.Size(), nil)
				if err != nil || len(faults["sub"]) != c.faults {
					t.Errorf("%v, %v", faults, err)
				}
			})
		}
	}
}

// TestSyncSendsNothingOfTheIssuer: a target keeps the old list, its checkpoint stays, other names go out, and the next sync refuses again.
func TestSyncSendsNothingOfTheIssuer(t *testing.T) {
	w := newWorld(t)
	store := newMemStore()
	w.commit(w.line("cert/sub.cer", artifact.CACertificate, w.ca.Raw, ""), w.line("crl/sub.crl", artifact.CRL, w.list(1, listEntry(16, 1, 0)), "1"))
	config := w.config(w.log(), target("t", publish.Bundle, store))
	config.StateDir = t.TempDir()
	if r := must(publish.Sync(t.Context(), config))(t); !r.Targets[0].Complete {
		t.Fatalf("the first sync: %+v", r.Targets[0])
	}
	page := w.line("index.html", artifact.IndexPage, []byte("<!doctype html>\n<title>Repository</title>\n"), "")
	page.Issuer = "other"
	w.commit(w.line("crl/sub.crl", artifact.CRL, w.list(2), "2"), page)
	for range 2 {
		config.Master = w.log()
		r := must(publish.Sync(t.Context(), config))(t)
		got := r.Targets[0]
		if !r.Unsaid() || len(got.Unsaid) != 1 || got.Complete || got.Size != 1 || got.Err != nil {
			t.Fatalf("%+v", got)
		}
		if f := got.Unsaid[0]; f.Issuer != "sub" || f.Name != "crl/sub.crl" || f.Serial != "10" || f.Before != "1" || f.After != "2" || f.Entry != 1 {
			t.Errorf("the fault is %+v", f)
		}
	}
	read := func(name string) string {
		o := must(store.Get(t.Context(), name))(t)
		defer o.Close()
		return string(must(io.ReadAll(o))(t))
	}
	if list := must(artifact.ParseRevocationList([]byte(read("crl/sub.crl"))))(t); list.Number.Int64() != 1 {
		t.Errorf("list number %v is public", list.Number)
	}
	if page := read("index.html"); page == "" {
		t.Error("the page of nobody's status was held back, too")
	}
}
