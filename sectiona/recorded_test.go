package sectiona

import (
	"os"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
)

// TestDatesOfAWrongClock judges a list and a response at times at which nobody with a
// right clock could have signed or recorded them.
func TestDatesOfAWrongClock(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]string{"crl/sub.crl": "crl-current",
		"ocsp-response/by-issuer.ors": "ocsp-current"} {
		a := artifact.Parse(must(os.ReadFile("testdata/allowed/" + name)))
		var this time.Time
		if a.CRL != nil {
			this = a.CRL.ThisUpdate
		} else {
			this = a.OCSP.Singles[0].ThisUpdate
		}
		for _, c := range []struct {
			now, recorded time.Time
			says          string
		}{
			{this.Add(time.Minute), this.Add(time.Second), ""},
			{this.Add(-4 * time.Minute), this.Add(-4 * time.Minute), ""}, // what clocks differ
			{this.Add(-24 * time.Hour), time.Time{}, "is in the future"},
			{this.Add(time.Minute), this.Add(-24 * time.Hour), "when it was recorded"},
		} {
			p := policy(t)
			p.Now = func() time.Time { return c.now }
			r := p.Admit(a, Evidence{InLedger: true, Recorded: c.recorded})
			if (r == nil) != (c.says == "") || r != nil && (r.Rule != rule || !strings.Contains(r.Reason, c.says)) {
				t.Errorf("%s at %v, recorded at %v: %v", name, c.now, c.recorded, r)
			}
		}
	}
}
