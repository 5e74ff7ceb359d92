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
)

// annexColumns are the members of AnnexRow, in the order of the CSV.
var annexColumns = []string{
	"object", "kind", "number", "entry", "size", "recorded", "place", "file", "sha256", "read", "outcome", "responses", "responses_equal",
}

// An annexWriter writes rows as they come; only the first are kept.
type annexWriter struct {
	annex   *Annex
	csvSum  hash.Hash
	lineSum hash.Hash
	csvBuf  *bufio.Writer
	lineBuf *bufio.Writer
	csv     *csv.Writer
	lines   *json.Encoder
	objects int64
	s       AnnexSummary
	err     error
}

func newAnnexWriter(a *Annex) *annexWriter {
	w := &annexWriter{annex: a, csvSum: sha256.New(), lineSum: sha256.New(), s: AnnexSummary{First: []AnnexRow{}}}
	w.csvBuf = bufio.NewWriterSize(io.MultiWriter(a.CSV.File, w.csvSum), 64<<10)
	w.lineBuf = bufio.NewWriterSize(io.MultiWriter(a.Lines.File, w.lineSum), 64<<10)
	w.csv, w.lines = csv.NewWriter(w.csvBuf), json.NewEncoder(w.lineBuf)
	w.lines.SetEscapeHTML(false)
	w.err = w.csv.Write(annexColumns)
	return w
}

func (w *annexWriter) row(r AnnexRow) {
	if w.err != nil {
		return
	}
	w.s.Readings++
	if r.SHA256 != "" {
		w.s.Read++
	}
	if r.Outcome == equal.String() || r.Outcome == equalEarlier.String() {
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
	w.err = w.csv.Write([]string{
		r.Object, r.Kind, r.Number, itoa(r.Entry), itoa(r.Size), r.Recorded, r.Place, r.File, r.SHA256, r.Read, r.Outcome, count(r.Responses), count(r.ResponsesEqual),
	})
	if w.err == nil {
		w.err = w.lines.Encode(r)
	}
}

func (w *annexWriter) finish() (*AnnexSummary, error) {
	w.csv.Flush()
	for _, err := range []error{w.err, w.csv.Error(), w.csvBuf.Flush(), w.lineBuf.Flush()} {
		if err != nil {
			return nil, fmt.Errorf("writing the annex: %w", err)
		}
	}
	w.s.Objects = w.objects
	w.s.CSV = Cited{w.annex.CSV.Name, artifact.Digest(w.csvSum.Sum(nil)).String()}
	w.s.Lines = Cited{w.annex.Lines.Name, artifact.Digest(w.lineSum.Sum(nil)).String()}
	return &w.s, nil
}
