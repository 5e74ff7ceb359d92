// Package hsmsign is the signing room: it turns what the inventory knows into
// artifacts signed by the HSM, and records each of them in the master log.
//
// # The way of an artifact
//
//  1. A number is taken: a serial or a CRL number is written to the inventory
//     before it is signed, so that no crash can make one used twice.
//  2. The encoder (crl, ocsp, cert, document) makes the bytes; the key in the
//     HSM signs; the signature is verified before the bytes go anywhere.
//  3. Section A looks at the bytes ([Room.stage]). What the report does not
//     allow to be public never enters the ledger.
//  4. The bytes go to the master (fsync), then a line to the inventory's
//     history of what was signed, not yet committed.
//  5. [Room.Commit] writes one manifest with every line that is not committed,
//     appends one entry to the master log and has the HSM sign a checkpoint.
//
// A crash after any step is repaired by the next command: what was signed but
// not committed is still in the history and is committed then; what was not
// recorded there was never seen by anyone, and only burns its number.
//
// # What is due
//
// [Room.Run] is the cron job of the room. It renews what its schedule in
// repository.yaml asks for, revocations first: a revoked serial makes its CRL
// and its OCSP shard due at once, and both enter the log in the same batch, so
// that a target can never hold one without the other. When nothing is due,
// nothing is signed and the log does not grow.
//
// The room has no way out: it never talks to a cloud. The master leaves it as a
// read-only copy or a one-way file.
package hsmsign
