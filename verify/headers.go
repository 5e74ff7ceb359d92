package verify

import (
	"mime"
	"net/http"
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
	if got, right := mediaType(h.Values("Content-Type"), wantType); !right && (typeMatters(kind) || got == "") || len(h.Values("Content-Type")) > 1 && !right {
		bad("header-type", want.ContentType, strings.Join(h.Values("Content-Type"), " and "))
	}
	if e := encodings(h); e != "" {
		bad("header-encoding", "none", e)
	}
	for _, f := range []string{"Date", "Last-Modified", "Expires"} {
		for _, v := range h.Values(f) {
			if _, err := http.ParseTime(v); err != nil && v != "" && v != "0" {
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
	if until, why := cachedUntil(h, k.now); until.After(line.NotAfter) {
		bad("header-cache", "not beyond "+stamp(line.NotAfter), "until "+stamp(until)+" ("+why+")")
	}
	return fine
}

// mediaType reports whether every Content-Type that was sent is the wanted one. got is empty when there is none that can be read.
func mediaType(values []string, want string) (got string, right bool) {
	right = len(values) > 0
	for _, v := range values {
		t, _, err := mime.ParseMediaType(v)
		if err != nil {
			return "", false
		}
		got = t
		right = right && t == want
	}
	return got, right
}

// encodings returns the Content-Encodings other than identity, in all fields of that name.
func encodings(h http.Header) string {
	var all []string
	for _, e := range strings.Split(strings.Join(h.Values("Content-Encoding"), ","), ",") {
		if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "identity") {
			all = append(all, e)
		}
	}
	return strings.Join(all, ", ")
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
