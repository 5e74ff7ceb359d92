// Package record is the publisher's memory: before anything is sent, it holds what the master log says now
// against what it said before.
//
// Between a list and its successor under the same public name, and between the responses of successive
// generations of one issuer, nothing may be unsaid about a certificate that has not expired. The only ways
// out are these.
//
//   - Expiry: an entry may leave when its certificate ended before thisUpdate of the last list that has it
//     (RFC 5280, section 3.3). That it ended is known from the certificate, if the master has it, else from
//     an expiry entry that stands in the log before the new list. Two different statements are a fault.
//   - Hold: an entry with the reason certificateHold may leave, or become final with a date that is not
//     before the hold's. Between two deltas of one base it may not leave silently: the second must say
//     removeFromCRL, or whoever has the base and the second delta still sees the hold.
//   - Override: an entry of the log between the two lists names the serial with exactly what was said and what
//     is said now, and carries an override that a pinned key signed.
//
// A list must also keep its scope: with a narrower one, what it no longer covers would be gone although
// every entry is there. A serial that moves to another part of a split list is missing from the part that its
// certificate points to, which is the first rule.
//
// Every pair of neighbours in the log is looked at, so a list that was wrong for an hour is found after it
// was put right. The room and the verifier have memories of their own; this one shares no code with them.
//
// A [Verdict] is kept in a file, so that the next run begins where this one ended. Without the file it begins
// at the first entry of the log: losing it costs time and never truth. Lists are merged in the order of
// their serials, so that two lists of a million entries cost little more than their bytes.
package record
