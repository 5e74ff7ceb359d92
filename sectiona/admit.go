package sectiona

import (
	"slices"

	"seihon/artifact"
)

// Admit returns nil when section A allows a to be published, and the refusal otherwise.
func (p *Policy) Admit(a *artifact.Artifact, ev Evidence) *Refusal {
	kind := effectiveKind(a, ev)
	ev.admit = p.Admit
	allowed := false
	for i := range table {
		r := &table[i]
		if !slices.Contains(r.Kinds, kind) {
			continue
		}
		if r.check != nil {
			if reason := r.check(p, a, ev); reason != "" {
				return r.refuse(kind, reason)
			}
		}
		allowed = allowed || r.Verdict == Allow
	}
	if !allowed {
		return &Refusal{Rule: "unrecognised", Kind: string(kind), Reason: "no rule allows this kind", Quote: s1.quote,
			Gloss: s1.gloss,
			Hint:  "publish only the kinds that the rule table names"}
	}
	return nil
}

func (r *Rule) refuse(kind artifact.Kind, reason string) *Refusal {
	return &Refusal{Rule: r.ID, Kind: string(kind), Reason: reason, Quote: r.Quote, Gloss: r.Gloss, Hint: r.Hint}
}

// effectiveKind prefers the recorded kind where the bytes alone cannot tell (Kind.Agrees).
func effectiveKind(a *artifact.Artifact, ev Evidence) artifact.Kind {
	if ev.Claimed != "" && a.Kind.Agrees(ev.Claimed) {
		return ev.Claimed
	}
	return a.Kind
}

// Warnings returns what is allowed but an operator should know.
func (p *Policy) Warnings(a *artifact.Artifact, ev Evidence) []string {
	var w []string
	switch effectiveKind(a, ev) {
	case artifact.Document:
		if signers, err := artifact.VerifyDocument(a.Bytes); err == nil && len(signers) == 0 && ev.Signature == nil {
			w = append(w, "the document is not signed; only the ledger covers it")
		}
	case artifact.OCSPSignerCertificate:
		if !hasNoCheck(a.Certificates[0]) {
			w = append(w,
				"the responder's certificate has no id-pkix-ocsp-nocheck, so that clients look for its own status "+
					"(RFC 6960 section 4.2.2.2.1)")
		}
	case artifact.CACertificate, artifact.LinkCertificate, artifact.CrossCertificate:
		if p.Now != nil && p.Now().After(a.Certificates[0].NotAfter) {
			w = append(w, "the certificate has expired")
		}
	}
	return w
}
