package sectiona

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"iter"
	"slices"
	"time"

	"seihon/artifact"
)

// A Deviation is one thing in a certificate, a list or a response that an RFC forbids and that a program can read all
// the same. Section A refuses it unless Policy.Excepted lets it pass.
type Deviation struct {
	Code   string // the kind of deviation, one of the constants below
	Serial []byte // of the entry or answer it is about, as content octets; nil when it is about the whole
	Reason string // one sentence
}

// The codes of deviations.
const (
	SerialZero     = "serial-zero"     // a serial number 0 (RFC 5280 section 4.1.2.2)
	SerialNegative = "serial-negative" // a serial number below 0
	SerialLong     = "serial-long"     // a serial number of more than 20 octets
	EarlyLong      = "early-long-time" // a GeneralizedTime before 2050 (RFC 5280 sections 5.1.2.4 and 5.1.2.6)
	RevokedLater   = "revoked-later"   // a revocation after the list or answer that tells it
	// the reason removeFromCRL on a list that is no delta (RFC 5280 section 5.3.1)
	RemovedInFull   = "removed-in-full"
	ListedTwice     = "listed-twice"      // one serial number in two entries that say the same
	ListedTwoWays   = "listed-two-ways"   // one serial number in two entries that contradict each other
	ScopeUncritical = "scope-uncritical"  // an issuing distribution point that is not critical (RFC 5280 section 5.2.5)
	DeltaUncritical = "delta-uncritical"  // a delta indicator that is not critical (RFC 5280 section 5.2.4)
	ProducedLater   = "produced-later"    // a response that was produced in the future
	AnsweredLater   = "answered-later"    // an answer that is newer than its response (RFC 6960 section 2.4)
	AnsweredTwoWays = "answered-two-ways" // two answers about one certificate that contradict each other

	// Unreadable is an entry that cannot be read at all.
	Unreadable = "unreadable"
)

// excusable are the kinds of deviation that leave no doubt about what is said, so that a CA which is known for them can
// be published by a signed exception. Who could not be understood is never excepted.
var excusable = []string{
	AnsweredLater, DeltaUncritical, EarlyLong, artifact.IrregularCritical, ListedTwice, artifact.IrregularName,
	artifact.IrregularParameter,
	RevokedLater, ScopeUncritical, SerialLong, SerialNegative, SerialZero, artifact.IrregularVersion,
}

// Excusable reports whether an exception can let a kind of deviation pass.
func Excusable(kind string) bool { return slices.Contains(excusable, kind) }

// ExcusableKinds returns what an exception can allow, sorted.
func ExcusableKinds() []string { return slices.Sorted(slices.Values(excusable)) }

// Deviations names everything of that kind in a certificate, a list or a response. A zero now leaves out what only a
// clock can tell.
func Deviations(a *artifact.Artifact, now time.Time) iter.Seq[Deviation] {
	switch {
	case a.Kind.IsCertificate() && len(a.Certificates) == 1:
		return certificateDeviations(a.Certificates[0])
	case a.CRL != nil:
		return listDeviations(a.CRL)
	case a.OCSP != nil:
		return answerDeviations(a.OCSP, now)
	}
	return func(func(Deviation) bool) {}
}

// unexcepted returns the reason of the first deviation that the policy does not let pass, or "". by is the CA that
// signed, nil when it is not known; it is asked for when there is a deviation.
func (p *Policy) unexcepted(all iter.Seq[Deviation], by func() *x509.Certificate, dated time.Time) string {
	var ca *x509.Certificate
	for d := range all {
		if !Excusable(d.Code) {
			return d.Reason
		}
		odd := d.Code == SerialZero || d.Code == SerialNegative || d.Code == SerialLong
		if odd && p.Misissued != nil && p.Misissued(d.Serial) {
			continue
		}
		if ca == nil && p.Excepted != nil {
			ca = by()
		}
		if ca != nil && p.Excepted(ca, d, dated) {
			continue
		}
		if odd {
			return d.Reason + "; if the CA did issue such a certificate, name the serial in trust.misissued"
		}
		return d.Reason + "; a signed exception that allows " + d.Code + " lets it pass"
	}
	return ""
}

// Irregular explains what by got wrong in a certificate, or returns "": it is right, or an exception lets it pass. It
// is for who takes in certificates that are not published.
func (p *Policy) Irregular(c, by *x509.Certificate) string {
	return p.unexcepted(certificateDeviations(c), func() *x509.Certificate { return by }, c.NotBefore)
}

// irregular explains what a CA got wrong in a certificate; every rule that allows one asks it.
func (p *Policy) irregular(c *x509.Certificate) string {
	return p.unexcepted(certificateDeviations(c), func() *x509.Certificate { return p.issuerOf(c) }, c.NotBefore)
}

// issuerOf finds the pinned CA or partner that signed a certificate.
func (p *Policy) issuerOf(c *x509.Certificate) *x509.Certificate {
	for _, i := range append(p.trust().Issuers(), p.trust().Partners()...) {
		if signedBy(c, i) {
			return i
		}
	}
	return nil
}

// certificateDeviations walks a certificate.
func certificateDeviations(c *x509.Certificate) iter.Seq[Deviation] {
	return func(yield func(Deviation) bool) {
		serial := artifact.SerialBytes(c)
		if d := OddSerial(serial); d.Code != "" && !yield(d) {
			return
		}
		for _, i := range artifact.Irregularities(c) {
			if !yield(Deviation{i.Code, serial, i.Text}) {
				return
			}
		}
	}
}

// OddSerial says why no certificate should have a serial number; its code is empty when nothing is odd.
func OddSerial(serial []byte) Deviation {
	code, what := "", ""
	switch {
	case len(serial) > 20:
		code, what = SerialLong, fmt.Sprintf("has %d octets, more than 20", len(serial))
	case len(serial) == 1 && serial[0] == 0:
		code, what = SerialZero, "is zero"
	case len(serial) > 0 && serial[0]&0x80 != 0:
		code, what = SerialNegative, "is negative"
	default:
		return Deviation{}
	}
	return Deviation{code, serial, fmt.Sprintf("serial number %x %s (RFC 5280 section 4.1.2.2)", serial, what)}
}

// listDeviations walks a list. Relying parties read a wrong line in different ways, and two lines about one certificate
// contradict each other.
func listDeviations(l *artifact.RevocationList) iter.Seq[Deviation] {
	return func(yield func(Deviation) bool) {
		if l.EarlyGeneralized && !yield(Deviation{EarlyLong, nil,
			"its thisUpdate or nextUpdate is a GeneralizedTime before 2050, which must be a UTCTime (RFC 5280 " +
				"section 5.1.2.4)"}) {
			return
		}
		if l.IDP != nil && !l.IDP.Critical && !yield(Deviation{ScopeUncritical, nil,
			"its issuing distribution point is not critical (RFC 5280 section 5.2.5)"}) {
			return
		}
		if l.BaseNumber != nil && !l.DeltaCritical && !yield(Deviation{DeltaUncritical, nil,
			"its delta indicator is not critical (RFC 5280 section 5.2.4)"}) {
			return
		}
		ascending, latest := true, l.ThisUpdate.Add(skew)
		var last []byte
		var e artifact.RevokedEntry
		for r := l.Reader(); ; {
			more, err := r.Read(&e)
			if err != nil {
				yield(Deviation{Unreadable, nil, err.Error()})
				return
			}
			if !more {
				break
			}
			if !isPlain(&e, latest) && !entryDeviations(l, e, yield) {
				return
			}
			ascending = ascending && bytes.Compare(last, e.Serial) < 0
			last = e.Serial
		}
		if !ascending { // ascending by their octets, as a database sorts them, none comes twice
			listedAgain(l, yield)
		}
	}
}

// isPlain reports that nothing is odd about a line, as of nearly all of the millions that there may be.
func isPlain(e *artifact.RevokedEntry, latest time.Time) bool {
	n := len(e.Serial)
	return n > 0 && n <= 20 && e.Serial[0] > 0 && e.Serial[0] < 0x80 &&
		!e.EarlyGeneralized && e.Reason != removeFromCRL && !e.Time.After(latest)
}

// entryDeviations judges one line; it reports whether the walk goes on.
func entryDeviations(l *artifact.RevocationList, e artifact.RevokedEntry, yield func(Deviation) bool) bool {
	if d := OddSerial(e.Serial); d.Code != "" && !yield(d) {
		return false
	}
	if e.EarlyGeneralized &&
		!yield(Deviation{EarlyLong, e.Serial, fmt.Sprintf("the revocation date of serial number %x is "+
			"a GeneralizedTime before 2050, which must be a UTCTime (RFC 5280 section 5.1.2.6)", e.Serial)}) {
		return false
	}
	if e.Reason == removeFromCRL && l.BaseNumber == nil && !yield(Deviation{RemovedInFull, e.Serial, fmt.Sprintf(
		"serial number %x is listed with reason removeFromCRL, which is for delta lists (RFC 5280 section 5.3.1)",
		e.Serial)}) {
		return false
	}
	return !e.Time.After(l.ThisUpdate.Add(skew)) || yield(Deviation{RevokedLater, e.Serial, fmt.Sprintf(
		"serial number %x is revoked at %s, after the list's own thisUpdate %s", e.Serial,
		e.Time.Format(time.RFC3339), l.ThisUpdate.Format(time.RFC3339))})
}

// answerDeviations walks a response.
func answerDeviations(r *artifact.Response, now time.Time) iter.Seq[Deviation] {
	return func(yield func(Deviation) bool) {
		if !now.IsZero() && r.ProducedAt.After(now.Add(skew)) && !yield(Deviation{ProducedLater, nil,
			"its producedAt " + r.ProducedAt.Format(time.RFC3339) + " is in the future"}) {
			return
		}
		for i := range r.Singles {
			if !singleDeviations(r, i, yield) {
				return
			}
		}
	}
}

// singleDeviations judges one answer, also against those before it; it reports whether the walk goes on.
func singleDeviations(r *artifact.Response, i int, yield func(Deviation) bool) bool {
	s := &r.Singles[i]
	serial := s.CertID.Serial
	if d := OddSerial(serial); d.Code != "" && !yield(d) {
		return false
	}
	later := s.Status == artifact.StatusRevoked && s.RevokedAt.After(s.ThisUpdate.Add(skew))
	if later && !yield(Deviation{RevokedLater, serial, fmt.Sprintf(
		"serial number %x is revoked at %s, after the answer's own thisUpdate %s", serial,
		s.RevokedAt.Format(time.RFC3339), s.ThisUpdate.Format(time.RFC3339))}) {
		return false
	}
	if s.ThisUpdate.After(r.ProducedAt.Add(skew)) && !yield(Deviation{AnsweredLater, serial, fmt.Sprintf(
		"its thisUpdate %s is after its producedAt %s", s.ThisUpdate.Format(time.RFC3339),
		r.ProducedAt.Format(time.RFC3339))}) {
		return false
	}
	for j := range i {
		o := &r.Singles[j]
		if !bytes.Equal(o.CertID.Serial, serial) {
			continue
		}
		if o.Status == s.Status && o.Reason == s.Reason && o.RevokedAt.Equal(s.RevokedAt) {
			continue
		}
		return yield(Deviation{AnsweredTwoWays, serial, fmt.Sprintf("it says two things of serial number %x", serial)})
	}
	return true
}
