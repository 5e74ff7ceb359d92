package verify

import (
	"fmt"

	"seihon/artifact"
	"seihon/verify/report"
)

// annexColumns are the members of AnnexRow, in the order of the CSV.
var annexColumns = []string{
	"object", "kind", "number", "entry", "size", "recorded", "place", "file", "sha256", "read", "outcome", "responses",
	"responses_equal",
}

// An annexWriter writes the objects; only the first rows are kept.
type annexWriter struct {
	*report.Sheet
	objects int64
	s       report.AnnexSummary
}

func newAnnexWriter(a *Annex) *annexWriter {
	return &annexWriter{Sheet: report.NewSheet(a.CSV, a.Lines, annexColumns),
		s: report.AnnexSummary{First: []report.AnnexRow{}}}
}

func (w *annexWriter) row(r report.AnnexRow) {
	w.s.Readings++
	if r.SHA256 != "" {
		w.s.Read++
	}
	if r.Outcome == report.Equal.String() || r.Outcome == report.EqualEarlier.String() {
		w.s.Equal++
	}
	if len(w.s.First) < annexShown {
		w.s.First = append(w.s.First, r)
	}
	count := func(n int64) string {
		if n == 0 && r.Kind != string(artifact.OCSPBundle) {
			return ""
		}
		return itoa(n)
	}
	w.Write([]string{
		r.Object, r.Kind, r.Number, itoa(r.Entry), itoa(r.Size), r.Recorded, r.Place, r.File, r.SHA256, r.Read,
		r.Outcome, count(r.Responses), count(r.ResponsesEqual),
	}, r)
}

func (w *annexWriter) finish() (_ *report.AnnexSummary, err error) {
	w.s.Objects = w.objects
	if w.s.CSV, w.s.Lines, err = w.Sheet.Finish(); err != nil {
		return nil, fmt.Errorf("writing the annex: %w", err)
	}
	return &w.s, nil
}
