package sectiona

import (
	"crypto/x509"
	"encoding/asn1"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
)

func readCert(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	return must(x509.ParseCertificate(must(os.ReadFile(filepath.Join("testdata", "pki", name)))))
}

func policy(t testing.TB) *Policy {
	t.Helper()
	trust := artifact.NewTrust([]*x509.Certificate{readCert(t, "root.cer")},
		[]*x509.Certificate{readCert(t, "partner.cer")})
	for _, n := range []string{"sub.cer", "new-root-link.cer"} {
		if err := trust.Add(readCert(t, n)); err != nil {
			t.Fatal(err)
		}
	}
	return &Policy{Trust: trust, Now: func() time.Time { return madeAt.Add(time.Hour) },
		DocumentSigner: &DocumentSigner{CommonName: "Test CPS signer"}}
}

// A subject is one committed file with the context in which it is judged.
type subject struct {
	path, dir string
	a         *artifact.Artifact
	ev        Evidence
	policy    *Policy
}

func members(bs ...[]byte) iter.Seq2[*artifact.Artifact, error] {
	return func(yield func(*artifact.Artifact, error) bool) {
		for _, b := range bs {
			if !yield(artifact.Parse(b), nil) {
				return
			}
		}
	}
}

// subjects reads all files below testdata/dir and gives each the evidence that its directory asks for.
func subjects(t *testing.T, dir string) []subject {
	t.Helper()
	var all []subject
	err := filepath.WalkDir(filepath.Join("testdata", dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s := subject{path: path, dir: filepath.Base(filepath.Dir(path)), a: artifact.Parse(b),
			ev: Evidence{InLedger: true}, policy: policy(t)}
		switch s.dir {
		case "not-in-ledger":
			s.ev.InLedger = false
		case "kind-mismatch":
			s.ev.Claimed = artifact.CRL
		case "cross-certificate":
			s.ev.Claimed = artifact.CrossCertificate
		case "arl":
			s.ev.Claimed = artifact.ARL
		case "strict-static":
			s.policy.Strict = true
		case "crl-number":
			s.ev.Previous = must(artifact.ParseRevocationList(must(os.ReadFile("testdata/allowed/crl/sub.crl"))))
		case "ocsp-bundle":
			s.a.Members = members(must(os.ReadFile("testdata/allowed/ocsp-response/by-issuer.ors")),
				must(os.ReadFile("testdata/refused/ocsp-nonce/nonce.ors")))
		case "document-signature":
			s.ev.Document = []byte("the CPS")
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRefused lets every file be refused by exactly the rule that its directory names, and every rule that denies
// refuse at least one file.
func TestRefused(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range subjects(t, "refused") {
		r := s.policy.Admit(s.a, s.ev)
		if r == nil {
			t.Errorf("%s is allowed (%s)", s.path, s.a.Kind)
			continue
		}
		if r.Rule != s.dir {
			t.Errorf("%s is refused by rule %s: %s", s.path, r.Rule, r.Reason)
		}
		if r.Reason == "" || r.Quote == "" || r.Gloss == "" || r.Hint == "" || !strings.Contains(r.Error(), r.Rule) {
			t.Errorf("%s: the refusal is incomplete: %+v", s.path, r)
		}
		seen[r.Rule] = true
	}
	for _, r := range Rules() {
		if r.check != nil && !seen[r.ID] {
			t.Errorf("no file is refused by rule %s", r.ID)
		}
	}
}

// TestEveryRuleIsNeeded takes one rule away at a time: its files must then not be refused by it any more, so that each
// test file proves its own rule and no other.
func TestEveryRuleIsNeeded(t *testing.T) {
	for _, s := range subjects(t, "refused") {
		r := s.policy.Admit(s.a, s.ev)
		i := slices.IndexFunc(table, func(x Rule) bool { return x.ID == s.dir })
		saved := table[i].check
		table[i].check = nil
		after := s.policy.Admit(s.a, s.ev)
		table[i].check = saved
		if after != nil && r != nil && after.Rule == r.Rule && after.Reason == r.Reason {
			t.Errorf("%s: the refusal does not come from the check of rule %s", s.path, s.dir)
		}
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	n := 0
	for _, s := range subjects(t, "allowed") {
		if string(s.a.Kind) != s.dir && !s.a.Kind.Agrees(artifact.Kind(s.dir)) {
			t.Errorf("%s is a %s: %s", s.path, s.a.Kind, s.a.Problem)
		}
		if r := s.policy.Admit(s.a, s.ev); r != nil {
			t.Errorf("%s is refused: %v", s.path, r)
		}
		// The same bytes without a place in the ledger, and without a trust set, are refused.
		s.ev.InLedger = false
		if s.policy.Admit(s.a, s.ev) == nil {
			t.Errorf("%s is allowed although it is not in the ledger", s.path)
		}
		n++
	}
	if n < 20 {
		t.Errorf("only %d allowed files", n)
	}
}

// TestZeroPolicyTrustsNobody makes sure that a forgotten trust set denies all that is signed.
func TestZeroPolicyTrustsNobody(t *testing.T) {
	t.Parallel()
	for _, s := range subjects(t, "allowed") {
		signed := len(s.a.Certificates) > 0 || s.a.CRL != nil || s.a.OCSP != nil
		if r := new(Policy).Admit(s.a, s.ev); signed && r == nil {
			t.Errorf("%s is allowed without a trust set", s.path)
		}
	}
}

func TestSubscriberConsent(t *testing.T) {
	t.Parallel()
	p := policy(t)
	a := artifact.Parse(must(os.ReadFile("testdata/refused/subscriber-consent/taro.cer")))
	serial := string(artifact.SerialBytes(a.Certificates[0]))
	p.SubscriberConsent = func(s []byte) (string, bool) { return "consent 12", string(s) == serial }
	if r := p.Admit(a, Evidence{InLedger: true}); r != nil {
		t.Errorf("refused with consent: %v", r)
	}
	p.SubscriberConsent = func([]byte) (string, bool) { return "", true }
	if p.Admit(a, Evidence{InLedger: true}) == nil {
		t.Error("allowed under a consent record without a name")
	}
	p.SubscriberConsent = func([]byte) (string, bool) { return "consent 13", true }
	c := newCast()
	foreign := makeCert("Taro Denshi", "taro", &c.foreignSub, x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature})
	if r := p.Admit(artifact.Parse(foreign.cert.Raw), Evidence{InLedger: true}); r == nil ||
		r.Rule != "subscriber-consent" {
		t.Errorf("the certificate of another CA is allowed under a consent record: %v", r)
	}
}

// TestDocumentSigner: the profile that the configuration names decides who signs documents, and a CA's own key always
// may.
func TestDocumentSigner(t *testing.T) {
	t.Parallel()
	c := newCast()
	signs := x509.KeyUsageDigitalSignature
	usage, id := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 36}, must(x509.OIDFromInts([]uint64{1, 2, 392, 200, 1}))
	profiled := makeCert("Documents 2027", "document 2", &c.sub, x509.Certificate{KeyUsage: signs,
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{usage}, Policies: []x509.OID{id}})
	mail := makeCert("Mail", "mail", &c.sub,
		x509.Certificate{KeyUsage: signs, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}})
	encipher := makeCert("Test CPS signer", "encipher", &c.sub,
		x509.Certificate{KeyUsage: x509.KeyUsageKeyEncipherment})
	byName, byUsage := &DocumentSigner{CommonName: "Test CPS signer"},
		&DocumentSigner{CommonName: "Test CPS signer", Usage: usage.String()}
	byPolicy, byMail := &DocumentSigner{Policy: "1.2.392.200.1"}, &DocumentSigner{Usage: "1.3.6.1.5.5.7.3.4"}
	for _, x := range []struct {
		name    string
		profile *DocumentSigner
		signer  party
		want    string // part of the reason; empty = allowed
	}{
		{"named", byName, c.documentSigner, ""},
		{"a subscriber", byName, c.taro, "is not the document signer"},
		{"a subscriber, nothing named", nil, c.taro, ""},
		{"a responder, nothing named", nil, c.delegate, "for OCSP responses"},
		{"a key for encipherment", byName, encipher, "not for signatures on documents"},
		{"usage", byUsage, profiled, ""},
		{"the name without the usage", byUsage, c.documentSigner, "lacks the extended key usage"},
		{"policy", byPolicy, profiled, ""},
		{"without the policy", byPolicy, c.documentSigner, "lacks the policy"},
		{"a usage with a name", byMail, mail, ""},
		{"another usage", byMail, profiled, "lacks the extended key usage"},
		{"the CA itself", byUsage, c.sub, ""},
		{"a foreign CA", byName, c.foreignSub, "not certified by a CA of this hierarchy"},
	} {
		p := policy(t)
		p.DocumentSigner = x.profile
		r := p.Admit(artifact.Parse(detached(x.signer, []byte("the CPS"))),
			Evidence{InLedger: true, Document: []byte("the CPS")})
		if x.want == "" && r != nil || x.want != "" && (r == nil || !strings.Contains(r.Reason, x.want)) {
			t.Errorf("%s: %v, want %q", x.name, r, x.want)
		}
	}
}

func TestBundleMembers(t *testing.T) {
	t.Parallel()
	p := policy(t)
	good := must(os.ReadFile("testdata/allowed/ocsp-response/by-issuer.ors"))
	a := artifact.Parse([]byte(artifact.BundleMagic))
	if r := p.Admit(a, Evidence{InLedger: true}); r == nil || r.Rule != "ocsp-bundle" {
		t.Errorf("a closed bundle: %v", r)
	}
	a.Members = members(good, good)
	if r := p.Admit(a, Evidence{InLedger: true}); r != nil {
		t.Errorf("a good bundle: %v", r)
	}
	a.Members = members(good, must(os.ReadFile("testdata/pki/root.cer")))
	if r := p.Admit(a, Evidence{InLedger: true}); r == nil || r.Rule != "ocsp-bundle" {
		t.Errorf("a bundle with a certificate in it: %v", r)
	}
}

func TestPolicyBounds(t *testing.T) {
	t.Parallel()
	p := policy(t)
	p.MaxValidity = time.Hour
	for name, rule := range map[string]string{"crl/sub.crl": "crl-current",
		"ocsp-response/by-issuer.ors": "ocsp-current", "crl/final.crl": ""} {
		r := p.Admit(artifact.Parse(must(os.ReadFile("testdata/allowed/"+name))), Evidence{InLedger: true})
		if rule == "" && r != nil || rule != "" && (r == nil || r.Rule != rule) {
			t.Errorf("%s: %v, want rule %q", name, r, rule)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	p := policy(t)
	read := func(name string) *artifact.Artifact {
		return artifact.Parse(must(os.ReadFile("testdata/allowed/" + name)))
	}
	if w := p.Warnings(read("document/unsigned.pdf"), Evidence{}); len(w) != 1 {
		t.Errorf("unsigned document: %q", w)
	}
	if w := p.Warnings(read("document/unsigned.pdf"),
		Evidence{Signature: read("document-signature/cps.p7s")}); len(w) != 0 {
		t.Errorf("document with a signature: %q", w)
	}
	if w := p.Warnings(read("ocsp-signer-certificate/delegate.cer"), Evidence{}); len(w) != 0 {
		t.Errorf("delegate: %q", w)
	}
	p.Now = func() time.Time { return madeAt.AddDate(20, 0, 0) }
	if w := p.Warnings(read("ca-certificate/root.cer"), Evidence{}); len(w) != 1 {
		t.Errorf("expired CA: %q", w)
	}
}

// TestRules checks the table's form: what documentation and explain print.
func TestRules(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	covered := map[artifact.Kind]bool{}
	for _, r := range Rules() {
		if ids[r.ID] || r.ID == "" || r.Quote == "" || r.Gloss == "" || r.Need == "" || len(r.Kinds) == 0 ||
			r.check != nil && r.Hint == "" {
			t.Errorf("rule %+v is incomplete or double", r)
		}
		ids[r.ID] = true
		for _, k := range r.Kinds {
			covered[k] = true
		}
	}
	for _, k := range artifact.Kinds() {
		if !covered[k] {
			t.Errorf("no rule speaks of kind %s", k)
		}
	}
	if r := new(Policy).Admit(&artifact.Artifact{Kind: "new-kind"}, Evidence{InLedger: true}); r == nil ||
		r.Rule != "unrecognised" {
		t.Errorf("a kind without a rule: %v", r)
	}
	if _, ok := RuleByID("private-key"); !ok {
		t.Error("rule private-key is not found")
	}
}
