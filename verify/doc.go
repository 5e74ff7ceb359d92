// Package verify is the auditor's reader: it establishes that the master, every public copy of it, the rule of section
// A and the calendar agree, and reports every disagreement as a finding.
//
// It trusts neither the operator nor the cloud. What it starts from are the pinned keys of the master log, the pinned
// anchors of the CA, and the auditor's own last checkpoint; every other byte is evidence to be checked. It shares
// formats with the publisher but no code that writes them, and it reads public copies the way a relying party does:
// over HTTP, or from files.
//
// # The order of a check
//
// First the log: every entry, hash, archived checkpoint and manifest, and that nothing the auditor has seen signed is
// gone (package ledger). Then the master: every artifact that any entry ever named must be there, with its digest. Then
// meaning: each artifact is what its line says, passes section A, is signed by whom it should be, and agrees with the
// others (CRL, delta CRL, OCSP responses, inventory, URLs in certificates). Last the copies: every name that the copy's
// own checkpoint promises is fetched and compared byte for byte, and every object that nobody promised is classified by
// its content.
//
// An auditor without a master still has the public log: see publiclog.go. A check of network copies that was
// interrupted goes on where it stood: see resume.go for what is taken over and what is looked at again.
//
// # Findings are data
//
// A finding has a code from the table that Findings returns. Codes, severities and the JSON schema are API. An error is
// only returned when the check itself could not be made.
//
// # Memory
//
// Bundles are read as streams, responses are checked in chunks and forgotten, copies are hashed as they arrive. What
// stays in memory is one digest per artifact the log names, and the current revocation lists; in a resumed check,
// sixteen bytes for each object that was read before.
package verify
