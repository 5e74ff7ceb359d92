package document

import (
	"strings"

	"seihon/hsmsign/document/pdf"
)

// SamplePDF makes a small valid PDF for demonstrations and tests; the same arguments give the same bytes.
func SamplePDF(title, version string, lines []string) []byte {
	heading := title + ", version " + version
	return pdf.Make(heading, append([]string{heading, strings.Repeat("_", 72), ""}, lines...))
}
