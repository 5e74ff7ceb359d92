package report

import (
	"bufio"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"hash"
	"io"

	"seihon/artifact"
)

// An Output is a file to write, under the name by which the report cites it.
type Output struct {
	Name string
	File interface{ Write(p []byte) (int, error) }
}

// A Sheet writes the same rows as CSV and as JSON Lines, as they come.
type Sheet struct {
	names           [2]string
	csvSum, lineSum hash.Hash
	csvBuf, lineBuf *bufio.Writer
	csv             *csv.Writer
	lines           *json.Encoder
	err             error
}

// NewSheet begins both files with the names of the columns.
func NewSheet(rows, lines Output, columns []string) *Sheet {
	w := &Sheet{names: [2]string{rows.Name, lines.Name}, csvSum: sha256.New(), lineSum: sha256.New()}
	w.csvBuf = bufio.NewWriterSize(io.MultiWriter(rows.File, w.csvSum), 64<<10)
	w.lineBuf = bufio.NewWriterSize(io.MultiWriter(lines.File, w.lineSum), 64<<10)
	w.csv, w.lines = csv.NewWriter(w.csvBuf), json.NewEncoder(w.lineBuf)
	w.lines.SetEscapeHTML(false)
	w.err = w.csv.Write(columns)
	return w
}

// Write adds a row in both forms. The first error is kept until the end.
func (w *Sheet) Write(cells []string, row any) {
	if w.err == nil {
		w.err = w.csv.Write(cells)
	}
	if w.err == nil {
		w.err = w.lines.Encode(row)
	}
}

// Finish ends both files and returns their digests.
func (w *Sheet) Finish() (rows, lines Cited, err error) {
	w.csv.Flush()
	for _, err := range []error{w.err, w.csv.Error(), w.csvBuf.Flush(), w.lineBuf.Flush()} {
		if err != nil {
			return rows, lines, err
		}
	}
	rows = Cited{Name: w.names[0], SHA256: artifact.Digest(w.csvSum.Sum(nil)).String()}
	lines = Cited{Name: w.names[1], SHA256: artifact.Digest(w.lineSum.Sum(nil)).String()}
	return rows, lines, nil
}
