package schedule

import (
	"testing"
	"time"
)

// TestJitter: the shards of an issuer, and the same shard of two issuers, expire apart, each always at the same
// distance.
func TestJitter(t *testing.T) {
	const shards, most = 64, 3 * time.Hour
	seen := map[time.Duration]bool{}
	var sum time.Duration
	for shard := range shards {
		for _, issuer := range []string{"root", "sub"} {
			d := jitter(issuer, shard, most)
			if d < 0 || d >= most || d != jitter(issuer, shard, most) {
				t.Errorf("%s, shard %d: %v", issuer, shard, d)
			}
			seen[d.Truncate(time.Second)] = true
			sum += d
		}
	}
	if len(seen) < 2*shards-8 {
		t.Errorf("%d different ones of %d", len(seen), 2*shards)
	}
	if mean := sum / (2 * shards); mean < most/3 || mean > 2*most/3 {
		t.Errorf("they are %v on average, of at most %v", mean, most)
	}
	if d := jitter("sub", 1, 0); d != 0 {
		t.Errorf("%v of nothing", d)
	}
}
