package responder

import (
	"testing"
	"time"

	"seihon/artifact"
)

// TestAnswersFromBefore: while a responder may not have polled yet, what it says can be what the master said before;
// later that is another status than the master's.
func TestAnswersFromBefore(t *testing.T) {
	signed := time.Date(2027, 4, 1, 12, 0, 0, 0, time.UTC)
	bundle := artifact.Digest{1}
	want := artifact.Single{Status: artifact.StatusRevoked, RevokedAt: signed, Reason: 1, ThisUpdate: signed}
	for _, test := range []struct {
		name   string
		this   time.Time
		asked  time.Duration // after the bundle was sent
		code   string
		before bool
	}{
		{"an hour older, a moment after", signed.Add(-time.Hour), time.Second, Older, false},
		{"of the same second, a moment after", signed, time.Second, Older, false},
		{"newer than the master's, a moment after", signed.Add(time.Second), time.Second, Differs, false},
		{"an hour older, after it must have polled", signed.Add(-time.Hour), Polled + time.Second, Differs, true},
		{"of the same second, after it must have polled", signed, Polled + time.Second, Differs, true},
	} {
		c := Client{Now: func() time.Time { return signed.Add(test.asked) },
			Sent: map[artifact.Digest]time.Time{bundle: signed}}
		a := Answer{Question: Question{Want: &want, In: []artifact.Digest{bundle}}, This: test.this}
		c.compare(&a, &artifact.Single{Status: artifact.StatusGood, ThisUpdate: test.this})
		if a.Code != test.code || a.Before() != test.before {
			t.Errorf("%s: code %q, before %t; want %q, %t", test.name, a.Code, a.Before(), test.code, test.before)
		}
	}
}
