package ocsp

import (
	"crypto"
	"time"
)

// State is what a response says of a certificate.
type State int

// The states. NeverIssued is "revoked" with the extended-revoke extension (RFC 6960 section 2.2).
const (
	Good State = iota
	Revoked
	Unknown
	NeverIssued
)

// Absent is the Reason of a revocation without one. Unspecified (0) gives the same bytes.
const Absent = -1

// Status is one certificate's status.
type Status struct {
	// Serial is the content of the DER INTEGER: minimal, positive, at most 20 octets.
	Serial []byte
	// Serial is that of a certificate which exists although RFC 5280 section 4.1.2.2 forbids such a serial
	Misissued bool
	State     State
	RevokedAt time.Time // of a Revoked one
	Reason    int       // of a Revoked one; Absent and 0 write none
}

// CertID says which CertID hashes are answered, and in how many responses.
type CertID string

// The policies. Separate is the default: a wrong-hash answer fails OpenSSL, Java and NSS.
const (
	Separate CertID = "separate" // one response per certificate and hash: SHA-1, SHA-256
	Dual     CertID = "dual"     // one response with two SingleResponses
	SHA1     CertID = "sha1"
	SHA256   CertID = "sha256"
)

// Policy is how responses are made.
type Policy struct {
	CertID CertID // "" is Separate
	// Signature is what the signer gets; nil means PKCS #1 v1.5 with SHA-256 for an RSA key and the
	// hash of the curve for an ECDSA key. *rsa.PSSOptions selects PSS.
	Signature crypto.SignerOpts
	// ArchiveCutoff, when not zero, is written into every response: a fixed date from which
	// statuses are kept past expiry. Retention, when not zero, gives producedAt - Retention
	// instead (RFC 6960 section 4.4.4). At most one of them.
	ArchiveCutoff time.Time
	Retention     time.Duration
	// SelfCheck verifies each signature before the response is returned. The keys of
	// hsmsign/token have done that already.
	SelfCheck bool
}

// Encoded is one signed response, under one of the CertIDs that it answers. A Dual response
// appears twice with the same DER.
type Encoded struct {
	Hash          crypto.Hash
	IssuerKeyHash []byte // shared by all; do not modify
	Serial        []byte // as given in the Status
	DER           []byte
}

// Job is one status to sign in a batch, with its own period so that expiry can be spread.
type Job struct {
	Status
	ThisUpdate, NextUpdate time.Time
}
