package verify

import (
	"context"
	"errors"

	"seihon/artifact"
	"seihon/verify/report"
)

// errCopyForbidden ends the check of a copy that refuses to give anything.
var errCopyForbidden = errors.New("the copy refuses to give anything")

// maxRefused is how many objects must be refused before a copy is called forbidden.
const maxRefused = 8

// forbidden reports whether a copy whose checkpoint was refused refuses everything else as well. Some names that every
// copy has are asked for, of any layout. That a single object is refused says nothing about the others and is a finding
// about it alone.
func (k *copyCheck) forbidden(ctx context.Context) bool {
	if k.checker.state == nil {
		return true // without a master nobody knows another name
	}
	asked := 0
	for line := range k.checker.state.All() {
		if line.Kind == artifact.OCSPBundle || line.Kind == artifact.OCSPGeneration ||
			line.Kind == artifact.OCSPResponse {
			continue
		}
		o, err := k.fetch(ctx, line.Name)
		if err == nil {
			o.Close()
		}
		if !errors.Is(err, ErrForbidden) {
			return false
		}
		if asked++; asked == maxRefused {
			break
		}
	}
	return asked > 0
}

func (k *copyCheck) reportForbidden() {
	k.report(report.Finding{Code: "copy-forbidden",
		Detail: "every object that was asked for was refused; nothing was compared"})
}

// refusal is what a finding about an object that was refused adds; a bucket that may not be listed does not tell the
// difference.
func refusal(err error) string {
	if !errors.Is(err, ErrForbidden) {
		return ""
	}
	return "it was refused (403), which buckets that may not be listed also answer for what is not there"
}
