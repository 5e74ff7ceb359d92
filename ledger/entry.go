package ledger

import (
	"time"

	"seihon/artifact"

	"golang.org/x/mod/sumdb/tlog"
)

// EntryVersion is the only version of the entry encoding this package knows.
// An entry of another version is refused, never guessed at.
const EntryVersion = 1

// MaxEntry is the largest encoded entry: the length prefix of a C2SP entry
// bundle has two bytes.
const MaxEntry = 65535

// The types of an entry. The first eleven belong to a master log, the other five
// to a publication log; the encoding does not tie them to either.
const (
	TypeBatch       = "batch"
	TypeIssuance    = "issuance"
	TypePrivate     = "private"
	TypeExpiry      = "expiry"
	TypeOverride    = "override"
	TypeException   = "exception"
	TypeWithdraw    = "withdraw"
	TypeKeyRotation = "key-rotation"
	TypeEvidence    = "evidence"
	TypeAnchor      = "anchor"
	TypeFreeze      = "freeze"
	TypePublish     = "publish"
	TypeProbe       = "probe"
	TypeRounds      = "rounds"
	TypeVerify      = "verify"
	TypeRefusal     = "refusal"
)

// An Entry is one record of the log. Exactly the pointer that Type names is set.
// Encode gives its bytes; see docs/formats.md for the encoding.
type Entry struct {
	V    int       // EntryVersion; the writer fills it
	Type string    // the writer fills it from the pointer that is set
	Time time.Time // whole seconds, UTC; the writer fills a zero time

	Batch       *Batch
	Issuance    *Issuance
	Private     *Private
	Expiry      *Expiry
	Override    *Override
	Exception   *Exception
	Withdraw    *Withdraw
	KeyRotation *KeyRotation
	Evidence    *Evidence
	Anchor      *Anchor
	Freeze      *Freeze
	Publish     *Publish
	Probe       *Probe
	Rounds      *Rounds
	Verify      *Verify
	Refusal     *Refusal
}

// A Batch names the manifest of one signing run.
type Batch struct {
	Manifest artifact.Digest // SHA-256 of the uncompressed manifest file
	Size     int64           // its uncompressed length in bytes
	Count    int64           // artifact lines in it
	Root     tlog.Hash       // RFC 6962 tree over the lines
	Note     string          // free text for people, may be empty
}

// An Issuance commits to certificates before any of them is signed, without
// disclosing them. It is the tree (RFC 6962, section 2.1) over Count leaves; leaf
// i is the 32 octets SHA-256(salt || TBSCertificate) of certificate i, whose salt
// of 32 random octets stays in the private master. With salt and certificate anybody can
// see that the certificate is one of those that were announced, and without
// them nobody learns anything but how many there are.
type Issuance struct {
	Issuer string
	Count  int64     // certificates of this entry
	Root   tlog.Hash // over their commitments
	Total  int64     // certificates of all issuance entries of the issuer, this one included
}

// A Private names a manifest of the private master: books of record that are
// never public, such as subscriber certificates. The log has their digest only.
type Private struct {
	Manifest artifact.Digest // SHA-256 of the uncompressed private manifest
	Size     int64           // its uncompressed length in bytes
	Count    int64           // records in it
	Root     tlog.Hash       // RFC 6962 tree over the records
}

// An Expiry states that revoked certificates have expired, so that they may
// leave the revocation list (RFC 5280, section 3.3). Who has a list and its
// successor, but not the certificates, needs it to tell an entry that expired
// from one that was taken back.
type Expiry struct {
	Issuer  string
	Entries []Expired
}

// An Expired is one certificate that has expired.
type Expired struct {
	Serial   string // lower-case hex, as in Line.Number
	NotAfter time.Time
}

// An Override makes public that a signed permission let the status of
// certificates change in a way that is refused otherwise (docs/inventory.md).
type Override struct {
	Issuer  string
	Text    string // the file of the override as it was signed
	Changes []StatusChange
}

// A StatusChange is what an override did to one certificate. Was and Now are
// "good", "absent", or "revoked" with date, reason code and invalidity date,
// such as "revoked 20261128T010203Z 1 -".
type StatusChange struct {
	Serial   string // lower-case hex, as in Line.Number
	Was, Now string
}

// An Exception makes public that a CA which keeps its own software deviates from
// an RFC in known ways, and that somebody signed to publish what it makes all the
// same (docs/accept.md).
type Exception struct {
	Issuer string
	Text   string // the file of the exception as it was signed
}

// A Withdraw takes names out of the current state. Nothing is deleted from the
// master by it; a target removes a public copy only with such an entry.
type Withdraw struct {
	Names []WithdrawnName
}

// A WithdrawnName is one name that is no longer to be public.
type WithdrawnName struct {
	Name   string
	Digest artifact.Digest // of the line that was current
	Reason string
}

// A KeyRotation hands the log over to new keys. The checkpoint that first
// covers it is signed by the old keys, which is their endorsement; every later
// one is signed by the new keys. Acceptance is a note signed by every new key,
// so that nobody can appoint a key whose holder did not take part.
type KeyRotation struct {
	Old        []string // vkeys
	New        []string // vkeys
	Reason     string
	Acceptance string // signed note over RotationText
}

// Evidence records that a document about the keys or the operation existed:
// an HSM attestation, a key ceremony record, a risk review.
type Evidence struct {
	Kind   string
	Name   string
	Digest artifact.Digest
	Size   int64
	Note   string
}

// AnchorPredecessor is the kind of the anchor that is the first entry of a log
// which began in the place of another: Size, Root and Digest are of the last
// checkpoint that is known of that one, and Note is the reason.
const AnchorPredecessor = "predecessor"

// An Anchor records that somebody else saw a checkpoint: an RFC 3161 token, a
// witness, a public copy, another log.
type Anchor struct {
	Kind   string // "rfc3161", "witness", "public-copy", "log", AnchorPredecessor
	Where  string // URL or origin
	Size   int64  // of the tree that was seen
	Root   tlog.Hash
	Digest artifact.Digest // of the token or note that shows it
	Note   string
}

// A Freeze is the last entry of a log. The writer refuses any further one.
type Freeze struct {
	Reason    string
	Successor string // origin of the log that goes on, may be empty
}

// A Publish entry holds the receipts of one sync to one target.
type Publish struct {
	Target     string
	MasterSize int64     // tree size of the master the sync was made from
	MasterRoot tlog.Hash // and its root
	Receipts   []Receipt
}

// OpFound marks a receipt of what lay on a target when it was taken over: bytes
// that the publisher did not send and may replace.
const OpFound = "found"

// A Receipt is what a target answered to one request.
type Receipt struct {
	Op         string // "put", "replay", "repair", "delete"; "purge" of a CDN; OpFound
	Name       string
	Kind       artifact.Kind
	Digest     artifact.Digest
	Size       int64
	ETag       string
	Version    string
	Generation string
	Time       time.Time
}

// A Probe entry holds samples of a target's availability.
type Probe struct {
	Target  string   `json:"target"`
	Vantage string   `json:"vantage,omitempty"` // the name of the place that asked; empty: it was not said
	Samples []Sample `json:"samples"`
}

// TakenAt is about when a round of the entry was taken: an entry of one round has its time, in a batch the first sample
// tells.
func (e *Entry) TakenAt(p *Probe) time.Time {
	if e.Rounds == nil || len(p.Samples) == 0 {
		return e.Time
	}
	return p.Samples[0].Time
}

// EvidenceRetired is the kind of the evidence in the publication log which says that a target, its name, is given up,
// and why.
const EvidenceRetired = "target-retired"

// A Sample is the outcome of one request a relying party could have made.
type Sample struct {
	URL     string        `json:"url"`
	Time    time.Time     `json:"time"`
	OK      bool          `json:"ok"`
	Status  int64         `json:"status"` // HTTP status, 0 when there was no answer
	Latency time.Duration `json:"latency"`
	Error   string        `json:"error,omitempty"`

	// What was answered, so that what several vantages got can be compared.
	Digest  artifact.Digest `json:"sha256"`            // of the answer; zero when there was none, or several
	Version string          `json:"version,omitempty"` // number of a list, size of a checkpoint
	Says    string          `json:"says,omitempty"`    // what a responder says of the certificates: "good", "revoked" …
}

// A Verify entry is the outcome of one verification of a target.
type Verify struct {
	Target     string
	MasterSize int64
	MasterRoot tlog.Hash
	OK         bool
	Objects    int64 // public copies compared
	Report     artifact.Digest
	Findings   []FindingCount
}

// A FindingCount says how often one finding code occurred.
type FindingCount struct {
	Code     string
	Severity string
	Count    int64
}

// A Refusal records an artifact that section A kept away from a target.
type Refusal struct {
	Target string
	Name   string
	Kind   artifact.Kind
	Digest artifact.Digest
	Rule   string
	Reason string
}
