package headers_test

import (
	"net/http"
	"testing"
	"time"

	"seihon/verify/headers"
)

// TestCachedUntil reads the fields as caches do, the most generous of them.
func TestCachedUntil(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	const year = 365 * 24 * time.Hour
	for _, c := range []struct {
		name string
		h    http.Header
		want time.Duration // -1: nothing is kept
	}{
		{"nothing", http.Header{}, -1},
		{"max-age", http.Header{"Cache-Control": {"public, max-age=60"}}, time.Minute},
		{"quoted", http.Header{"Cache-Control": {`max-age="31536000"`}}, year},
		{"a comma in quotes", http.Header{"Cache-Control": {`private="a, max-age=9", max-age=60`}}, time.Minute},
		{"two fields", http.Header{"Cache-Control": {"max-age=60", "max-age=31536000"}}, year},
		{"twice in one", http.Header{"Cache-Control": {"max-age=60, max-age=31536000"}}, year},
		{"capitals", http.Header{"Cache-Control": {"Max-Age=31536000"}}, year},
		{"private caches keep it longer", http.Header{"Cache-Control": {"max-age=31536000, s-maxage=60"}}, year},
		{"Age", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"40"}}, 20 * time.Second},
		{"two Ages", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"40", "10"}}, 50 * time.Second},
		{"more than there is", http.Header{"Cache-Control": {"max-age=99999999999999999999"}}, (1 << 31) * time.Second},
		{"stale while revalidating", http.Header{"Cache-Control": {"max-age=60, stale-while-revalidate=31535940"}},
			year},
		{"stale on errors", http.Header{"Cache-Control": {"max-age=60, stale-if-error=31535940"}}, year},
		{"stale, but not when it must be revalidated",
			http.Header{"Cache-Control": {"max-age=60, must-revalidate, stale-if-error=31535940"}}, time.Minute},
		{"CDN-Cache-Control", http.Header{"Cache-Control": {"max-age=60"}, "Cdn-Cache-Control": {"max-age=31536000"}},
			year},
		{"Surrogate-Control",
			http.Header{"Cache-Control": {"no-store"},
				"Surrogate-Control": {`content="ESI/1.0", max-age=31535000+1000`}}, year},
		{"Cloudflare's",
			http.Header{"Cache-Control": {"no-cache"}, "Cloudflare-Cdn-Cache-Control": {"max-age=31536000"}}, year},
		{"Edge-Control", http.Header{"Edge-Control": {"!no-cache, cache-maxage=365d"}}, -1},
		{"Edge-Control with days", http.Header{"Edge-Control": {"cache-maxage=365d"}}, year},
		{"X-Accel-Expires", http.Header{"Cache-Control": {"max-age=60"}, "X-Accel-Expires": {"31536000"}}, year},
		{"no-store", http.Header{"Cache-Control": {"no-store, max-age=31536000"}}, -1},
		{"no-cache", http.Header{"Cache-Control": {"no-cache, max-age=31536000"}}, -1},
		{"Expires", http.Header{"Expires": {at(year)}}, year},
		{"Expires behind max-age", http.Header{"Cache-Control": {"max-age=60"}, "Expires": {at(year)}}, time.Minute},
		{"Expires that is no date", http.Header{"Expires": {"0"}, "Last-Modified": {at(-10 * year)}}, -1},
		{"a guess from Last-Modified", http.Header{"Last-Modified": {at(-10 * year)}}, year},
		{"max-age that cannot be read",
			http.Header{"Cache-Control": {"max-age=soon"}, "Last-Modified": {at(-10 * year)}}, -1},
	} {
		until, why := headers.CachedUntil(c.h, now)
		if c.want < 0 {
			if until.After(now) {
				t.Errorf("%s: it is kept until %v (%s)", c.name, until, why)
			}
			continue
		}
		if got := until.Sub(now); got != c.want {
			t.Errorf("%s: it is kept for %v (%s), want %v", c.name, got, why, c.want)
		}
	}
}
