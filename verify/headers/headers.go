// Package headers judges the HTTP headers with which a public object arrived: what relying parties and caches make of
// them, not what they were meant to say.
package headers

import (
	"mime"
	"net/http"
	"strings"
	"time"
)

// The codes of faults. They are finding codes of package verify.
const (
	CodeType     = "header-type"
	CodeEncoding = "header-encoding"
	CodeDate     = "header-date"
	CodeRedirect = "header-redirect"
	CodeCache    = "header-cache"
)

// A Fault is one thing that is wrong.
type Fault struct{ Code, Want, Got string }

// An Expected says what is right for one answer.
type Expected struct {
	ContentType string    // of its kind
	AnyType     bool      // clients do not look at the type, as long as there is one
	Redirected  string    // where the answer really came from, if that is another address
	NotAfter    time.Time // no cache may keep the answer beyond it; zero: any time is right
	Now         time.Time
}

// Judge returns what is wrong: the media type, what transforms the bytes, dates that cannot be parsed, and caches that
// keep a dated object too long.
func Judge(h http.Header, e Expected) (faults []Fault) {
	bad := func(code, want, got string) { faults = append(faults, Fault{code, want, got}) }
	wantType, _, _ := mime.ParseMediaType(e.ContentType)
	types := h.Values("Content-Type")
	if got, right := mediaType(types, wantType); !right && (!e.AnyType || got == "" || len(types) > 1) {
		bad(CodeType, e.ContentType, strings.Join(types, " and "))
	}
	if e := encodings(h); e != "" {
		bad(CodeEncoding, "none", e)
	}
	for _, f := range []string{"Date", "Last-Modified", "Expires"} {
		for _, v := range h.Values(f) {
			if _, err := http.ParseTime(v); err != nil && v != "" && v != "0" {
				bad(CodeDate, f+" as "+http.TimeFormat, v)
			}
		}
	}
	if e.Redirected != "" {
		bad(CodeRedirect, "an answer at the address itself", e.Redirected)
	}
	if e.NotAfter.IsZero() {
		return faults
	}
	if until, why := CachedUntil(h, e.Now); until.After(e.NotAfter) {
		bad(CodeCache, "not beyond "+stamp(e.NotAfter), "until "+stamp(until)+" ("+why+")")
	}
	return faults
}

// mediaType reports whether every Content-Type that was sent is the wanted one. got is empty when there is none that
// can be read.
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

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
