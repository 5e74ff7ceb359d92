// Package sectiona decides what may lie in a repository in the cloud.
//
// The decision is the one of section A of the report on modernising the accreditation criteria of Japan's Electronic
// Signature Act (令和6年度電子署名法認定基準のモダナイズ検討会 報告書(案), 3-4 (2) A): public data that the CA signed may be there, keys and
// signing logic may not, and the masters of the books of record may not. The report is a draft, so the rules are a
// versioned pack of data (see Pack) and nothing here claims to be final.
//
// Everything is denied that no rule allows. Admit looks at the parsed content of an artifact and at what the caller has
// established about it (Evidence), never at a name. The signing room, the publisher and the auditor's tool all call the
// same Admit.
package sectiona

import (
	"crypto/x509"
	"fmt"
	"time"

	"seihon/artifact"
)

// Pack identifies the rules of this package: the report of Reiwa 6, draft.
const Pack = "r6-draft"

// A Refusal says which rule forbids an artifact, why, and what to do. It is an error.
type Refusal struct {
	Rule   string `json:"rule"`   // the rule's ID in this pack
	Kind   string `json:"kind"`   // what the artifact was found to be
	Reason string `json:"reason"` // one sentence about this artifact
	Quote  string `json:"quote"`  // the sentence of the report, Japanese
	Gloss  string `json:"gloss"`  // the same in English
	Hint   string `json:"hint"`   // what to do
}

// Error implements error.
func (r *Refusal) Error() string {
	return fmt.Sprintf("section A (%s, rule %s) refuses a %s: %s; %s", Pack, r.Rule, r.Kind, r.Reason, r.Hint)
}

// A Policy holds what the operator decided and pinned. The zero value denies everything that needs a trusted issuer.
type Policy struct {
	// Trust holds the pinned anchors and the CAs that chain to them.
	Trust *artifact.Trust

	// SubscriberConsent returns the consent record under which a subscriber's certificate may be published. Nil means
	// that none may.
	SubscriberConsent func(serial []byte) (consentID string, ok bool)

	// DocumentSigner says which certificates of this CA may sign its documents. Nil means any that is not for another
	// purpose.
	DocumentSigner *DocumentSigner

	// Strict admits static objects only: no bundles, which need a responder (however keyless) to be of use.
	Strict bool

	// MaxValidity bounds nextUpdate - thisUpdate of CRLs and responses. Zero means no bound.
	MaxValidity time.Duration

	// Misissued reports whether a serial that RFC 5280 section 4.1.2.2 forbids (zero, negative, longer than 20 octets)
	// is known to be that of a certificate which a CA issued all the same, and which lists and responses may therefore
	// name. Nil means that none is.
	Misissued func(serial []byte) bool

	// Excepted reports whether a deviation from the RFC, in what a CA signed and dated so, is one that this CA is known
	// for and that somebody signed to publish. It is asked only for the kinds of Excusable. Nil means that none is.
	Excepted func(by *x509.Certificate, d Deviation, dated time.Time) bool

	// Now is the time freshness is judged at. Nil means that freshness is not judged.
	Now func() time.Time
}

// Evidence is what the caller has established about the bytes.
type Evidence struct {
	// InLedger reports that the bytes' digest stands in a verified line of the master log (or, for the log's own files,
	// that they equal the master's).
	InLedger bool

	// Claimed is the kind in that line; empty when there is none.
	Claimed artifact.Kind

	// Recorded is when the master log recorded the bytes, if the caller knows it: what is dated after that was signed
	// by a clock that was wrong.
	Recorded time.Time

	// Previous is the list this one replaces, if the caller knows it; numbers and dates must not go back.
	Previous *artifact.RevocationList

	// Corrected reports that the room said on record that the clock which dated Previous was wrong: this list may have
	// an earlier date.
	Corrected bool

	// Signature is the detached signature published beside a document, if any.
	Signature *artifact.Artifact

	// Document is the content of the document beside a detached signature. Nil means that the caller does not have it.
	Document []byte

	admit func(*artifact.Artifact, Evidence) *Refusal // Admit, for rules that look at members
}
