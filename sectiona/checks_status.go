package sectiona

import (
	"crypto/x509"
	"fmt"
	"time"

	"seihon/artifact"
)

// skew is how far the clocks of the signing room and of this host may differ.
const skew = 5 * time.Minute

func crlSignature(p *Policy, a *artifact.Artifact, _ Evidence) string {
	if _, err := p.trust().CheckCRL(a.CRL); err != nil {
		return err.Error()
	}
	return ""
}

func crlScope(p *Policy, a *artifact.Artifact, ev Evidence) string {
	l := a.CRL
	switch {
	case len(l.UnhandledCritical) > 0:
		return "its critical extension " + l.UnhandledCritical[0] + " is not understood"
	case l.IDP != nil && l.IDP.OnlyUser && l.IDP.OnlyCA:
		return "its issuing distribution point excludes every certificate"
	case l.IDP != nil && l.IDP.OnlyAttribute:
		return "it is a list of attribute certificates, which this CA does not publish"
	case l.IDP != nil && l.IDP.Indirect:
		return "it is an indirect list, which speaks for other CAs"
	case l.BaseNumber != nil && l.Number != nil && l.BaseNumber.Cmp(l.Number) >= 0:
		return "it is a delta to a list that is not older than itself"
	case ev.Claimed == artifact.ARL && l.IDP != nil && !l.IDP.OnlyCA:
		return "it is recorded as an authority revocation list, but its scope says otherwise"
	}
	return p.unexcepted(listDeviations(l), func() *x509.Certificate {
		issuer, _ := p.trust().CheckCRL(l) // by rule crl-signature there is one
		return issuer
	}, l.ThisUpdate)
}

func crlNumber(_ *Policy, a *artifact.Artifact, ev Evidence) string {
	l := a.CRL
	if l.Number == nil {
		return "it has no CRL number (RFC 5280 section 5.2.3)"
	}
	if ev.Previous == nil || ev.Previous.Number == nil || artifact.Sum(ev.Previous.Raw) == a.Digest {
		return ""
	}
	switch {
	case l.Number.Cmp(ev.Previous.Number) <= 0:
		return fmt.Sprintf("its number %v does not follow %v", l.Number, ev.Previous.Number)
	case !ev.Corrected && l.ThisUpdate.Before(ev.Previous.ThisUpdate):
		return "its thisUpdate is before that of the list it replaces"
	}
	return ""
}

func crlCurrent(p *Policy, a *artifact.Artifact, ev Evidence) string {
	if a.CRL.NextUpdate.IsZero() {
		return "it has no nextUpdate (RFC 5280 section 5.1.2.5)"
	}
	return p.current(a.CRL.ThisUpdate, a.CRL.NextUpdate, ev.Recorded)
}

// current explains why an interval of validity does not hold now, or returns "".
func (p *Policy) current(this, next, recorded time.Time) string {
	if !next.After(this) {
		return "its nextUpdate is not after its thisUpdate"
	}
	if p.MaxValidity > 0 && !artifact.Final(next) && next.Sub(this) > p.MaxValidity {
		return fmt.Sprintf("it is valid for %v, longer than the policy's %v", next.Sub(this), p.MaxValidity)
	}
	if !recorded.IsZero() && this.After(recorded.Add(skew)) {
		return "its thisUpdate " + this.Format(time.RFC3339) + " is after " + recorded.UTC().Format(time.RFC3339) +
			", when it was recorded"
	}
	if p.Now == nil {
		return ""
	}
	now := p.Now()
	switch {
	case this.After(now.Add(skew)):
		return "its thisUpdate " + this.Format(time.RFC3339) + " is in the future"
	case artifact.Stale(next, now):
		return "its nextUpdate " + next.Format(time.RFC3339) + " has passed"
	}
	return ""
}

func nonce(_ *Policy, a *artifact.Artifact, _ Evidence) string {
	if a.OCSP.Nonce == nil {
		return ""
	}
	return "it holds a nonce"
}

func nextUpdate(_ *Policy, a *artifact.Artifact, _ Evidence) string {
	for _, s := range a.OCSP.Singles {
		if s.NextUpdate.IsZero() {
			return fmt.Sprintf("the response for serial number %x has no nextUpdate", s.CertID.Serial)
		}
	}
	return ""
}

func ocspSignature(p *Policy, a *artifact.Artifact, _ Evidence) string {
	if len(a.OCSP.UnhandledCritical) > 0 {
		return "its critical extension " + a.OCSP.UnhandledCritical[0] + " is not understood"
	}
	if _, _, err := p.trust().CheckResponse(a.OCSP); err != nil {
		return err.Error()
	}
	return ""
}

func ocspCurrent(p *Policy, a *artifact.Artifact, ev Evidence) string {
	now := time.Time{}
	if p.Now != nil {
		now = p.Now()
	}
	by := func() *x509.Certificate {
		issuer, _, _ := p.trust().CheckResponse(a.OCSP) // by rule ocsp-signature there is one
		return issuer
	}
	if reason := p.unexcepted(answerDeviations(a.OCSP, now), by, a.OCSP.ProducedAt); reason != "" {
		return reason
	}
	for _, s := range a.OCSP.Singles {
		if reason := p.current(s.ThisUpdate, s.NextUpdate, ev.Recorded); reason != "" {
			return reason
		}
	}
	return ""
}
