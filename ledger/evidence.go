package ledger

import (
	"context"
	"time"
)

// EvidenceVerdict is the kind of the evidence that says which keys of the room's token may sign: a JSON document
// (seihon/hsm-verdict/v1) named by the policy that decided, accredited or trial. It stands in the log before what is
// signed under it.
const EvidenceVerdict = "hsm-verdict"

// EvidenceApproval is the kind of the evidence that people approved what stands behind it in the log: an approval
// request and the SSH signatures on it (docs/approvals.md), named by the kind of what they approved.
const EvidenceApproval = "approval"

// EvidenceApprovalRule is the kind of the evidence that says whose approvals are needed from there on, and for what.
const EvidenceApprovalRule = "approval-rule"

// EvidenceKeys is the kind of what the token says of itself and of keys; EvidenceCount of a reading of its counter.
const (
	EvidenceKeys  = "hsm"
	EvidenceCount = "signature-count"
)

// EvidenceClock is the kind of the evidence by which the room says that its clock is right although it does not fit the
// entries before: what these date after this entry's time was dated by a clock that was wrong.
const EvidenceClock = "clock-accepted"

// OwnEvidence are the kinds that the room's own commands write and read: a document of somebody else must not pass for
// one.
var OwnEvidence = []string{EvidenceVerdict, EvidenceApproval, EvidenceApprovalRule, EvidenceKeys, EvidenceCount,
	EvidenceClock, EvidencePrivateLoss}

// VerdictRenewal is the longest time after which a room that signs states its verdict anew though nothing has changed:
// whoever looks for the verdict that is in force reads the log back this far and no further.
const VerdictRenewal = 30 * 24 * time.Hour

// LastEvidence returns the newest entry with evidence of a kind that is not older than since, nil when there is none.
func (l *Log) LastEvidence(ctx context.Context, kind string, since time.Time) (*Entry, error) {
	for i := l.cp.Size - 1; i >= 0; i-- {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e, err := l.Entry(ctx, i)
		if err != nil {
			return nil, err
		}
		if e.Time.Before(since) {
			return nil, nil
		}
		if e.Evidence != nil && e.Evidence.Kind == kind {
			return e, nil
		}
	}
	return nil, nil
}

// OnTrial reports whether the newest verdict says that nothing in this log was signed as an accredited CA. Without a
// verdict on record, as in a log of an earlier version, it is false: nothing is known.
func (l *Log) OnTrial(ctx context.Context) (bool, error) {
	if l.cp.Size == 0 {
		return false, nil
	}
	newest, err := l.Entry(ctx, l.cp.Size-1)
	if err != nil {
		return false, err
	}
	e, err := l.LastEvidence(ctx, EvidenceVerdict, newest.Time.Add(-VerdictRenewal-24*time.Hour))
	return err == nil && e != nil && e.Evidence.Name == PolicyTrial, err
}

// PolicyTrial is the name of a verdict under which every key signs, approved or not.
const PolicyTrial = "trial"
