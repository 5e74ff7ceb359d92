package observe

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"seihon/artifact"
	"seihon/artifact/keyscan"
	"seihon/public"
	"seihon/sectiona"
	"seihon/verify/headers"
)

const (
	skew    = 5 * time.Minute // between the CA's clock and this one
	late    = 0.9             // of its life, after which a list's successor should be there
	newest  = 3               // entries of a list that were revoked last, and
	drawn   = 2               // others, that OCSP is asked about
	maxScan = 16 << 20        // octets of a list that are searched for private keys
	perKind = 5               // deviations of one kind that are told for one list
)

// A seen is a list that somebody answered with, or the place of one that did not come.
type seen struct {
	List
	body      []byte
	partition bool
	kind      artifact.Kind
	crl       *artifact.RevocationList // nil: there is none that can be read
	issuer    *x509.Certificate        // nil unless it signed the list, and every entry can be read
	fresh     bool
	sample    []artifact.RevokedEntry
	found     map[string]artifact.RevokedEntry // of the certificates that are asked about
	gone      []artifact.RevokedEntry          // entries of the list of an earlier run that it does not have
}

// look fetches a list and judges what can be judged of it alone.
func (o *observer) look(ctx context.Context, g *Group, address string, partition bool) *seen {
	s := &seen{List: List{Address: address}, partition: partition}
	f, err := o.get(ctx, address)
	if ctx.Err() != nil {
		return s
	}
	s.Status, s.Bytes, s.Millisecond = f.status, int64(len(f.body)), f.took.Milliseconds()
	if err != nil {
		o.add(Finding{Code: CodeUnreachable, Source: address, Detail: err.Error()})
		return s
	}
	o.read(s, f.body)
	if s.crl == nil {
		return s
	}
	o.signedBy(s, g)
	o.dates(s)
	o.profile(s)
	o.scan(s, g)
	o.listHeaders(s, f)
	return s
}

// read finds the list in what arrived.
func (o *observer) read(s *seen, body []byte) {
	s.body, s.SHA256 = body, artifact.Sum(body).String()
	if len(body) <= maxScan {
		key, err := keyscan.Find(body)
		switch {
		case key != nil:
			o.add(Finding{Code: "private-key", Source: s.Address, Detail: key.String()})
			return
		case err != nil:
			o.add(Finding{Code: CodeForm, Source: s.Address, Detail: err.Error()})
			return
		}
	}
	der := derOf(body)
	l, err := artifact.ParseRevocationList(der)
	if err != nil || len(der) != len(body) {
		o.add(Finding{Code: CodeForm, Source: s.Address, Detail: formOf(body, err)})
	}
	if err != nil {
		return
	}
	s.crl, s.kind = l, kindOf(l)
	s.Kind, s.ThisUpdate, s.NextUpdate, s.Algorithm = string(s.kind), l.ThisUpdate, l.NextUpdate,
		l.SignatureAlgorithm.String()
	if l.Number != nil {
		s.Number = l.Number.String()
	}
	if l.BaseNumber != nil {
		s.Base = l.BaseNumber.String()
	}
}

func kindOf(l *artifact.RevocationList) artifact.Kind {
	switch {
	case l.BaseNumber != nil:
		return artifact.DeltaCRL
	case l.IDP != nil && l.IDP.OnlyCA:
		return artifact.ARL
	}
	return artifact.CRL
}

// signedBy finds the CA whose key signed the list.
func (o *observer) signedBy(s *seen, g *Group) {
	l := s.crl
	f := Finding{Code: CodeIssuer, Source: s.Address, Got: artifact.NameText(l.RawIssuer)}
	for _, ca := range g.Issuers {
		if !artifact.SameName(ca.RawSubject, l.RawIssuer) {
			if f.Want == "" {
				f.Want = ca.Subject.String()
			}
			continue
		}
		err := l.CheckSignatureFrom(ca)
		if err == nil {
			s.issuer, s.Verified, s.Issuer = ca, true, nameOf(ca)
			return
		}
		f = Finding{Code: CodeSignature, Source: s.Address, Detail: err.Error()}
		switch {
		case l.SignatureAlgorithm == x509.SHA1WithRSA:
			f.Code = CodeWeak
		case len(l.AuthorityKeyID) > 0 && len(ca.SubjectKeyId) > 0 && !bytes.Equal(l.AuthorityKeyID, ca.SubjectKeyId):
			f.Code = CodeIssuer
		}
	}
	o.add(f)
}

// dates holds the list against the calendar.
func (o *observer) dates(s *seen) {
	bad := func(code, format string, args ...any) {
		o.add(Finding{Code: code, Source: s.Address, Detail: fmt.Sprintf(format, args...)})
	}
	life := s.NextUpdate.Sub(s.ThisUpdate)
	if !s.NextUpdate.IsZero() && !artifact.Final(s.NextUpdate) && life > 0 {
		s.LifeUsed = float64(o.Now().Sub(s.ThisUpdate)) / float64(life)
	}
	s.fresh = true
	switch now := o.Now(); {
	case s.ThisUpdate.After(now.Add(skew)):
		s.fresh = false
		bad("not-yet-valid", "its thisUpdate %s is in the future", stamp(s.ThisUpdate))
	case s.NextUpdate.IsZero():
		bad(CodeNoEnd, "it has no nextUpdate (RFC 5280 section 5.1.2.5)")
	case artifact.Stale(s.NextUpdate, now):
		s.fresh = false
		bad("crl-stale", "its nextUpdate %s has passed", stamp(s.NextUpdate))
	case s.LifeUsed > late:
		bad(CodeAgeing, "%.0f %% of its life is used, it ends at %s", 100*s.LifeUsed, stamp(s.NextUpdate))
	}
}

// profile asks the rules that the project has for its own lists.
func (o *observer) profile(s *seen) {
	a := &artifact.Artifact{Kind: s.kind, CRL: s.crl, Bytes: s.crl.Raw}
	told := map[string]int{}
	said := map[string]bool{} // what no exception may let pass is refused by the rules as well
	for d := range sectiona.Deviations(a, time.Time{}) {
		if len(said) < 1000 {
			said[d.Reason] = true
		}
		if d.Code == sectiona.Unreadable {
			s.issuer = nil
			o.add(Finding{Code: CodeForm, Source: s.Address, Detail: d.Reason})
			continue
		}
		if told[d.Code]++; told[d.Code] <= perKind {
			o.add(Finding{Code: CodeProfile, Source: s.Address, Detail: d.Reason})
		}
	}
	for code, n := range told {
		if n > perKind {
			o.add(Finding{Code: CodeProfile, Source: s.Address,
				Detail: fmt.Sprintf("%d more deviations of the kind %s", n-perKind, code)})
		}
	}
	if s.issuer == nil || s.NextUpdate.IsZero() {
		return // it is said already
	}
	all := func([]byte) bool { return true }
	p := sectiona.Policy{
		Trust: artifact.NewTrust([]*x509.Certificate{s.issuer}, nil), Misissued: all,
		Excepted: func(*x509.Certificate, sectiona.Deviation, time.Time) bool { return true },
	}
	if r := p.Admit(a, sectiona.Evidence{InLedger: true}); r != nil && !said[r.Reason] {
		o.add(Finding{Code: CodeProfile, Source: s.Address, Detail: r.Reason})
	}
}

// scan counts the entries, looks up the certificates that are asked about, and chooses what to ask OCSP.
func (o *observer) scan(s *seen, g *Group) {
	s.found = map[string]artifact.RevokedEntry{}
	wanted := map[string]bool{}
	for _, c := range g.Certificates {
		wanted[string(serialOf(c))] = true
	}
	var last, some []artifact.RevokedEntry
	for e, err := range s.crl.Entries() {
		if err != nil {
			return // profile has said so
		}
		s.Entries++
		if wanted[string(e.Serial)] {
			s.found[string(e.Serial)] = e
		}
		if e.Reason == reasonRemove {
			continue
		}
		if len(last) < newest || e.Time.After(last[len(last)-1].Time) {
			last = append(last, e)
			slices.SortStableFunc(last,
				func(a, b artifact.RevokedEntry) int { return cmp.Compare(b.Time.Unix(), a.Time.Unix()) })
			last = last[:min(len(last), newest)]
		}
		if len(some) < drawn {
			some = append(some, e)
		} else if i := rand.IntN(s.Entries); i < drawn {
			some[i] = e
		}
	}
	for _, e := range slices.Concat(last, some) {
		same := func(x artifact.RevokedEntry) bool { return bytes.Equal(x.Serial, e.Serial) }
		if !slices.ContainsFunc(s.sample, same) {
			s.sample = append(s.sample, e)
		}
	}
}

// listHeaders judges how the list was delivered.
func (o *observer) listHeaders(s *seen, f fetched) {
	now := o.Now()
	s.CachedUntil, _ = headers.CachedUntil(f.header, now)
	want := headers.Expected{ContentType: public.HeaderFor(artifact.CRL, time.Time{}, time.Time{}, now, 0).ContentType,
		Redirected: f.elsewhere, Now: now}
	if s.fresh && !artifact.Final(s.NextUpdate) {
		want.NotAfter = s.NextUpdate
	}
	for _, x := range headers.Judge(f.header, want) {
		o.add(Finding{Code: x.Code, Source: s.Address, Want: x.Want, Got: x.Got})
	}
}

// serialOf is the content of a certificate's serial number in DER, as lists and responses have it.
func serialOf(c *x509.Certificate) []byte {
	b := c.SerialNumber.Bytes()
	switch {
	case len(b) == 0:
		return []byte{0}
	case c.SerialNumber.Sign() > 0 && b[0]&0x80 != 0:
		return append([]byte{0}, b...)
	}
	return b
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
