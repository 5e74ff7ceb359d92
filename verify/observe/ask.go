package observe

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/verify/exchange"
)

// What a question is about.
const (
	aboutListed      = "listed"       // an entry of a list
	aboutCertificate = "certificate"  // a certificate at hand
	aboutNever       = "never issued" // a serial number that nobody has
	aboutGone        = "left the list"
)

// maxGone bounds the entries that left a list and that OCSP is asked about.
const maxGone = 10

// A question is one certificate to ask about.
type question struct {
	about  string
	issuer *x509.Certificate
	serial []byte
	entry  *artifact.RevokedEntry // what the lists say: revoked; nil: not revoked, if from is not nil
	from   *seen                  // the list that says so
}

// An answer is what one request brought.
type answer struct {
	*question
	hash     crypto.Hash
	method   string
	nonce    []byte // that was sent
	reply    exchange.Reply
	err      error
	says     string // good, revoked, unknown, never issued, or an error of OCSP; empty: nothing that can be used
	response *artifact.Response
	single   *artifact.Single
}

// questions chooses what to ask about certificates of one CA.
func (o *observer) questions(g *Group, ca *x509.Certificate, lists []*seen) []*question {
	var all []*question
	known := map[string]bool{}
	add := func(q *question) {
		if !known[string(q.serial)] {
			known[string(q.serial)] = true
			q.issuer = ca
			all = append(all, q)
		}
	}
	for _, c := range g.Certificates {
		if issuer, err := IssuerOf(g.Issuers, c); err != nil || issuer != ca {
			continue
		}
		e, from, covered := standing(lists, g, ca.Raw, serialOf(c))
		if !covered {
			from = nil
		}
		add(&question{about: aboutCertificate, serial: serialOf(c), entry: e, from: from})
	}
	for _, s := range lists {
		if s.issuer != ca {
			continue
		}
		for _, e := range s.gone[:min(len(s.gone), maxGone)] {
			add(&question{about: aboutGone, serial: e.Serial, entry: &e, from: s})
		}
	}
	changed := newer(lists, ca)
	for _, s := range lists {
		if s.issuer != ca || !s.fresh {
			continue
		}
		for _, e := range s.sample {
			if x, ok := changed[string(e.Serial)]; ok && s.kind != artifact.DeltaCRL {
				if e = x; e.Reason == reasonRemove {
					continue
				}
			}
			add(&question{about: aboutListed, serial: e.Serial, entry: &e, from: s})
		}
	}
	never := make([]byte, 16)
	_, _ = rand.Read(never) // never fails
	never[0] = 0x4f         // positive, and in its shortest form
	add(&question{about: aboutNever, serial: never})
	return all
}

// newer returns what delta lists say of the certificates that were chosen from complete ones.
func newer(lists []*seen, ca *x509.Certificate) map[string]artifact.RevokedEntry {
	chosen, changed := map[string]bool{}, map[string]artifact.RevokedEntry{}
	for _, s := range lists {
		for _, e := range s.sample {
			chosen[string(e.Serial)] = s.issuer == ca
		}
	}
	for _, s := range lists {
		if s.issuer != ca || !s.fresh || s.kind != artifact.DeltaCRL {
			continue
		}
		for e := range s.crl.Entries() {
			if chosen[string(e.Serial)] {
				changed[string(e.Serial)] = e
			}
		}
	}
	return changed
}

// askAll asks every responder of a group about every CA of it that has something to ask about.
func (o *observer) askAll(ctx context.Context, g *Group, lists []*seen) error {
	cas := slices.Clone(g.Issuers)
	has := func(ca *x509.Certificate) bool {
		listed := slices.ContainsFunc(lists, func(s *seen) bool { return s.issuer == ca })
		return listed || slices.ContainsFunc(g.Certificates, func(c *x509.Certificate) bool {
			issuer, err := IssuerOf(g.Issuers, c)
			return err == nil && issuer == ca
		})
	}
	if slices.ContainsFunc(cas, has) { // without a list or certificate, each of them is asked about a serial number
		cas = slices.DeleteFunc(cas, func(ca *x509.Certificate) bool { return !has(ca) })
	}
	cas = slices.CompactFunc(cas, func(a, b *x509.Certificate) bool { return identity(a) == identity(b) })
	for _, ca := range cas {
		questions := o.questions(g, ca, lists)
		for _, address := range g.Responders {
			if err := o.ask(ctx, address, ca, questions); err != nil {
				return err
			}
		}
	}
	return nil
}

// ask sends every question to one responder by both hashes and both methods, and one more with a nonce.
func (o *observer) ask(ctx context.Context, address string, ca *x509.Certificate, questions []*question) error {
	var all []*answer
	for _, q := range questions {
		for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				all = append(all, &answer{question: q, hash: hash, method: method})
			}
		}
	}
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails
	all = append(all, &answer{question: questions[0], hash: crypto.SHA1, method: http.MethodPost, nonce: nonce})
	sender := exchange.Sender{HTTP: o.direct, Timeout: o.Timeout, Now: o.Now}
	work, gctx := errgroup.WithContext(ctx)
	work.SetLimit(4)
	for _, a := range all {
		work.Go(func() error {
			a.reply, a.err = sender.Send(gctx, address, a.method, exchange.Request(a.id(), a.nonce))
			if transient(a) && pause(gctx, 300*time.Millisecond) {
				a.reply, a.err = sender.Send(gctx, address, a.method, exchange.Request(a.id(), a.nonce))
			}
			return gctx.Err()
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	t := newTelling(o, address, ca)
	for _, a := range all {
		t.judge(a)
	}
	t.together(all)
	t.close(all)
	return nil
}

func transient(a *answer) bool {
	return a.err != nil || a.reply.Status >= 500 || a.reply.Status == http.StatusTooManyRequests
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// id names the certificate as the request does.
func (a *answer) id() artifact.CertID {
	return artifact.CertID{
		Hash: a.hash, IssuerNameHash: artifact.NameHash(a.issuer, a.hash),
		IssuerKeyHash: artifact.PublicKeyHash(a.issuer, a.hash), Serial: a.serial,
	}
}

// find keeps the answer about the certificate that was asked about.
func (a *answer) find(r *artifact.Response) bool {
	id := a.id()
	for i := range r.Singles {
		x := r.Singles[i].CertID
		if x.Hash == id.Hash && bytes.Equal(x.Serial, id.Serial) && bytes.Equal(x.IssuerKeyHash, id.IssuerKeyHash) &&
			bytes.Equal(x.IssuerNameHash, id.IssuerNameHash) {
			a.response, a.single = r, &r.Singles[i]
			return true
		}
	}
	return false
}

// String names the question and how it was sent.
func (a *answer) String() string {
	return fmt.Sprintf("%s serial %x (%s, %s, %s)", nameOf(a.issuer), a.serial, a.about, a.hash, a.method)
}
