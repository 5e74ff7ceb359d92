// Package memory holds the verifier to what the record once said: nothing that was told to relying
// parties about a certificate may be unsaid later.
//
// It walks the whole history of the log, not only its newest state. Between a revocation list and
// the one that replaced it under the same name, between a delta list and the next, and between
// successive OCSP responses for one certificate, an entry may change in these ways only:
//
//   - a hold ends, or becomes a revocation for good that is not dated before it;
//   - the certificate had expired, and the entry stood on a list that was made after that (RFC 5280
//     section 3.3). The certificate's own notAfter says so where it is known; else the room's statement
//     in the log, an `expiry` entry made before;
//   - a person signed an override that is in the log, names exactly this change, and verifies under a
//     key that is pinned.
//
// Everything else is a [Fault], which names both artifacts. The room and the publisher make the
// same check before they sign and send. This package shares no code with them: a mistake of theirs
// must not be repeated here.
//
// Lists are read one after the other, and only a list and its predecessor are in memory, so a year
// of daily lists costs a year of reading. Of OCSP responses, those that say something other than
// `good` are kept.
package memory
