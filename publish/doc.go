// Package publish brings a target (a bucket or a directory) up to date with
// the master, and cannot make it say anything the master does not say.
//
// # Protocol
//
// A target carries its own copy of the log's checkpoint under the name
// log/checkpoint. It is a promise: everything that the log holds up to that
// size is there. A sync reads it (one GET), checks that it is a prefix of the
// master's log, and plans from the entries in between. There is no listing and
// no HEAD, and nothing is hashed that does not travel, so the cost of a sync is
// the cost of what changed. When nothing changed that one GET is all of it.
//
// Objects are written in an order that keeps every intermediate state true:
//
//	immutable bytes → mutable names → generation pointers → log → checkpoint
//
// so a reader who follows a pointer always finds what it points to, and a sync
// that dies anywhere is finished by the next one from the same starting point.
// The publication log gets the receipts after the checkpoint. A sync that dies
// in between is told by the log: the next one begins at the size whose
// checkpoint has a receipt, finds what is there already, and records that.
//
// # Conditions
//
// Every write carries the SHA-256 of the bytes and a condition. A name that is
// new must be absent; a name that is replaced must still hold the bytes that
// the master published there before. Where a store's tag is a function of the
// content (Tagger) this costs no extra request. When a condition fails the
// engine reads the object and compares:
//
//   - our bytes: the write had happened already (a replay), which is success;
//   - bytes the log had under that name between the two sizes, or an older
//     OCSP response of the same certificate by the same CA: an earlier sync
//     stopped half way; replaced, conditional on what was read;
//   - nothing: somebody removed it; written again and reported;
//   - an older CRL or response than the one the target should have: a rollback;
//   - a newer one: another publisher with a newer master is ahead of us;
//   - anything else: drift.
//
// The last three are findings. They are left alone and hold the checkpoint
// where it is, unless Repair is set, which restores what the master says but
// never puts an older CRL or response over a newer one. Repair compares
// everything, since a complete target has nothing to plan.
//
// # What is refused
//
// Section A of the report (package sectiona) admits each artifact by its
// content at the moment it is read for the upload, bundle members one by one;
// what a bundle shares with the one it replaces was admitted with that one.
// A refused artifact is never sent. The others are, so that a fresh CRL is not
// held back, but the checkpoint stays until the signer withdraws the refused
// one: the public promise is never wider than what is really there.
//
// # Faults
//
// Every request has a deadline, and a sync has one too. Concurrency follows
// the store (additive increase while latency is flat, halved when it asks for
// less), and retries are drawn from one budget per target, with full jitter.
// Targets do not wait for each other. A lock file per target keeps two syncs
// on one host apart; two hosts are kept apart by the conditions.
package publish
