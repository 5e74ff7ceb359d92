package main

import (
	"bytes"

	"seihon/internal/durable"
	"seihon/verify"
)

// writeHTML writes the report as one self-contained HTML file.
func writeHTML(file string, r *verify.Report) error {
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		return err
	}
	return durable.WriteFile(file, b.Bytes(), 0o644)
}
