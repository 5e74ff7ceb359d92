// Package ledger is the master record of a repository: an append-only log
// that cannot be rewritten without being found out, and the artifacts it is
// about. The same log, with a key of its own, records at the publishing host
// what was sent, refused, probed and verified.
//
// # What is trusted
//
// One thing: a checkpoint, the size and Merkle root of the log, signed by keys
// that the reader has pinned. From there everything else is checked on its way
// out: tiles against the root, entries against tiles, a manifest against the
// digest in its entry, an artifact against its line in the manifest. The file
// system is trusted in nothing, index.db least of all. What the signature
// alone cannot say, that this is the newest checkpoint and everybody sees the
// same, is said by others who saw one: [Log.Consistent] compares with theirs,
// ledger/timestamp and ledger/witness ask them to vouch.
//
// # Shape
//
// The log is in C2SP formats (tlog-tiles, signed-note, tlog-checkpoint,
// tlog-proof), so that tools that know nothing of us can read it. An entry is
// small and there is one for a signing run, not for an artifact: it names a
// manifest, a text with a line for each artifact, by digest and Merkle root. A
// million artifacts then cost one entry, and a proof of one of them is two
// audit paths in one file. docs/formats.md has every format.
//
// The state, which line is current for which name, is a fold over the log.
//
// # Writing
//
// [Writer] is synchronous and alone (a file lock). Commit writes data, then
// signs, then archives the signed checkpoint, then makes it current; see
// commit.go for why in this order. From the archive on a commit has happened,
// and the next writer rolls forward to it. A log that lost something it once
// had is refused, never begun anew: after a bad restore the way on is a better
// restore. No library keeps these rules for us; what is left without them is
// little enough to write (research: Tessera re-initialises a log whose state
// file is lost, and signs it).
//
// Keys change by an entry that the old keys sign and the new keys accept
// ([Writer.RotateKeys]); a log ends by [Writer.Freeze].
//
// # Moving
//
// [Log.Export] and [Import] carry the master over a one-way medium; Import
// believes nothing. [Log.Archive] writes it for the decades as a BagIt bag,
// which [Open] reads as it is. [Check] looks at everything and gives findings.
//
// No key for certificates, revocation lists or OCSP responses, and no code to
// make them, is anywhere in here.
package ledger
