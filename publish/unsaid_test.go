package publish_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/artifact"
	encoder "seihon/hsmsign/ocsp"
	"seihon/ledger"
	"seihon/override"
	"seihon/publish"
)

// An entry is what a list says of one serial.
type entry struct {
	serial  int64
	after   time.Duration // of epoch
	reason  int
	invalid bool // with an invalidity date
}

// list makes a list by hand, as a room that forgot what it said would.
func (w *world) list(number int64, base *big.Int, idp []byte, entries ...entry) []byte {
	w.t.Helper()
	t := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: w.now, NextUpdate: w.now.Add(validity)}
	if base != nil {
		der := must(asn1.Marshal(base))(w.t)
		t.ExtraExtensions = append(t.ExtraExtensions,
			pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: der})
	}
	if idp != nil {
		t.ExtraExtensions = append(t.ExtraExtensions,
			pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: idp})
	}
	for _, e := range entries {
		r := x509.RevocationListEntry{SerialNumber: big.NewInt(e.serial), RevocationTime: epoch.Add(e.after),
			ReasonCode: e.reason}
		if e.invalid {
			der := must(asn1.MarshalWithParams(epoch, "generalized"))(w.t)
			r.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 24}, Value: der}}
		}
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries, r)
	}
	return must(x509.CreateRevocationList(rand.Reader, t, w.ca, w.key))(w.t)
}

func (w *world) full(number int64, entries ...entry) ledger.Line {
	return w.line("crl/sub.crl", artifact.CRL, w.list(number, nil, nil, entries...), fmt.Sprint(number))
}

func (w *world) deltaList(number, base int64, entries ...entry) ledger.Line {
	return w.line("crl/sub-delta.crl", artifact.DeltaCRL, w.list(number, big.NewInt(base), nil, entries...),
		fmt.Sprint(number))
}

func (w *world) scoped(number int64, idp []byte, entries ...entry) ledger.Line {
	return w.line("crl/sub.crl", artifact.CRL, w.list(number, nil, idp, entries...), fmt.Sprint(number))
}

func (w *world) shard(shard int, number int64, entries ...entry) ledger.Line {
	return w.line(fmt.Sprintf("crl/sub/%d.crl", shard), artifact.CRL, w.list(number, nil, nil, entries...),
		fmt.Sprint(number))
}

func (w *world) append(e *ledger.Entry) {
	w.t.Helper()
	if err := w.w.Append(w.t.Context(), e); err != nil {
		w.t.Fatal(err)
	}
}

// answerOf makes one response with the given status.
func (w *world) answerOf(serial int64, status, reason int, after time.Duration) []byte {
	w.t.Helper()
	r := ocsp.Response{Status: status, SerialNumber: big.NewInt(serial), ThisUpdate: w.now,
		NextUpdate: w.now.Add(validity),
		RevokedAt:  epoch.Add(after), RevocationReason: reason}
	return w.dated(must(ocsp.CreateResponse(w.ca, w.ca, r, w.key))(w.t))
}

// neverIssued makes the response that a certificate was never issued (RFC 6960, section 2.2).
func (w *world) neverIssued(serial int64) []byte {
	w.t.Helper()
	enc := must(encoder.NewEncoder(w.ca, nil, w.key, encoder.Policy{CertID: encoder.SHA1}))(w.t)
	status := encoder.Status{Serial: big.NewInt(serial).Bytes(), State: encoder.NeverIssued}
	return must(enc.Sign(w.t.Context(), status, w.now, w.now.Add(validity)))(w.t)[0].DER
}

// certificate is a certificate of the CA that is itself in the repository.
func (w *world) certificate(serial int64, notAfter time.Time) ledger.Line {
	w.t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "OCSP"},
		NotBefore: epoch.AddDate(-1, 0, 0), NotAfter: notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}}
	der := must(x509.CreateCertificate(rand.Reader, template, w.ca, w.key.Public(), w.key))(w.t)
	l := w.line("cert/sub-ocsp.cer", artifact.OCSPSignerCertificate, der, fmt.Sprintf("%x", serial))
	l.NotBefore, l.NotAfter = template.NotBefore, notAfter
	return l
}

func (w *world) sayOverride(key ed25519.PrivateKey, serial, was, now string) {
	w.t.Helper()
	o := &override.Override{Digest: artifact.Sum([]byte("x")), Allow: []string{override.Changed}, Reason: "ticket 1",
		Expires: w.now.AddDate(0, 0, 1)}
	text := must(o.Sign(key))(w.t)
	w.append(&ledger.Entry{Override: &ledger.Override{Issuer: "sub", Text: string(text),
		Changes: []ledger.StatusChange{{Serial: serial, Was: was, Now: now}}}})
}

func status(e entry) string {
	s := override.Status{State: override.Revoked, Time: epoch.Add(e.after), Reason: e.reason}
	if e.invalid {
		s.Invalidity = epoch
	}
	return s.String()
}

// TestUnsaid builds masters by hand and asserts that what they unsay stays at home.
func TestUnsaid(t *testing.T) {
	t.Parallel()
	pinned, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	onlyUser := []byte{0x30, 3, 0x81, 1, 0xff}
	a, b := entry{serial: 0x80}, entry{serial: 7, reason: 1, after: time.Hour}
	hold := entry{serial: 9, reason: 6, after: time.Hour}
	with := func(e entry, edit func(*entry)) entry { edit(&e); return e }
	expire := func(w *world, serial string, notAfter time.Time) {
		w.append(&ledger.Entry{Expiry: &ledger.Expiry{Issuer: "sub",
			Entries: []ledger.Expired{{Serial: serial, NotAfter: notAfter}}}})
	}
	generation := func(w *world, number uint64, shards int, responses map[int64][]byte) []ledger.Line {
		return w.bundles(number, shards, responses)
	}
	for name, tc := range map[string]struct {
		bad   bool
		story func(w *world) // commits; a list or generation that must be held back is of the last one
	}{
		"nothing changed": {false, func(w *world) { w.commit(w.full(1, a, b)); w.commit(w.full(2, a, b)) }},
		"order changed": {false,
			func(w *world) { w.commit(w.full(1, a, b, hold)); w.commit(w.full(2, hold, b, a)) }},
		"one more": {false, func(w *world) { w.commit(w.full(1, a)); w.commit(w.full(2, a, b)) }},
		"unspecified reason": {false,
			func(w *world) { w.commit(w.full(1, a)); w.commit(w.full(2, with(a, func(e *entry) { e.reason = 0 }))) }},
		"release from hold": {false, func(w *world) { w.commit(w.full(1, a, hold)); w.commit(w.full(2, a)) }},
		"hold to final": {false, func(w *world) {
			w.commit(w.full(1, hold))
			w.commit(w.full(2, with(hold, func(e *entry) { e.reason = 1 })))
		}},
		"hold to an earlier final": {true, func(w *world) {
			w.commit(w.full(1, hold))
			w.commit(w.full(2, with(hold, func(e *entry) { e.reason, e.after = 1, 0 })))
		}},
		"hold with another date": {true, func(w *world) {
			w.commit(w.full(1, hold))
			w.commit(w.full(2, with(hold, func(e *entry) { e.after++; e.after += time.Minute })))
		}},
		"vanished":       {true, func(w *world) { w.commit(w.full(1, a, b)); w.commit(w.full(2, a)) }},
		"vanished, last": {true, func(w *world) { w.commit(w.full(1, a, b)); w.commit(w.full(2, b)) }},
		"vanished, all":  {true, func(w *world) { w.commit(w.full(1, a, b)); w.commit(w.full(2)) }},
		"vanished and back": {true,
			func(w *world) { w.commit(w.full(1, a)); w.commit(w.full(2)); w.commit(w.full(3, a)) }},
		"date": {true, func(w *world) {
			w.commit(w.full(1, a))
			w.commit(w.full(2, with(a, func(e *entry) { e.after = time.Minute })))
		}},
		"reason": {true,
			func(w *world) { w.commit(w.full(1, b)); w.commit(w.full(2, with(b, func(e *entry) { e.reason = 4 }))) }},
		"no reason any more": {true,
			func(w *world) { w.commit(w.full(1, b)); w.commit(w.full(2, with(b, func(e *entry) { e.reason = 0 }))) }},
		"final to hold": {true,
			func(w *world) { w.commit(w.full(1, b)); w.commit(w.full(2, with(b, func(e *entry) { e.reason = 6 }))) }},
		"invalidity date": {true, func(w *world) {
			w.commit(w.full(1, b))
			w.commit(w.full(2, with(b, func(e *entry) { e.invalid = true })))
		}},
		"narrower scope": {true, func(w *world) { w.commit(w.full(1, a)); w.commit(w.scoped(2, onlyUser, a)) }},
		"scope kept": {false,
			func(w *world) { w.commit(w.scoped(1, onlyUser, a)); w.commit(w.scoped(2, onlyUser, a)) }},
		"serial in another part": {true, func(w *world) {
			w.commit(w.shard(0, 1, a, b), w.shard(1, 1))
			w.commit(w.shard(0, 2, a), w.shard(1, 2, b))
		}},
		"part 3 with number 3": {true, func(w *world) { w.commit(w.shard(3, 2, a, b)); w.commit(w.shard(3, 3, a)) }},
		"replay":               {true, func(w *world) { w.commit(w.full(2, a)); w.commit(w.full(1, a)) }},
		"delta, release said": {false, func(w *world) {
			w.commit(w.deltaList(2, 1, hold))
			w.commit(w.deltaList(3, 1, with(hold, func(e *entry) { e.reason = 8 })))
		}},
		"delta, release not said": {true,
			func(w *world) { w.commit(w.deltaList(2, 1, hold, a)); w.commit(w.deltaList(3, 1, a)) }},
		"delta of another base": {false,
			func(w *world) { w.commit(w.deltaList(2, 1, hold)); w.commit(w.deltaList(4, 3)) }},
		"delta, final removed": {true, func(w *world) {
			w.commit(w.deltaList(2, 1, b))
			w.commit(w.deltaList(3, 1, with(b, func(e *entry) { e.reason = 8 })))
		}},
		"expired, stated": {false, func(w *world) {
			w.commit(w.full(1, a, b))
			expire(w, "80", epoch.Add(-time.Hour))
			w.commit(w.full(2, b))
		}},
		"expired, stated too late": {true, func(w *world) {
			w.commit(w.full(1, a, b))
			w.commit(w.full(2, b))
			expire(w, "80", epoch.Add(-time.Hour))
			w.commit()
		}},
		"expired after the last list": {true, func(w *world) {
			w.commit(w.full(1, a, b))
			expire(w, "80", epoch.Add(time.Minute))
			w.commit(w.full(2, b))
		}},
		"expired, two dates": {true, func(w *world) {
			w.commit(w.full(1, a, b))
			expire(w, "80", epoch.Add(-time.Hour))
			expire(w, "80", epoch.Add(-2*time.Hour))
			w.commit(w.full(2, b))
		}},
		"another expired": {true, func(w *world) {
			w.commit(w.full(1, a, b))
			expire(w, "81", epoch.Add(-time.Hour))
			w.commit(w.full(2, b))
		}},
		"override": {false, func(w *world) {
			w.commit(w.full(1, a, b))
			w.sayOverride(key, "7", status(b), "good")
			w.commit(w.full(2, a))
		}},
		"override of a reason": {false, func(w *world) {
			w.commit(w.full(1, b))
			w.sayOverride(key, "7", status(b), status(with(b, func(e *entry) { e.reason = 4 })))
			w.commit(w.full(2, with(b, func(e *entry) { e.reason = 4 })))
		}},
		"override used a second time": {true, func(w *world) {
			w.commit(w.full(1, a, b))
			w.sayOverride(key, "7", status(b), "good")
			w.commit(w.full(2, a))
			w.commit(w.full(3, a, b))
			w.commit(w.full(4, a))
		}},
		"override to something else": {true, func(w *world) {
			w.commit(w.full(1, b))
			w.sayOverride(key, "7", status(b), status(with(b, func(e *entry) { e.reason = 4 })))
			w.commit(w.full(2, with(b, func(e *entry) { e.reason = 5 })))
		}},
		"override by a stranger": {true, func(w *world) {
			w.commit(w.full(1, a, b))
			w.sayOverride(stranger, "7", status(b), "good")
			w.commit(w.full(2, a))
		}},
		"override of another serial": {true, func(w *world) {
			w.commit(w.full(1, a, b))
			w.sayOverride(key, "8", status(b), "good")
			w.commit(w.full(2, a))
		}},
		"override after the fact": {true, func(w *world) {
			w.commit(w.full(1, a, b))
			w.commit(w.full(2, a))
			w.sayOverride(key, "7", status(b), "good")
			w.commit()
		}},
		"good after revoked": {true, func(w *world) {
			w.commit(generation(w, 1, 2, map[int64][]byte{5: w.answerOf(5, ocsp.Revoked, 1, 0)})...)
			w.commit(generation(w, 2, 2, map[int64][]byte{5: w.answerOf(5, ocsp.Good, 0, 0)})...)
		}},
		"revoked response absent": {true, func(w *world) {
			other := w.answerOf(6, ocsp.Good, 0, 0)
			w.commit(generation(w, 1, 1, map[int64][]byte{5: w.answerOf(5, ocsp.Revoked, 1, 0), 6: other})...)
			w.commit(generation(w, 2, 1, map[int64][]byte{6: other})...)
		}},
		"response with another date": {true, func(w *world) {
			w.commit(generation(w, 1, 1, map[int64][]byte{5: w.answerOf(5, ocsp.Revoked, 1, 0)})...)
			w.commit(generation(w, 2, 1, map[int64][]byte{5: w.answerOf(5, ocsp.Revoked, 1, time.Hour)})...)
		}},
		"response in another number of shards": {false, func(w *world) {
			w.commit(generation(w, 1, 1,
				map[int64][]byte{5: w.answerOf(5, ocsp.Revoked, 1, 0), 6: w.answerOf(6, ocsp.Good, 0, 0)})...)
			w.commit(generation(w, 2, 4,
				map[int64][]byte{5: w.answerOf(5, ocsp.Revoked, 1, 0), 6: w.answerOf(6, ocsp.Good, 0, 0)})...)
		}},
		"response released from hold": {false, func(w *world) {
			w.commit(generation(w, 1, 1, map[int64][]byte{5: w.answerOf(5, ocsp.Revoked, 6, 0)})...)
			w.commit(generation(w, 2, 1, map[int64][]byte{5: w.answerOf(5, ocsp.Good, 0, 0)})...)
		}},
		"response expired": {false, func(w *world) {
			w.commit(generation(w, 1, 1, map[int64][]byte{5: w.answerOf(5, ocsp.Revoked, 1, 0)})...)
			expire(w, "5", epoch.Add(-time.Hour))
			w.commit(generation(w, 2, 1, map[int64][]byte{})...)
		}},
		"never issued, then good": {true, func(w *world) {
			w.commit(generation(w, 1, 1, map[int64][]byte{5: w.neverIssued(5)})...)
			w.commit(generation(w, 2, 1, map[int64][]byte{5: w.answerOf(5, ocsp.Good, 0, 0)})...)
		}},
		"never issued, then good by an override": {false, func(w *world) {
			w.commit(generation(w, 1, 1, map[int64][]byte{5: w.neverIssued(5)})...)
			w.sayOverride(key, "5", "revoked 19700101T000000Z 6 -", "good")
			w.commit(generation(w, 2, 1, map[int64][]byte{5: w.answerOf(5, ocsp.Good, 0, 0)})...)
		}},
		"never issued, then not answered": {false, func(w *world) {
			w.commit(generation(w, 1, 1, map[int64][]byte{5: w.neverIssued(5), 6: w.answerOf(6, ocsp.Good, 0, 0)})...)
			w.commit(generation(w, 2, 1, map[int64][]byte{6: w.answerOf(6, ocsp.Good, 0, 0)})...)
		}},
		"revoked, then never issued": {true, func(w *world) {
			w.commit(generation(w, 1, 1, map[int64][]byte{5: w.answerOf(5, ocsp.Revoked, 1, 0)})...)
			w.commit(generation(w, 2, 1, map[int64][]byte{5: w.neverIssued(5)})...)
		}},
		"expired by its own certificate": {false, func(w *world) {
			w.commit(w.full(1, a, b), w.certificate(0x80, epoch.Add(-time.Minute)))
			w.commit(w.full(2, b))
		}},
		"not expired by its own certificate": {true, func(w *world) {
			w.commit(w.full(1, a, b), w.certificate(0x80, epoch.Add(30*time.Minute)))
			w.commit(w.full(2, b))
		}},
		"response overridden": {false, func(w *world) {
			w.commit(generation(w, 1, 1, map[int64][]byte{5: w.answerOf(5, ocsp.Revoked, 1, 0)})...)
			w.sayOverride(key, "5", status(entry{reason: 1, invalid: true}), "good")
			w.commit(generation(w, 2, 1, map[int64][]byte{5: w.answerOf(5, ocsp.Good, 0, 0)})...)
		}},
	} {
		for _, layout := range []publish.Layout{publish.Bundle, publish.Objects} {
			t.Run(name+"/"+string(layout), func(t *testing.T) {
				t.Parallel()
				w, m := newWorld(t), newMemStore()
				tc.story(w)
				c := w.config(w.log(), target("t", layout, m))
				c.OverrideKeys = []ed25519.PublicKey{pinned}
				c.StateDir = t.TempDir()
				for again := range 2 { // what was found once is found again
					r := w.trySync(c)
					if held := len(r.Unsaid) > 0; held != tc.bad || r.Complete == tc.bad || r.Err != nil {
						t.Fatalf("sync %d: unsaid %v, complete %v, error %v", again, r.Unsaid, r.Complete, r.Err)
					}
					if sent := m.sent("crl/", "ocsp/", publish.CheckpointName); tc.bad == sent {
						t.Errorf("sync %d: something of the issuer was sent: %v", again, sent)
					}
				}
			})
		}
	}
}

// sent reports whether something lies under one of the prefixes.
func (m *memStore) sent(prefixes ...string) bool {
	return slices.ContainsFunc(m.names(), func(name string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	})
}

// TestUnsaidOfOneIssuer: the other issuers go on.
func TestUnsaidOfOneIssuer(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), newMemStore()
	other := func(number int64) ledger.Line {
		l := w.line("crl/root.crl", artifact.CRL, w.list(number, nil, nil, entry{serial: 3}), fmt.Sprint(number))
		l.Issuer = "root"
		return l
	}
	w.commit(w.full(1, entry{serial: 7}), other(1))
	c := w.config(w.log(), target("t", publish.Bundle, m))
	c.StateDir = t.TempDir()
	if r := w.sync(c); !r.Complete {
		t.Fatal("the first sync is not complete")
	}
	before := m.get("crl/sub.crl")
	cp := m.get(publish.CheckpointName)
	w.commit(w.full(2), other(2))
	c = w.config(w.log(), target("t", publish.Bundle, m))
	c.StateDir = t.TempDir()
	r := w.trySync(c)
	if len(r.Unsaid) != 1 || r.Unsaid[0].Issuer != "sub" || r.Unsaid[0].Serial != "7" ||
		r.Unsaid[0].Old.Number != "1" || r.Unsaid[0].New.Number != "2" {
		t.Errorf("unsaid: %v", r.Unsaid)
	}
	if string(m.get("crl/sub.crl")) != string(before) || string(m.get(publish.CheckpointName)) != string(cp) {
		t.Error("the list or the checkpoint moved")
	}
	if now := must(artifact.ParseRevocationList(m.get("crl/root.crl")))(t); now.Number.Int64() != 2 {
		t.Errorf("the list of the other issuer is number %v", now.Number)
	}
}

// TestRecordMemory: what was checked is not checked again, and the file is of no use for another log.
func TestRecordMemory(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), newMemStore()
	w.commit(w.full(1, entry{serial: 7}))
	dir := t.TempDir()
	c := w.config(w.log(), target("t", publish.Bundle, m))
	c.StateDir = dir
	w.sync(c)
	file := filepath.Join(dir, "record.memory")
	kept := must(os.ReadFile(file))(t)
	w.commit(w.full(2))
	for name, b := range map[string][]byte{"kept": kept, "lost": nil, "damaged": kept[:len(kept)/2], "empty": {}} {
		if b == nil {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		c := w.config(w.log(), target("t", publish.Bundle, m))
		c.StateDir = dir
		if r := w.trySync(c); len(r.Unsaid) != 1 {
			t.Errorf("%s: unsaid %v", name, r.Unsaid)
		}
		if b == nil {
			if err := os.WriteFile(file, kept, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
