package override

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"seihon/artifact"
)

// NoReason says that a revocation carries no reason code.
const NoReason = -1

const stampForm = "20060102T150405Z"

// stamp writes a time with second precision, "-" when there is none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(stampForm)
}

// A Status is what a list or a response says of one certificate.
type Status struct {
	State      State
	Time       time.Time // of the revocation
	Reason     int       // RFC 5280 5.3.1; NoReason when there is none
	Invalidity time.Time // invalidityDate; zero when there is none
}

// State is what is said of a certificate.
type State string

// The states.
const (
	Absent  State = "absent" // nothing is said of it
	Good    State = "good"
	Revoked State = "revoked"
)

// String is the status as the log records it: "absent", "good", or
// "revoked <date> <reason code or -> <invalidity date or ->". Reason 0
// (unspecified) is the same as none (RFC 5280 5.3.1).
func (s Status) String() string {
	if s.State != Revoked {
		return string(s.State)
	}
	reason := "-"
	if s.Reason > 0 {
		reason = strconv.Itoa(s.Reason)
	}
	return fmt.Sprintf("revoked %s %s %s", stamp(s.Time), reason, stamp(s.Invalidity))
}

// Equal reports whether two statuses say the same: whether their texts are equal.
func (s Status) Equal(t Status) bool {
	if s.State != t.State || s.State != Revoked {
		return s.State == t.State
	}
	return s.Time.Unix() == t.Time.Unix() && max(s.Reason, 0) == max(t.Reason, 0) &&
		s.Invalidity.IsZero() == t.Invalidity.IsZero() &&
		(s.Invalidity.IsZero() || s.Invalidity.Unix() == t.Invalidity.Unix())
}

// ParseStatus reads what String writes.
func ParseStatus(text string) (Status, error) {
	s, err := parseStatus(text)
	if err != nil || s.String() != text {
		return Status{}, fmt.Errorf("parsing status %.80q: want absent, good, or %q", text,
			"revoked 20261128T010203Z <reason code or -> <invalidity date or ->")
	}
	return s, nil
}

func parseStatus(text string) (s Status, err error) {
	if text == string(Absent) || text == string(Good) {
		return Status{State: State(text)}, nil
	}
	f := strings.Split(text, " ")
	if len(f) != 4 || f[0] != string(Revoked) {
		return s, fmt.Errorf("%d fields", len(f))
	}
	s = Status{State: Revoked, Reason: NoReason}
	if s.Time, err = time.Parse(stampForm, f[1]); err != nil {
		return s, err
	}
	if f[2] != "-" {
		if s.Reason, err = strconv.Atoi(f[2]); err != nil {
			return s, err
		}
	}
	if f[3] != "-" {
		s.Invalidity, err = time.Parse(stampForm, f[3])
	}
	return s, err
}

// A Change is the new status of one certificate of an issuer.
type Change struct {
	Issuer string
	Serial []byte // content octets of the DER INTEGER
	Now    Status
}

// Digest is what the override of a changed revocation is signed over.
func (c Change) Digest() artifact.Digest {
	return artifact.Sum(fmt.Appendf(nil,
		"seihon/revocation/v1\nissuer %q\nserial %x\ntime %s\nreason %d\ninvalidity %s\n",
		c.Issuer, c.Serial, stamp(c.Now.Time), c.Now.Reason, stamp(c.Now.Invalidity)))
}
