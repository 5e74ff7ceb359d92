// Package approval is how several people allow what one person alone must not do in the signing room.
//
// A [Request] is a text that says what is to be done, in which repository and log, at which state of that log, and
// until when it may be done. People read it and sign it as it is (`ssh-keygen -Y sign -n seihon-approval@v1`), FIDO
// keys included. A [Rule] says whose signatures count, how many are needed, and for which kinds of acts. The room
// demands them before it acts and records request, signatures and rule in the master log; the verifier, which trusts
// only what the log says and what the keys of the rule signed, reads the same texts with the same code and holds every
// act against them.
//
// A request is good for one act: it names a state of the log before the act, and once it is on record it is used up.
package approval

// Namespace of the SSH signatures. A signature for something else is not an approval.
const Namespace = "seihon-approval@v1"

// The kinds of acts that a rule can be for.
const (
	IssueCA   = "issue-ca"   // the certificate of a CA: issued, adopted, cross or link
	RevokeCA  = "revoke-ca"  // the revocation of one
	Keygen    = "keygen"     // keys of the HSM that certificates are made for
	LogRotate = "log-rotate" // new keys of the master log, and its end
	Override  = "override"   // what unsays an earlier word
	Withdraw  = "withdraw"   // a name that is no longer to be public
	FinalCRL  = "final-crl"  // the last list of a CA
)

// Kinds are all of them, sorted.
var Kinds = []string{FinalCRL, IssueCA, Keygen, LogRotate, Override, RevokeCA, Withdraw}

// ChangeRule is the kind of a request to change the rule itself. Every rule is for it.
const ChangeRule = "rule"
