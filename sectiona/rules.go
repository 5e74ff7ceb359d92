package sectiona

import (
	"slices"

	"seihon/artifact"
)

// The verdicts of a rule.
const (
	Allow = "allow" // an artifact of these kinds is allowed when no rule finds a reason against it
	Deny  = "deny"
)

// A Rule is one line of the table.
type Rule struct {
	ID      string
	Kinds   []artifact.Kind
	Quote   string // the sentence of the report, Japanese
	Gloss   string // the same in English
	Verdict string // Allow or Deny
	Need    string // what the rule asks for, one phrase
	Hint    string // what to do when it refuses

	check check
}

// A check returns the reason why the rule refuses a, or "".
type check func(p *Policy, a *artifact.Artifact, ev Evidence) string

// Groups of kinds that rules share.
var (
	lists        = []artifact.Kind{artifact.CRL, artifact.ARL, artifact.DeltaCRL}
	ledgerCopies = []artifact.Kind{artifact.Checkpoint, artifact.Tile, artifact.Manifest}
	pages        = []artifact.Kind{artifact.IndexPage, artifact.FingerprintPage}
	public       = []artifact.Kind{
		artifact.CACertificate, artifact.LinkCertificate, artifact.CrossCertificate, artifact.SubscriberCertificate,
		artifact.OCSPSignerCertificate, artifact.CertificateBundle, artifact.CRL, artifact.ARL, artifact.DeltaCRL,
		artifact.OCSPResponse, artifact.OCSPBundle, artifact.OCSPGeneration, artifact.Document,
		artifact.DocumentSignature,
		artifact.IndexPage, artifact.FingerprintPage, artifact.Checkpoint, artifact.Tile, artifact.Manifest,
	}
)

func one(k artifact.Kind) []artifact.Kind { return []artifact.Kind{k} }

// table is the rule pack, in the order in which the rules are asked: first what is denied whatever else it is, then the
// rules of the kinds, and last the ledger. A faulty artifact is refused for its fault even when the ledger does not
// know it either.
var table = []Rule{
	deny("private-key", one(artifact.PrivateKey), s3, "no private key in any wrapping", found,
		"remove it from the repository at once, treat the key as compromised, and find out how it got there"),
	deny("ledger-master", one(artifact.LedgerMaster), s5, "no master of a book of record", found,
		"keep the master on premises; only the copies that the publisher derives may be public"),
	deny("log", one(artifact.Log), s9, "no log file", found,
		"keep logs private; access logs of the cloud are exported to the premises, not published"),
	deny("registration-data", one(artifact.RegistrationData), s9, "no data of applicants and subscribers", found,
		"keep registration data out of the cloud and check whose data was exposed"),
	deny("signing-logic", one(artifact.Unrecognised), s3, "no program", program,
		"programs do not belong into the repository; nothing that could sign may be in the cloud"),
	deny("one-object", one(artifact.Unrecognised), s1, "exactly one DER object", trailing,
		"publish the object alone; whatever follows it is not covered by its signature"),
	deny("unrecognised", one(artifact.Unrecognised), s1, "a form that is public and signed", found,
		"publish certificates and CRLs as one DER object, documents as PDF, and nothing that the CA did not sign"),

	deny("kind-mismatch", public, s6, "content of the recorded kind", claimed,
		"correct the kind in the signing room; the ledger must say what the bytes are"),
	deny("strict-static", []artifact.Kind{artifact.OCSPBundle, artifact.OCSPGeneration}, s4,
		"static objects only, in strict mode", static,
		"publish single responses (layout objects), or turn strict mode off after asking the survey body"),

	allow("ca-certificate", one(artifact.CACertificate), s6, "a CA that is pinned or chains to a pinned anchor",
		caCertificate,
		"pin the root in the configuration, or publish the CA certificates in the order of their chain"),
	allow("link-certificate", one(artifact.LinkCertificate), s1, "one name, two keys, signed by the trusted one",
		linkCertificate,
		"issue the link certificate with the old key (new-with-old) or the new one (old-with-new)"),
	allow("cross-certificate", one(artifact.CrossCertificate), s1, "a pinned partner on one side, this CA on the other",
		crossCertificate,
		"pin the partner's certificate in the configuration"),
	allow("subscriber-consent", one(artifact.SubscriberCertificate), s1, "the subscriber's recorded consent",
		subscriber,
		"subscriber certificates are not published, unless the CPS says so and the consent is recorded under the "+
			"serial number"),
	allow("ocsp-signer-certificate", one(artifact.OCSPSignerCertificate), s1, "issued by a trusted CA for OCSP signing",
		ocspSigner,
		"issue the responder's certificate with the CA whose responses it signs"),
	allow("certificate-bundle", one(artifact.CertificateBundle), s1,
		"nothing but CA certificates that may be published", bundle,
		"put only CA and cross certificates of this hierarchy into the bundle"),

	deny("crl-signature", lists, s1, "a signature by a trusted CA", crlSignature,
		"let the CA sign the list; pin the CA if it is missing from the trust set"),
	deny("crl-scope", lists, s1, "a well-formed, consistent scope", crlScope,
		"make the list anew; a relying party would misread or refuse this one"),
	deny("crl-number", lists, s7, "a CRL number that rises", crlNumber,
		"never publish an older list over a newer one; make a new list with the next number"),
	allow("crl-current", lists, s7, "a list that is current", crlCurrent,
		"make a new list in the signing room and check its clock and schedule"),

	deny("ocsp-nonce", one(artifact.OCSPResponse), s4, "a response made beforehand, without a nonce", nonce,
		"a response with a nonce was made on request, by a key that was online: find out where"),
	deny("ocsp-next-update", one(artifact.OCSPResponse), s4, "a nextUpdate", nextUpdate,
		"pre-signed responses must say until when they hold (RFC 9919 section 3.2.4)"),
	deny("ocsp-signature", one(artifact.OCSPResponse), s4, "a signature by the CA or its delegate", ocspSignature,
		"sign with the issuer's key or with a delegate that the issuer itself certified for OCSP signing"),
	allow("ocsp-current", one(artifact.OCSPResponse), s7, "a response that is current", ocspCurrent,
		"sign the response anew and check the refresh schedule"),
	allow("ocsp-bundle", one(artifact.OCSPBundle), s4, "nothing but responses that may be published", responses,
		"remove the response from the bundle, or make the bundle anew"),
	allow("ocsp-generation", one(artifact.OCSPGeneration), s4, "a list of bundles in the ledger", nil, ""),

	deny("document-opaque", one(artifact.Document), s9, "a document that can be looked into", opaque,
		"publish the document without encryption, programs, unknown encodings or anything appended to it"),
	allow("document-signature", []artifact.Kind{artifact.Document, artifact.DocumentSignature}, s1,
		"if signed, validly and by the CA", document,
		"sign the document with a certificate of this CA, after its last change"),
	allow("page", pages, s7, "derived from what is published, in the ledger", nil, ""),
	allow("ledger-copy", ledgerCopies, s6, "equal to the master log on premises", nil, ""),

	deny("not-in-ledger", public, s6, "bytes equal to a master", inLedger,
		"let the signing room record the artifact in the master log, then publish from there"),
}

func newRule(verdict, id string, kinds []artifact.Kind, s sentence, need string, c check, hint string) Rule {
	return Rule{ID: id, Kinds: kinds, Quote: s.quote, Gloss: s.gloss, Verdict: verdict, Need: need, Hint: hint,
		check: c}
}

func deny(id string, kinds []artifact.Kind, s sentence, need string, c check, hint string) Rule {
	return newRule(Deny, id, kinds, s, need, c, hint)
}

func allow(id string, kinds []artifact.Kind, s sentence, need string, c check, hint string) Rule {
	return newRule(Allow, id, kinds, s, need, c, hint)
}

// Rules returns the table in the order in which it is asked.
func Rules() []Rule {
	rules := slices.Clone(table)
	for i := range rules {
		rules[i].Kinds = slices.Clone(rules[i].Kinds)
	}
	return rules
}

// RuleByID returns the rule of that name and reports whether there is one.
func RuleByID(id string) (Rule, bool) {
	for _, r := range Rules() {
		if r.ID == id {
			return r, true
		}
	}
	return Rule{}, false
}
