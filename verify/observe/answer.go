package observe

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"time"

	"seihon/artifact"
	"seihon/public"
	"seihon/sectiona"
	"seihon/verify/exchange"
	"seihon/verify/headers"
)

// A telling gathers what is to be told of one responder about one CA. Most faults are those of every answer, and told
// once.
type telling struct {
	o       *observer
	address string
	ca      *x509.Certificate
	trust   *artifact.Trust
	sum     Responder
	found   []Finding
	more    map[Finding]int // how many answers have the same, by the finding without its name
	took    []int64
}

func newTelling(o *observer, address string, ca *x509.Certificate) *telling {
	return &telling{
		o: o, address: address, ca: ca, trust: artifact.NewTrust([]*x509.Certificate{ca}, nil),
		sum: Responder{Address: address, Issuer: nameOf(ca)}, more: map[Finding]int{},
	}
}

func (t *telling) add(a *answer, f Finding) {
	f.Source = t.address
	if t.more[f]++; t.more[f] == 1 {
		named := f
		named.Name = a.String()
		t.found = append(t.found, named)
	}
}

func (t *telling) bad(a *answer, code, format string, args ...any) {
	t.add(a, Finding{Code: code, Detail: fmt.Sprintf(format, args...)})
}

// close hands the findings on and sums up.
func (t *telling) close(all []*answer) {
	for _, f := range t.found {
		key := f
		key.Name = ""
		if n := t.more[key] - 1; n > 0 {
			f.Name = fmt.Sprintf("%s and %d more", f.Name, n)
		}
		t.o.add(f)
	}
	t.sum.Questions = len(all)
	slices.Sort(t.took)
	if n := len(t.took); n > 0 {
		t.sum.Median, t.sum.Slowest = t.took[n/2], t.took[n-1]
	}
	t.o.mu.Lock()
	defer t.o.mu.Unlock()
	t.o.result.Responders = append(t.o.result.Responders, t.sum)
}

// judge reads one answer.
func (t *telling) judge(a *answer) {
	body := a.reply.Body
	name, _ := exchange.ErrorOf(body)
	failed := func(code, format string, args ...any) {
		t.sum.Failed++
		t.bad(a, code, format, args...)
	}
	if a.err == nil {
		t.took = append(t.took, a.reply.Took.Milliseconds())
	}
	switch {
	case a.err != nil:
		failed(CodeUnreachable, "%v", a.err)
		return
	case a.reply.Status != http.StatusOK:
		failed(CodeUnreachable, "HTTP status %d %s", a.reply.Status, http.StatusText(a.reply.Status))
		return
	case name != "":
		if name == exchange.InternalError || name == exchange.TryLater {
			failed(CodeUnreachable, "the answer is the error %s", name)
			return
		}
		a.says = name
		t.sum.None++
		return
	}
	r, err := artifact.ParseResponse(body)
	if err != nil {
		failed(CodeForm, "%s", formOf(body, err))
		return
	}
	if !a.find(r) {
		failed(CodeAnother, "the response is about another certificate")
		return
	}
	if !t.signed(a, r) {
		t.sum.Failed++
		a.single = nil
		return
	}
	t.count(a)
	t.form(a)
	t.delivery(a)
}

// count keeps what was answered.
func (t *telling) count(a *answer) {
	s := a.single
	a.says = exchange.StatusName(s.Status)
	if a.response.NeverIssued(s) {
		a.says = aboutNever
	}
	switch a.says {
	case "good":
		t.sum.Good++
	case "revoked":
		t.sum.Revoked++
	default:
		t.sum.Unknown++
	}
	t.sum.SHA1 = t.sum.SHA1 || a.hash == crypto.SHA1
	t.sum.SHA256 = t.sum.SHA256 || a.hash == crypto.SHA256
	t.sum.Get = t.sum.Get || a.method == http.MethodGet
	t.sum.Post = t.sum.Post || a.method == http.MethodPost
	n := len(a.reply.Body)
	if t.sum.MinBytes == 0 || n < t.sum.MinBytes {
		t.sum.MinBytes = n
	}
	t.sum.MaxBytes = max(t.sum.MaxBytes, n)
	if t.sum.ThisUpdate.IsZero() || s.ThisUpdate.Before(t.sum.ThisUpdate) {
		t.sum.ThisUpdate = s.ThisUpdate
	}
	if next := s.NextUpdate; !next.IsZero() && (t.sum.NextUpdate.IsZero() || next.Before(t.sum.NextUpdate)) {
		t.sum.NextUpdate = next
	}
}

// signed judges who signed, and by what right.
func (t *telling) signed(a *answer, r *artifact.Response) bool {
	delegate := delegateOf(r, t.ca)
	_, signer, err := t.trust.CheckResponse(r)
	switch {
	case err == nil:
	case r.SignatureAlgorithm == x509.SHA1WithRSA:
		t.bad(a, CodeWeak, "%v", err)
		return false
	case delegate != nil &&
		(!artifact.IsOCSPSigner(delegate) || r.ProducedAt.After(delegate.NotAfter) ||
			r.ProducedAt.Before(delegate.NotBefore)):
		t.bad(a, CodeDelegate, "%v", err)
		return false
	default:
		t.bad(a, CodeSignature, "%v", err)
		return false
	}
	t.sum.Signer, t.sum.SignerUntil = nameOf(signer), signer.NotAfter
	if delegate == nil {
		return true
	}
	switch until := delegate.NotAfter; {
	case t.o.Now().After(until):
		t.bad(a, CodeDelegate, "the certificate of the responder %q expired at %s", nameOf(delegate), stamp(until))
	case a.single.NextUpdate.After(until):
		t.add(a, Finding{Code: CodeDelegate, Severity: "warning",
			Detail: fmt.Sprintf("the certificate of the responder %q expires at %s, before the answers that it signed",
				nameOf(delegate), stamp(until))})
	}
	policy := sectiona.Policy{}
	about := &artifact.Artifact{Kind: artifact.OCSPSignerCertificate, Certificates: []*x509.Certificate{delegate}}
	for _, w := range policy.Warnings(about, sectiona.Evidence{}) {
		t.add(a, Finding{Code: CodeDelegate, Severity: "warning", Detail: w})
	}
	return true
}

// delegateOf returns the embedded certificate that the response names as its signer; nil when it names the CA itself.
func delegateOf(r *artifact.Response, ca *x509.Certificate) *x509.Certificate {
	is := func(c *x509.Certificate) bool {
		if r.ResponderKeyHash != nil {
			return bytes.Equal(r.ResponderKeyHash, artifact.PublicKeyHash(c, crypto.SHA1))
		}
		return bytes.Equal(r.ResponderName, c.RawSubject)
	}
	if is(ca) {
		return nil
	}
	for _, c := range r.Certificates {
		if is(c) {
			return c
		}
	}
	return nil
}

// form judges what a signed response says of itself.
func (t *telling) form(a *answer) {
	r, s, now := a.response, a.single, t.o.Now()
	switch {
	case s.ThisUpdate.After(now.Add(skew)):
		t.bad(a, "not-yet-valid", "its thisUpdate %s is in the future", stamp(s.ThisUpdate))
	case s.NextUpdate.IsZero():
		t.add(a, Finding{Code: CodeNoEnd, Severity: "warning",
			Detail: "it has no nextUpdate (RFC 9919 section 4), which some clients take for expired"})
	case artifact.Stale(s.NextUpdate, now):
		t.bad(a, "ocsp-stale", "its nextUpdate %s has passed", stamp(s.NextUpdate))
	}
	if len(r.UnhandledCritical) > 0 {
		t.bad(a, CodeProfile, "its critical extension %s is not understood", r.UnhandledCritical[0])
	}
	if _, err := exchange.SecondReading(a.reply.Body, r, s, t.ca); err != nil {
		t.bad(a, "responder-two-readings", "%v", err)
	}
	for d := range sectiona.Deviations(&artifact.Artifact{Kind: artifact.OCSPResponse, OCSP: r}, now) {
		t.bad(a, CodeProfile, "%s", d.Reason)
	}
	switch {
	case a.nonce == nil && r.Nonce != nil:
		t.add(a, Finding{Code: CodeNonce, Severity: "warning",
			Detail: "the answer holds a nonce, and the question had none: it was made for somebody else"})
	case a.nonce == nil:
	case r.Nonce == nil:
		t.sum.Nonce = "left out"
	case bytes.Equal(r.Nonce, exchange.NonceValue(a.nonce)):
		t.sum.Nonce = "echoed"
	default:
		t.sum.Nonce = "another"
		t.bad(a, CodeNonce, "the answer holds another nonce than the question")
	}
}

// delivery judges the headers.
func (t *telling) delivery(a *answer) {
	now := t.o.Now()
	want := headers.Expected{ContentType: public.HeaderFor(artifact.OCSPResponse, time.Time{}, time.Time{}, now,
		0).ContentType, Now: now}
	if a.method == http.MethodGet && !artifact.Stale(a.single.NextUpdate, now) && !artifact.Final(a.single.NextUpdate) {
		want.NotAfter = a.single.NextUpdate
	}
	for _, x := range headers.Judge(a.reply.Header, want) {
		t.add(a, Finding{Code: x.Code, Want: x.Want, Got: x.Got})
	}
}
