package main

import (
	"bytes"
	"io"

	"seihon/internal/durable"
)

// A pageWriter is anything that writes itself as one HTML page.
type pageWriter interface{ WriteHTML(w io.Writer) error }

// writeHTML writes a report as one self-contained HTML file.
func writeHTML(file string, r pageWriter) error {
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		return err
	}
	return durable.WriteFile(file, b.Bytes(), 0o644)
}
