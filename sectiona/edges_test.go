package sectiona

import (
	"crypto/x509"
	"os"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
)

// TestEdges judges what differs from something allowed in one respect only, in which a check could be wrong unnoticed.
func TestEdges(t *testing.T) {
	t.Parallel()
	c := newCast()
	list := func(l listOf) *artifact.Artifact { return artifact.Parse(c.sub.list(l)) }
	previous := list(listOf{number: 7}).CRL
	// The new root's key is not pinned here, and its link certificate is not known.
	unlinked := artifact.NewTrust([]*x509.Certificate{c.root.cert}, []*x509.Certificate{c.partner.cert})
	if err := unlinked.Add(c.sub.cert); err != nil {
		t.Fatal(err)
	}
	hanako := makeCert("Hanako Denshi", "hanako", &c.foreignSub,
		x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature})
	unsigned := artifact.Parse(must(os.ReadFile("testdata/allowed/document/unsigned.pdf")))
	for name, e := range map[string]struct {
		a            *artifact.Artifact
		ev           Evidence
		trust        *artifact.Trust
		rule, reason string
	}{
		"another list of the same number": {a: list(listOf{number: 7, serials: []int64{4711}}),
			ev:   Evidence{Previous: previous},
			rule: "crl-number", reason: "does not follow"},
		"a list that ends when it begins": {a: list(listOf{number: 8, this: madeAt, next: madeAt}), rule: "crl-current",
			reason: "is not after its thisUpdate"},
		"a link certificate as a new root": {a: artifact.Parse(c.linkNewWithOld.cert.Raw),
			ev: Evidence{Claimed: artifact.CACertificate}, trust: unlinked,
			rule: "ca-certificate", reason: "is not pinned"},
		"a root as a link of its key with itself": {a: artifact.Parse(c.root.cert.Raw),
			ev:   Evidence{Claimed: artifact.LinkCertificate},
			rule: "link-certificate", reason: "links a key with itself"},
		"a partner's own root as a cross certificate": {a: artifact.Parse(c.partner.cert.Raw),
			ev:   Evidence{Claimed: artifact.CrossCertificate},
			rule: "cross-certificate", reason: "no pinned partner"},
		"a stranger's subscriber who consented": {a: artifact.Parse(hanako.cert.Raw), rule: "subscriber-consent",
			reason: "no CA of this hierarchy"},
		"a certificate in the place of a document's signature": {a: unsigned,
			ev:   Evidence{Signature: artifact.Parse(c.root.cert.Raw)},
			rule: "document", reason: "what is published as its signature"},
	} {
		p := policy(t)
		p.SubscriberConsent = func([]byte) (string, bool) { return "consent 12", true }
		p.Now = func() time.Time { return madeAt }
		if e.trust != nil {
			p.Trust = e.trust
		}
		e.ev.InLedger = true
		r := p.Admit(e.a, e.ev)
		if r == nil {
			t.Errorf("%s is allowed", name)
			continue
		}
		if !strings.HasPrefix(r.Rule, e.rule) || !strings.Contains(r.Reason, e.reason) {
			t.Errorf("%s: refused by %s: %s; want %s: %s", name, r.Rule, r.Reason, e.rule, e.reason)
		}
	}
}
