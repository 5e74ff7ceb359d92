package verify

import (
	"bufio"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"hash"
	"io"

	"seihon/artifact"
	"seihon/verify/report"
)

// annexColumns are the members of AnnexRow, in the order of the CSV.
var annexColumns = []string{
	"object", "kind", "number", "entry", "size", "recorded", "place", "file", "sha256", "read", "outcome", "responses", "responses_equal",
}

// A sheet writes the same rows as CSV and as JSON Lines, as they come.
type sheet struct {
	names           [2]string
	csvSum, lineSum hash.Hash
	csvBuf, lineBuf *bufio.Writer
	csv             *csv.Writer
	lines           *json.Encoder
	err             error
}

func newSheet(rows, lines Output, columns []string) *sheet {
	w := &sheet{names: [2]string{rows.Name, lines.Name}, csvSum: sha256.New(), lineSum: sha256.New()}
	w.csvBuf = bufio.NewWriterSize(io.MultiWriter(rows.File, w.csvSum), 64<<10)
	w.lineBuf = bufio.NewWriterSize(io.MultiWriter(lines.File, w.lineSum), 64<<10)
	w.csv, w.lines = csv.NewWriter(w.csvBuf), json.NewEncoder(w.lineBuf)
	w.lines.SetEscapeHTML(false)
	w.err = w.csv.Write(columns)
	return w
}

func (w *sheet) write(cells []string, row any) {
	if w.err == nil {
		w.err = w.csv.Write(cells)
	}
	if w.err == nil {
		w.err = w.lines.Encode(row)
	}
}

// finish ends both files and returns their digests.
func (w *sheet) finish() (rows, lines report.Cited, err error) {
	w.csv.Flush()
	for _, err := range []error{w.err, w.csv.Error(), w.csvBuf.Flush(), w.lineBuf.Flush()} {
		if err != nil {
			return rows, lines, err
		}
	}
	rows = report.Cited{Name: w.names[0], SHA256: artifact.Digest(w.csvSum.Sum(nil)).String()}
	lines = report.Cited{Name: w.names[1], SHA256: artifact.Digest(w.lineSum.Sum(nil)).String()}
	return rows, lines, nil
}

// An annexWriter writes the objects; only the first rows are kept.
type annexWriter struct {
	*sheet
	objects int64
	s       report.AnnexSummary
}

func newAnnexWriter(a *Annex) *annexWriter {
	return &annexWriter{sheet: newSheet(a.CSV, a.Lines, annexColumns), s: report.AnnexSummary{First: []report.AnnexRow{}}}
}

func (w *annexWriter) row(r report.AnnexRow) {
	if w.err != nil {
		return
	}
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
	w.write([]string{
		r.Object, r.Kind, r.Number, itoa(r.Entry), itoa(r.Size), r.Recorded, r.Place, r.File, r.SHA256, r.Read, r.Outcome, count(r.Responses), count(r.ResponsesEqual),
	}, r)
}

func (w *annexWriter) finish() (_ *report.AnnexSummary, err error) {
	w.s.Objects = w.objects
	if w.s.CSV, w.s.Lines, err = w.sheet.finish(); err != nil {
		return nil, fmt.Errorf("writing the annex: %w", err)
	}
	return &w.s, nil
}
