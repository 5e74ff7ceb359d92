package verify_test

import (
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/verify"
)

// TestProbeSeesAnOlderCopy serves the list before the current one, which is valid still: what caches may do for an hour after the
// newer one was sent, and nobody after that.
func TestProbeSeesAnOlderCopy(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	broken := false
	s := responder(t, r, &broken)
	old := before(r, "crl/sub.crl")
	if artifact.Sum(old) == artifact.Sum(r.files["crl/sub.crl"]) {
		t.Fatal("there is no older list")
	}
	write(r.public(), "crl/sub.crl", old)
	newest := artifact.Sum(r.files["crl/sub.crl"])
	for name, test := range map[string]struct {
		sent map[artifact.Digest]time.Time
		bad  int
	}{
		"nobody knows what was sent": {nil, 0},
		"not sent yet":               {map[artifact.Digest]time.Time{artifact.Sum(old): r.now.Add(-48 * time.Hour)}, 0},
		"a cache may have it":        {map[artifact.Digest]time.Time{newest: r.now.Add(-59 * time.Minute)}, 0},
		"no cache may have it":       {map[artifact.Digest]time.Time{newest: r.now.Add(-61 * time.Minute)}, 1},
	} {
		conf := verify.ProbeConfig{Target: "public", BaseURL: s.URL, Master: r.writer.Log(), Now: r.clock, Sent: test.sent}
		bad := badSamples(must(verify.Probe(t.Context(), conf)))
		if len(bad) != test.bad || test.bad > 0 && (!strings.HasPrefix(bad[0].Error, "older-copy: ") || !strings.HasSuffix(bad[0].URL, "crl/sub.crl")) {
			t.Errorf("%s: %+v", name, bad)
		}
	}
}
