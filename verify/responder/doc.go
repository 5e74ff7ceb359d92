// Package responder asks an OCSP responder what a relying party would ask, and compares its answers with the master's.
//
// A good signature is not enough: yesterday's "good" for a certificate that was revoked since is signed just as well.
// So the questions are made from the master: of each issuer some good certificates, those that were revoked last, and
// one that was never issued, each by SHA-1 and by SHA-256, by GET and by POST. An answer must be what the master says
// of that certificate.
//
// Every answer is read twice, by package artifact and by golang.org/x/crypto/ocsp, which share no code. Where the two
// do not understand the same, one of the two kinds of relying parties is misled.
package responder

import (
	"time"

	"seihon/artifact"
)

// What a question is about.
const (
	Good        = "good"
	Revoked     = "revoked"
	NeverIssued = "never issued"
)

// NotFound is what a place says that serves responses as objects and has none.
const NotFound = "not found"

// A Question is one certificate to ask about, with one of the hash algorithms of a CertID.
type Question struct {
	Issuer string // its name in the ledger
	About  string // Good, Revoked or NeverIssued, as the master has it
	ID     artifact.CertID
	Want   *artifact.Single // what the master says; nil when it has no answer

	In []artifact.Digest // what Want is sent in: its bundle, or the response by itself
}

// Codes say what is wrong with an answer. They are finding codes of package verify.
const (
	Fails   = "responder-fails"   // no answer, or none that is an OCSP response
	Invalid = "responder-invalid" // not signed as it must be, about another certificate, or stale
	Differs = "responder-differs" // another status, date or reason than the master's
	// the master's status, or one that caches may still have, from an earlier run
	Older       = "responder-older"
	TwoReadings = "responder-two-readings" // the two readers do not understand the same
	Edges       = "responder-edges"        // places do not answer the same
	Claims      = "responder-never-issued" // it vouches for a certificate that was never issued
)

// An Answer is the outcome of asking once.
type Answer struct {
	Question Question
	Method   string
	Time     time.Time
	Latency  time.Duration
	Status   int // of HTTP; 0: there was no answer
	// good, revoked, unknown, never issued, unauthorized or another error of OCSP; empty: nothing that can be read
	Says    string
	This    time.Time
	Code    string // what is wrong; empty: nothing
	Detail  string
	Late    bool // with Older: caches cannot have it any more, by what the place was sent
	OneRead bool // the second reader does not know the algorithm of the signature
}
