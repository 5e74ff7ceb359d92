package verify

import (
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
	"seihon/verify/headers"
	"seihon/verify/report"
)

// checkHeaders judges the HTTP headers with which an object arrived. It reports whether there was nothing to find.
func (k *copyCheck) checkHeaders(name string, kind artifact.Kind, line *ledger.Line, o *Object) (fine bool) {
	if o == nil || o.Header == nil {
		return true
	}
	want := headers.Expected{
		ContentType: public.HeaderFor(kind, time.Time{}, time.Time{}, k.now, 0).ContentType,
		AnyType:     !typeMatters(kind),
		Redirected:  o.Header.Get(redirectedHeader), Now: k.now,
	}
	if line != nil && dated(kind) && !artifact.Final(line.NotAfter) {
		want.NotAfter = line.NotAfter
	}
	faults := headers.Judge(o.Header, want)
	for _, f := range faults {
		k.report(report.Finding{Code: f.Code, Name: name, Want: f.Want, Got: f.Got})
	}
	return len(faults) == 0
}

// typeMatters reports whether clients refuse a kind under another media type. Files of the log are for tools that do
// not look.
func typeMatters(kind artifact.Kind) bool {
	switch kind {
	case artifact.Checkpoint, artifact.Tile, artifact.Manifest, artifact.OCSPBundle, artifact.OCSPGeneration:
		return false
	}
	return true
}

// dated reports whether an artifact of a kind must not be used beyond its nextUpdate. Bundles are under the name of
// their digest; the responder that reads them looks at every response.
func dated(kind artifact.Kind) bool {
	return kind.IsRevocationList() || kind == artifact.OCSPResponse || kind == artifact.OCSPGeneration
}
