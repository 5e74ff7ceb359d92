package inventory

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/override"
)

// ImportRefused says why an import was refused. Nothing of it was kept.
type ImportRefused struct {
	Digest   artifact.Digest // what an Override must be signed over
	Counts   map[string]int  // by kind, as an Override allows them, or "conflict"
	Problems []Problem       // the first of them, at most 20
}

// Problem is one reason.
type Problem struct {
	Kind   string
	Serial []byte // nil when it concerns the input as a whole
	Text   string
}

// conflict is the kind of problem that no override lets pass.
const conflict = "conflict"

// maxProblems bounds what a refusal lists.
const maxProblems = 20

// Error says what, why, and what to do.
func (e *ImportRefused) Error() string {
	var b strings.Builder
	b.WriteString("the import is refused, nothing was changed:")
	for n, kind := range slices.Sorted(maps.Keys(e.Counts)) {
		if n > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %d %s", e.Counts[kind], kind)
	}
	if len(e.Problems) > 0 {
		fmt.Fprintf(&b, "; first: %s", e.Problems[0])
	}
	if e.Counts[conflict] > 0 {
		b.WriteString("; correct the input")
	} else {
		fmt.Fprintf(&b, "; correct the input, or sign an override for digest %s", e.Digest)
	}
	return b.String()
}

// String returns the problem in one line.
func (p Problem) String() string {
	if p.Serial == nil {
		return p.Text
	}
	return fmt.Sprintf("serial %x: %s", p.Serial, p.Text)
}

// known is what the certificate table says of a serial.
type known struct {
	serial                                   []byte
	issuer                                   int64
	state                                    State
	notBefore, notAfter                      int64
	subject                                  string
	body                                     []byte // only read when the input has one
	revokedAt, invalidity, nextUpdate, dueAt int64
	reason                                   int
	revokedHere, imported                    bool
	block                                    int64 // only a list speaks of it; 0: it is a row
}

// judge compares an input with the inventory and counts.
type judge struct {
	issuer   issuerRow
	info     SourceInfo
	asOf     time.Time
	now      time.Time
	result   ImportResult
	counts   map[string]int
	problems []Problem
	override *override.Override // nil: none was given
}

func (j *judge) problem(kind string, serial []byte, text string) {
	if j.counts == nil {
		j.counts = map[string]int{}
	}
	j.counts[kind]++
	if len(j.problems) < maxProblems {
		j.problems = append(j.problems, Problem{kind, bytes.Clone(serial), text})
	}
}

// missing judges a known certificate that the input does not have.
func (j *judge) missing(k *known) {
	expired := k.notAfter != 0 && k.notAfter <= j.asOf.Unix()
	if k.issuer != j.issuer.id || expired {
		return
	}
	switch {
	case j.info.Scope == AllSerials && k.imported && k.state != Reserved:
		j.result.Overridden++
		j.problem(override.Vanished, k.serial, "missing, but it has not expired")
	// else it cannot know
	case j.info.Scope == AllRevoked && k.state == Revoked && !k.revokedHere && k.revokedAt <= j.asOf.Unix():
		j.result.Overridden++
		j.problem(override.Vanished, k.serial, "no longer revoked in the input, but it has not expired")
	}
}

// change is what an import does to a known certificate.
type change int

const (
	nothing  change = iota
	complete        // fill in details
	restate         // another status, to be signed at once
)

// both judges a record whose serial is known.
func (j *judge) both(k *known, r *Record) change {
	switch {
	case k.issuer != j.issuer.id:
		j.problem(conflict, r.Serial, "another issuer name with this key has it")
		return nothing
	case k.notAfter != 0 && !r.NotAfter.IsZero() && k.notAfter != r.NotAfter.Unix():
		j.problem(conflict,
			r.Serial, fmt.Sprintf("it expires at %s, the inventory says %s: another certificate with the same serial",
				stamp(r.NotAfter), stamp(fromSeconds(k.notAfter))))
		return nothing
	case k.body != nil && r.DER != nil && !bytes.Equal(k.body, r.DER):
		j.problem(conflict, r.Serial, "another certificate with the same serial is recorded")
		return nothing
	}
	c := j.status(k, r)
	switch {
	case c != nothing:
		return c
	case completes(k, r):
		j.result.Completed++
		return complete
	}
	j.result.Unchanged++
	return nothing
}

// completes reports whether a record knows what the inventory does not.
func completes(k *known, r *Record) bool {
	return k.state == Reserved || k.notAfter == 0 && !r.NotAfter.IsZero() ||
		k.notBefore == 0 && !r.NotBefore.IsZero() ||
		k.subject == "" && r.Subject != "" || k.body == nil && r.DER != nil
}

// status judges the two statuses.
func (j *judge) status(k *known, r *Record) change {
	switch {
	case k.state == NeverIssued:
		j.result.Overridden++
		j.problem(override.Changed, r.Serial, "it was declared never issued")
		return restate
	case r.State == Issued && k.state != Revoked:
		return nothing
	case r.State == Issued && (j.info.NoStatus || k.revokedHere):
		j.result.Kept++
		return nothing
	case r.State == Issued && k.reason == reasonHold:
		j.result.Released++
		return restate
	case r.State == Issued:
		j.result.Overridden++
		j.problem(override.Changed, r.Serial,
			fmt.Sprintf("its revocation of %s (%s) is gone", stamp(fromSeconds(k.revokedAt)), reasonText(k.reason)))
		return restate
	case k.state != Revoked && k.revokedHere && r.Revocation.Reason == reasonHold &&
		r.Revocation.Time.Unix() <= k.revokedAt:
		// Released here; the input still has the hold.
		j.result.Kept++
		return nothing
	case k.state != Revoked:
		j.result.NewlyRevoked++
		return restate
	}
	return j.revocations(k, r)
}

// revocations judges two revocations of one certificate.
func (j *judge) revocations(k *known, r *Record) change {
	sameReason := max(k.reason, 0) == max(r.Revocation.Reason, 0) // no reason means unspecified: RFC 5280 5.3.1
	sameInvalidity := r.Revocation.InvalidityDate.IsZero() || seconds(r.Revocation.InvalidityDate) == k.invalidity
	if k.revokedAt == r.Revocation.Time.Unix() && sameReason && sameInvalidity {
		return nothing
	}
	if k.reason == reasonHold && !sameReason {
		j.result.NewlyRevoked++
		return restate
	}
	j.result.Overridden++
	j.problem(override.Changed, r.Serial, fmt.Sprintf("revoked at %s (%s), the inventory says %s (%s)",
		stamp(r.Revocation.Time), reasonText(r.Revocation.Reason), stamp(fromSeconds(k.revokedAt)),
		reasonText(k.reason)))
	return restate
}
