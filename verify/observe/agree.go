package observe

import (
	"crypto"
	"fmt"
	"slices"

	"seihon/artifact"
)

// together holds the answers against each other and against the lists.
func (t *telling) together(all []*answer) {
	t.hashes(all)
	var order []*question
	byQuestion := map[*question][]*answer{}
	for _, a := range all {
		if a.nonce != nil {
			if a.single == nil && answeredWithout(all, a) {
				t.sum.Nonce = "refused"
				t.add(a,
					Finding{Code: CodeNonce, Severity: "warning",
						Detail: "the same question with a nonce is not answered"})
			}
			continue
		}
		if byQuestion[a.question] == nil {
			order = append(order, a.question)
		}
		byQuestion[a.question] = append(byQuestion[a.question], a)
	}
	for _, q := range order {
		t.one(q, byQuestion[q])
	}
}

// answeredWithout reports whether the question of an answer was answered where it had no nonce.
func answeredWithout(all []*answer, a *answer) bool {
	return slices.ContainsFunc(all, func(b *answer) bool {
		return b.nonce == nil && b.question == a.question && b.hash == a.hash && b.method == a.method && b.single != nil
	})
}

// hashes reports a hash algorithm by which nothing is answered.
func (t *telling) hashes(all []*answer) {
	if t.sum.SHA1 == t.sum.SHA256 {
		return
	}
	hash := crypto.SHA1
	if t.sum.SHA1 {
		hash = crypto.SHA256
	}
	i := slices.IndexFunc(all, func(a *answer) bool { return a.hash == hash })
	t.bad(all[i], CodeHash, "no question whose CertID is by %s was answered", hash)
}

// one judges the answers to one question.
func (t *telling) one(q *question, answers []*answer) {
	var first *answer
	for _, a := range answers {
		switch {
		case a.single == nil:
		case first == nil:
			first = a
		case a.says != first.says:
			t.bad(a, CodeTwoAnswers, "the answer is %s, and %s by %s and %s", a.says, first.says, first.hash,
				first.method)
		}
	}
	if first == nil {
		t.unanswered(q, answers)
		return
	}
	t.o.countCompared(q)
	for _, a := range answers {
		if a.single != nil {
			t.agree(a)
		}
	}
	t.o.history.answered(t, q, answers)
}

// unanswered judges that the responder knows nothing of a certificate.
func (t *telling) unanswered(q *question, answers []*answer) {
	i := slices.IndexFunc(answers, func(a *answer) bool { return a.says != "" })
	if i < 0 {
		return // it has been said why
	}
	a := answers[i]
	switch q.about {
	case aboutListed:
		t.add(a, Finding{Code: CodeNoAnswer, Severity: "warning",
			Detail: fmt.Sprintf("the answer is %s; right if the certificate has expired", a.says)})
	case aboutCertificate:
		t.bad(a, CodeNoAnswer, "the answer is %s", a.says)
	case aboutGone:
		t.left(a, "note", "OCSP does not answer about it any more, as of a certificate that has expired")
	}
}

// agree holds one answer against the lists.
func (t *telling) agree(a *answer) {
	s, e := a.single, a.entry
	switch {
	case a.about == aboutNever:
		if a.says == "good" || a.says == "revoked" {
			t.bad(a, "responder-never-issued", "the answer is %s", a.says)
		}
	case a.about == aboutGone:
		t.gone(a)
	case a.about == aboutCertificate && a.says == aboutNever:
		t.bad(a, "never-issued-refuted", "the certificate is at hand")
	case a.about == aboutCertificate && s.Status == artifact.StatusUnknown:
		t.bad(a, CodeNoAnswer, "the answer is %s", a.says)
	case a.from == nil:
	case e == nil:
		// The answer may be newer than the list.
		if s.Status == artifact.StatusRevoked && !s.RevokedAt.After(a.from.ThisUpdate) {
			t.bad(a, "coherence-revoked-not-listed", "revoked at %s, and not on the list of %s at %s",
				stamp(s.RevokedAt), stamp(a.from.ThisUpdate), a.from.Address)
		}
	default:
		t.listed(a, s, e)
	}
}

// listed judges the answer about a certificate that a list says is revoked.
func (t *telling) listed(a *answer, s *artifact.Single, e *artifact.RevokedEntry) {
	released := e.Reason == reasonHold && s.ThisUpdate.After(a.from.ThisUpdate) // or revoked for good since
	switch {
	case released:
	case s.Status == artifact.StatusGood && s.ThisUpdate.Before(e.Time):
		t.add(a, Finding{Code: "coherence-good-but-revoked", Severity: "error",
			Detail: fmt.Sprintf("the list says revoked at %s; the answer is of %s, before that", stamp(e.Time),
				stamp(s.ThisUpdate))})
	case s.Status == artifact.StatusGood:
		t.bad(a, "coherence-good-but-revoked", "the list says revoked at %s", stamp(e.Time))
	case s.Status == artifact.StatusUnknown:
		t.add(a, Finding{Code: CodeNoAnswer, Severity: "warning",
			Detail: fmt.Sprintf("the answer is %s; right if the certificate has expired", a.says)})
	case !s.RevokedAt.Equal(e.Time):
		t.bad(a, "coherence-date", "the response says %s, the list %s", stamp(s.RevokedAt), stamp(e.Time))
	case max(s.Reason, 0) != max(e.Reason, 0):
		t.bad(a, "coherence-reason", "the response says %d, the list %d", max(s.Reason, 0), max(e.Reason, 0))
	}
}

// gone judges the answer about a certificate that is on the list no longer.
func (t *telling) gone(a *answer) {
	switch a.says {
	case "good":
		t.bad(a, "memory-vanished", "an earlier list said revoked at %s, and the answer is good now",
			stamp(a.entry.Time))
	case "revoked":
		t.left(a, "warning", "OCSP still says revoked")
	default:
		t.left(a, "note", "OCSP does not answer about it any more, as of a certificate that has expired")
	}
}

func (t *telling) left(a *answer, severity, why string) {
	t.add(a, Finding{Code: CodeLeft, Severity: severity, Detail: fmt.Sprintf("serial number %x left the list at %s; %s",
		a.serial, a.from.Address, why)})
}
