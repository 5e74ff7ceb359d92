// Package evidence answers what the status of a certificate was at a time in
// the past, from the master alone, and makes one file of under 100 KB that
// shows it to somebody who has neither the master nor this program: a court,
// an auditor, a system for long-term validation.
//
// # Two answers
//
// What relying parties could know at a time T is what the newest list or
// response said that was in force at T (thisUpdate ≤ T ≤ nextUpdate) and stood
// in the log by then. What is known today about T may be more: a later list
// can name a date of revocation that lies before T, or an invalidity date. A
// file says both, never one in place of the other (RFC 5280 sections 5.3.1 to
// 5.3.2, RFC 6960 sections 2.2 to 2.4).
//
// # What a file proves, and what it cannot
//
// A list or response is signed by the CA: that it says so needs no log. The
// inclusion proof and the checkpoint show that the artifact with this digest
// was in the log, and the time-stamp token by when at the latest. A response
// is a member of a bundle, and the log knows the bundle by the digest of the
// whole file; so the file shows the response by its own signature, the bundle
// by its proof, and names the place of the one in the other, for whoever has
// the bundle. A list that does not fit is named by digest. That no newer list
// existed is shown only as far as the numbers of two lists follow each other.
//
// # How it is found
//
// The times of entries rise, so T is found in them by binary search, and the
// lists around T by walking from there; the cost does not grow with the length
// of the history. Only a certificate whose expiry is not known makes it look
// at every later list: a revoked certificate leaves the lists once it expired.
package evidence
