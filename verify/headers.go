package verify

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
)

// checkHeaders judges the HTTP headers with which an object arrived. What matters is what clients and caches make of them: the
// media type, that nothing transforms the bytes, that dates can be parsed, and that no cache keeps a dated object too long. It
// reports whether there was nothing to find.
func (k *copyCheck) checkHeaders(name string, kind artifact.Kind, line *ledger.Line, o *Object) (fine bool) {
	if o == nil || o.Header == nil {
		return true
	}
	h := o.Header
	fine = true
	bad := func(code, want, got string) {
		fine = false
		k.report(Finding{Code: code, Name: name, Want: want, Got: got})
	}
	want := public.HeaderFor(kind, time.Time{}, time.Time{}, k.now, 0)
	wantType, _, _ := mime.ParseMediaType(want.ContentType)
	gotType, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || gotType != wantType && typeMatters(kind) {
		bad("header-type", want.ContentType, h.Get("Content-Type"))
	}
	if e := h.Get("Content-Encoding"); e != "" && e != "identity" {
		bad("header-encoding", "none", e)
	}
	for _, f := range []string{"Date", "Last-Modified", "Expires"} {
		if v := h.Get(f); v != "" && v != "0" {
			if _, err := http.ParseTime(v); err != nil {
				bad("header-date", f+" as "+http.TimeFormat, v)
			}
		}
	}
	if u := o.Header.Get(redirectedHeader); u != "" {
		bad("header-redirect", "an answer at the address itself", u)
	}
	if line == nil || !dated(kind) || line.NotAfter.IsZero() || artifact.Final(line.NotAfter) {
		return fine
	}
	if until, ok := k.cachedUntil(h); ok && until.After(line.NotAfter) {
		bad("header-cache", "not beyond "+stamp(line.NotAfter), "until "+stamp(until)+" ("+h.Get("Cache-Control")+")")
	}
	return fine
}

// typeMatters reports whether clients refuse a kind under another media type. Files of the log are for tools that do not look.
func typeMatters(kind artifact.Kind) bool {
	switch kind {
	case artifact.Checkpoint, artifact.Tile, artifact.Manifest, artifact.OCSPBundle, artifact.OCSPGeneration:
		return false
	}
	return true
}

// dated reports whether an artifact of a kind must not be used beyond its nextUpdate. Bundles are under the name of their
// digest; the responder that reads them looks at every response.
func dated(kind artifact.Kind) bool {
	return kind.IsRevocationList() || kind == artifact.OCSPResponse || kind == artifact.OCSPGeneration
}

// cachedUntil computes how long a shared cache may keep the answer (RFC 9111 section 4.2.1). Age says how long it was in one.
func (k *copyCheck) cachedUntil(h http.Header) (time.Time, bool) {
	age, _ := strconv.Atoi(h.Get("Age"))
	from := k.now.Add(-time.Duration(age) * time.Second)
	fields := map[string]string{}
	for _, d := range strings.Split(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(d), "=")
		fields[strings.ToLower(name)] = value
	}
	if _, no := fields["no-store"]; no {
		return time.Time{}, false
	}
	for _, f := range []string{"s-maxage", "max-age"} {
		if n, err := strconv.Atoi(fields[f]); err == nil {
			return from.Add(time.Duration(n) * time.Second), true
		}
	}
	if t, err := http.ParseTime(h.Get("Expires")); err == nil {
		return t, true
	}
	return time.Time{}, false
}
