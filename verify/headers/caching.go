package headers

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The fields by which caches are told how long to keep an answer. Those of content delivery networks come before
// Cache-Control where they are understood (RFC 9213), so each is judged by itself, and the longest life counts.
var cacheFields = []string{
	"Cache-Control", "CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Vercel-CDN-Cache-Control",
	"Netlify-CDN-Cache-Control", "Surrogate-Control", "Edge-Control",
}

// longestLife bounds what is computed with: RFC 9111 section 1.2.2 lets a cache take 2^31 seconds for anything greater.
const longestLife = 1 << 31

// CachedUntil computes how long some cache may give the answer out, from RFC 9111 section 4.2 and what is known of
// caches that read more than that. why names the field. It is the zero time when nothing may be kept.
func CachedUntil(h http.Header, now time.Time) (until time.Time, why string) {
	from := now.Add(-time.Duration(age(h)) * time.Second)
	longer := func(t time.Time, reason string) {
		if t.After(until) {
			until, why = t, reason
		}
	}
	explicit := false
	for _, field := range cacheFields {
		values := h.Values(field)
		d := directives(values)
		life, told := d.life()
		if field == "Cache-Control" {
			explicit = told
		}
		if told && life > 0 {
			longer(from.Add(time.Duration(life)*time.Second), field+": "+strings.Join(values, ", "))
		}
	}
	for _, v := range h.Values("X-Accel-Expires") { // nginx: seconds, or @ and a Unix time
		if at, ok := strings.CutPrefix(v, "@"); ok {
			if n, ok := seconds(at, 1<<40); ok {
				longer(time.Unix(n, 0).UTC(), "X-Accel-Expires: "+v)
			}
		} else if n, ok := seconds(v, longestLife); ok {
			longer(from.Add(time.Duration(n)*time.Second), "X-Accel-Expires: "+v)
		}
	}
	if explicit {
		return until, why
	}
	expires := h.Values("Expires")
	for _, v := range expires {
		if t, err := http.ParseTime(v); err == nil {
			longer(t, "Expires: "+v)
		}
	}
	if modified, err := http.ParseTime(h.Get("Last-Modified")); err == nil && len(expires) == 0 &&
		modified.Before(now) {
		// Without a word, a cache guesses: usually a tenth of the age (RFC 9111 section 4.2.2).
		longer(from.Add(now.Sub(modified)/10), "no lifetime is given, and Last-Modified: "+h.Get("Last-Modified"))
	}
	return until, why
}

// age says how long the answer was in caches already; of several answers the one that leaves the longest life.
func age(h http.Header) (least int64) {
	for i, v := range h.Values("Age") {
		n, ok := seconds(v, longestLife)
		if !ok {
			n = 0
		}
		if i == 0 || n < least {
			least = n
		}
	}
	return least
}

// A directive is what a cache is told under one name, as often as it is told.
type cacheDirectives map[string][]string

// directives takes the values of a field apart. A value may be quoted, and a comma in quotes does not separate.
func directives(values []string) cacheDirectives {
	d := cacheDirectives{}
	for _, part := range splitQuoted(strings.Join(values, ",")) {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "" {
			d[strings.TrimPrefix(name, "!")] = append(d[strings.TrimPrefix(name, "!")],
				strings.Trim(strings.TrimSpace(value), `"`))
		}
	}
	return d
}

func splitQuoted(s string) []string {
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case (s[i] == ',' || s[i] == ';') && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[min(start, len(s)):])
}

func (d cacheDirectives) has(name string) bool { return len(d[name]) > 0 }

// most returns the greatest value of a directive.
func (d cacheDirectives) most(name string) (most int64, ok bool) {
	for _, v := range d[name] {
		if n, good := seconds(v, longestLife); good {
			most, ok = max(most, n), true
		}
	}
	return most, ok
}

// life returns for how many seconds the directives let an answer be given out, stale ones included, and whether they
// say it at all. A shared cache goes by s-maxage and a private one by max-age: the longer life counts.
func (d cacheDirectives) life() (life int64, told bool) {
	if d.has("no-store") || d.has("no-cache") && slices.Contains(d["no-cache"], "") {
		return 0, true
	}
	for _, name := range []string{"max-age", "s-maxage", "cache-maxage", "downstream-ttl"} {
		if n, ok := d.most(name); ok {
			life, told = max(life, n), true
		} else {
			told = told || d.has(name) // what cannot be read counts as stale
		}
	}
	if d.has("must-revalidate") || d.has("proxy-revalidate") && !told {
		return life, told
	}
	var stale int64
	for _, name := range []string{"stale-while-revalidate", "stale-if-error"} {
		if n, ok := d.most(name); ok {
			stale = max(stale, n)
		}
	}
	return life + stale, told || stale > 0
}

// seconds reads a number of seconds as lenient caches do: its first digits, with a unit such as d for days, and for
// Surrogate- Control the sum of life and grace.
func seconds(s string, most int64) (int64, bool) {
	if life, grace, ok := strings.Cut(s, "+"); ok {
		a, ok1 := seconds(life, most)
		b, ok2 := seconds(grace, most)
		return min(a+b, most), ok1 && ok2
	}
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	if digits == 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	if err != nil {
		return most, true // too large for any number
	}
	unit := map[string]int64{"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400,
		"y": 365 * 86400}[strings.ToLower(s[digits:])]
	if n = min(n, most); unit > 0 {
		n = min(n*unit, most)
	}
	return n, true
}
