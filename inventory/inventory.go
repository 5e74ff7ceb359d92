// Package inventory is the signing room's book of what the CA has issued and
// revoked, and of what was last signed about it.
//
// # What it promises
//
// A serial is written down before it is signed, and is unique per issuer key:
// the primary key of the certificate table is (key, serial), where key is the
// SHA-256 of the issuer's SubjectPublicKeyInfo. Two issuer names that share a
// key (a renewed CA certificate) share the space of serials. A CRL number is
// written down before it is used and is never handed out twice. Nothing is
// ever deleted: a certificate changes state from reserved to issued to
// revoked, and each change leaves a line in the event table.
//
// A revocation once recorded keeps its date and its reason. Imports from the
// CA's own database refuse what would break that (see Import), and the only
// way round is an Override, signed by a key pinned in the configuration.
//
// # What is due
//
// Each certificate row carries the time at which its status must next be
// signed, and an index on (issuer, shard, that time) that leaves out rows
// which will never be due again: an expired certificate, and one whose last
// response already covers its expiry. So Due costs what is due, not what
// exists. A revocation sets that time to Urgent, which sorts before
// everything else. Each change of a status raises the row's revision, and
// MarkSigned only accepts the revision that was signed, so that a revocation
// which arrives while an older "good" is being signed is never lost.
//
// A serial that somebody asks about and nobody issued can be declared so (see
// DeclareNeverIssued). Its row is due like others, is on no CRL since it has no
// time of revocation, and keeps the serial from being issued.
//
// # Two databases
//
// One schema runs on SQLite (embedded, WAL, one writer, full fsync) and on
// PostgreSQL (several signing hosts). Times are Unix seconds in UTC, serials
// are the content octets of the DER INTEGER. inventorytest holds the
// conformance suite that both must pass. Hosts share work by claiming shards:
// Claim takes a lease on shards that have something due (SKIP LOCKED on
// PostgreSQL, an immediate transaction on SQLite), and Finish records what
// was signed and gives the shard back in one transaction, guarded by a
// fencing token. A host that dies loses its lease, and its shards are signed
// by another; a host that comes back late cannot finish them any more.
package inventory

import (
	"errors"
	"fmt"
	"math/big"
	"time"

	"seihon/artifact"
)

// Errors that callers branch on.
var (
	// ErrNotFound: no such issuer, serial or record.
	ErrNotFound = errors.New("not in the inventory")
	// ErrSerialTaken: the serial is already reserved or issued under this key.
	ErrSerialTaken = errors.New("serial is already taken under this issuer key")
	// ErrAlreadyRevoked: the certificate is revoked with this very date and reason.
	ErrAlreadyRevoked = errors.New("certificate is already revoked")
	// ErrNeverIssued: the serial was declared never issued.
	ErrNeverIssued = errors.New("the serial was declared never issued: if a certificate has it, import it with a " +
		"signed override")
	// ErrRevocationChanged: the certificate is revoked with another date or reason.
	ErrRevocationChanged = errors.New("a recorded revocation keeps its date and reason")
	// ErrLeaseLost: the shard was claimed by another host after the lease ran out.
	ErrLeaseLost = errors.New("lease on the shard is lost")
	// ErrNumberTooSmall: a CRL number would go backwards.
	ErrNumberTooSmall = errors.New("CRL number would go backwards")
)

// State is what the inventory knows of a serial.
type State int

// The states of a serial, in the order in which it passes through them; the
// last one is apart.
const (
	Reserved    State = iota // recorded before signing; perhaps signed, perhaps not
	Issued                   // signed and recorded
	Revoked                  // revoked or on hold
	NeverIssued              // declared: there is and will be no such certificate
)

// String returns the state as commands print it.
func (s State) String() string {
	switch s {
	case Reserved:
		return "reserved"
	case Issued:
		return "issued"
	case Revoked:
		return "revoked"
	case NeverIssued:
		return "never-issued"
	}
	return fmt.Sprintf("state(%d)", int(s))
}

// Issuer is a CA key that signs certificates and their status.
type Issuer struct {
	Name   string          // the short name of the configuration and of public names
	Key    artifact.Digest // SHA-256 of the SubjectPublicKeyInfo; never changes
	Shards int             // OCSP shards, 1 to 65536; 0 means 1
	// Grace is how long past its expiry a certificate's status is still
	// signed. Zero: not at all.
	Grace time.Duration
}

// Certificate is one certificate of an issuer.
type Certificate struct {
	Issuer              string
	Serial              []byte // content octets of the DER INTEGER, at most 20
	NotBefore, NotAfter time.Time
	Subject             string
	DER                 []byte // empty when only its status is known
	Kind                artifact.Kind
	Consent             string // the subscriber's consent to publication, an identifier
}

// Entry is a certificate with its state, as Get and Export return it.
type Entry struct {
	Certificate
	State      State
	Revocation Revocation // zero unless revoked
	ThisUpdate time.Time  // of the last signed response; zero when none
	NextUpdate time.Time
	Imported   bool // came from an import, not from this room
	Revision   int64
}

// Revocation is the content of a revocation.
type Revocation struct {
	Time           time.Time
	Reason         int       // RFC 5280 5.3.1; NoReason when the entry carries none
	InvalidityDate time.Time // zero when absent
}

// NoReason says that a revocation carries no reason code. RFC 5280 5.3.1 asks
// for the extension to be absent rather than "unspecified" (0).
const NoReason = -1

// Status is what an OCSP response says of one certificate, and when it was
// last said.
type Status struct {
	Serial     []byte
	State      State // Issued, Revoked or NeverIssued
	Revocation Revocation
	NotAfter   time.Time
	ThisUpdate time.Time // last signed; zero when never
	NextUpdate time.Time
	Urgent     bool  // revoked, or released from hold, since it was last signed
	Revision   int64 // give it back to MarkSigned
}

// Signed tells the inventory that a status was signed.
type Signed struct {
	Serial                 []byte
	Revision               int64 // of the Status that was signed
	ThisUpdate, NextUpdate time.Time
}

// RevokedCertificate is one line of a CRL.
type RevokedCertificate struct {
	Serial []byte
	Revocation
}

// Scope limits which certificates a CRL covers.
type Scope int

// The scopes of a CRL, as its issuing distribution point names them.
const (
	AllCertificates  Scope = iota
	UserCertificates       // onlyContainsUserCerts
	CACertificates         // onlyContainsCACerts: an ARL
)

// RevokedOptions narrows Revoked.
type RevokedOptions struct {
	Scope Scope
	// Shard, when Sharded, keeps only the entries of one of the issuer's shards.
	Sharded bool
	Shard   int
	// ExpiredBefore leaves out certificates that expired before this time.
	// RFC 5280 3.3 wants an entry to stay until one regular CRL after the
	// expiry, so the caller passes the thisUpdate of the previous CRL.
	// The zero value keeps all.
	ExpiredBefore time.Time
	// ChangedSince, for a delta CRL, keeps only what was recorded at or after
	// this time, and adds releases from hold as removeFromCRL. What was recorded
	// up to two minutes before is there too: it may not have been committed yet
	// when a CRL of that time was read.
	ChangedSince time.Time
}

// AllShards is the shard argument that means every shard.
const AllShards = -1

// ArtifactRecord is one line in the history of what was signed.
type ArtifactRecord struct {
	ID                     int64
	Issuer                 string
	Kind                   artifact.Kind
	Name                   string   // public name, or what distinguishes it within the kind
	Scope                  string   // the number series, for CRLs
	Number                 *big.Int // nil when the kind has none
	ThisUpdate, NextUpdate time.Time
	Digest                 artifact.Digest
	SignedAt               time.Time
	Committed              int64 // size of the log that holds it; 0 while it is in none
}

// Claim is a lease on one shard of one issuer.
type Claim struct {
	Issuer string
	Shard  int
	Host   string
	Token  int64 // fencing token; Finish refuses an older one
	Until  time.Time
}

// ClaimRequest asks for shards with work that is due.
type ClaimRequest struct {
	Host   string
	Issuer string
	Max    int           // at most this many shards; 0 means 1
	Lease  time.Duration // 0 means five minutes
	Cutoff time.Time     // as for Due
}

// Counts sums up one issuer.
type Counts struct {
	Reserved, Issued, Revoked, Expired int64
	NeverIssued                        int64 // declared so
	NeverSigned, Urgent                int64
	Shards, Claimed                    int
	// AnsweredUntil is the earliest nextUpdate of the responses that would be renewed: not of one that reaches the
	// expiry of its certificate. Zero: there is none.
	AnsweredUntil time.Time
}
