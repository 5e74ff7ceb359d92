package memory

import (
	"fmt"
	"strconv"
	"time"
)

// A standing is what one artifact says about one certificate.
type standing struct {
	status  status
	at      int64 // when it was revoked, in Unix seconds
	invalid int64 // since when it may not be trusted; noDate when not said
	reason  int8  // of RFC 5280 section 5.3.1; unspecified is the same as none
	never   bool  // the answer claims that the certificate was never issued (RFC 6960 section 2.2)
}

type status int8

const (
	absent  status = iota // from the list or bundle
	good                  // by a response
	unknown               // by a response
	revoked
)

// noDate stands for an invalidity date that is not there.
const noDate = int64(-1) << 63

// The reasons that mean more than a word (RFC 5280 section 5.3.1).
const (
	reasonHold   = 6
	reasonRemove = 8
)

func (s standing) onHold() bool { return s.status == revoked && s.reason == reasonHold && !s.never }

// String writes the standing as overrides do: "good", "absent", or "revoked", the time, the reason
// code and the invalidity date.
func (s standing) String() string {
	switch s.status {
	case absent:
		return "absent"
	case good:
		return "good"
	case unknown:
		return "unknown"
	}
	reason, invalid := "-", "-"
	if s.reason > 0 {
		reason = strconv.Itoa(int(s.reason))
	}
	if s.invalid != noDate {
		invalid = timeText(s.invalid)
	}
	return fmt.Sprintf("revoked %s %s %s", timeText(s.at), reason, invalid)
}

const timeForm = "20060102T150405Z"

func timeText(t int64) string { return time.Unix(t, 0).UTC().Format(timeForm) }

// A change is what became of a standing.
type change int8

const (
	fine    change = iota // nothing, or what needs no reason
	gone                  // it is said no longer
	altered               // something else is said
)

// compare judges the step from one standing to the next. Neither expiry nor overrides are looked at
// here.
func compare(old, now standing) change {
	switch {
	case old.status != revoked:
		return fine // a certificate may be revoked, and a good one may leave
	case old.never:
		return compareNeverIssued(now)
	case now.status != revoked:
		if old.onHold() {
			return fine // released
		}
		return gone
	case now.at == old.at && now.reason == old.reason && now.invalid == old.invalid:
		return fine
	case old.onHold() && !now.never && now.at >= old.at:
		return fine // for good now, or on hold again after a release
	}
	return altered
}

// compareNeverIssued judges what follows the claim that a certificate was never issued: the claim
// may end, but then the certificate is not heard of again without a person's word.
func compareNeverIssued(now standing) change {
	if now.status == absent || now.status == unknown || now.never {
		return fine
	}
	return altered
}
