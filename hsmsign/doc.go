// Package hsmsign is the signing room: it turns what the inventory knows into
// artifacts signed by the HSM, and records each of them in the master log. Its
// packages, each built on those above it:
//
//   - the encoders cert, crl, ocsp and document make the bytes that token, the HSM, signs;
//   - memory holds what is about to be said against what was said before;
//   - room is the open room: tokens, inventory and master log held together,
//     staging, committing, approvals, and what the record lets pass;
//   - ceremony is what people come together for: certificates of another CA, links, the log's keys;
//   - accept takes over what a CA's own software signed;
//   - schedule finds out what is due and signs it, which is the cron job;
//   - books is the inventory without the HSM: revoking, importing, status.
//
// # The way of an artifact
//
//  1. A number is taken: a serial or a CRL number is written to the inventory
//     before it is signed, so that no crash can make one used twice.
//  2. The encoder makes the bytes; the key in the HSM signs; the signature is
//     verified before the bytes go anywhere.
//  3. Section A looks at the bytes (room.Room.Stage). What the report does not
//     allow to be public never enters the ledger.
//  4. The bytes go to the master (fsync), then a line to the inventory's
//     history of what was signed, not yet committed.
//  5. room.Room.Commit writes one manifest with every line that is not committed,
//     appends one entry to the master log and has the HSM sign a checkpoint.
//
// A crash after any step is repaired by the next command: what was signed but
// not committed is still in the history and is committed then. What was signed
// and is not in the history was never seen by anyone; its number is not used again.
//
// The room has no way out: it never talks to a cloud. The master leaves it as a
// read-only copy or a one-way file.
package hsmsign
