package document

import (
	"strings"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/document/pdf"
)

// SamplePDF makes a small valid PDF for demonstrations and tests; the same arguments give the same bytes.
func SamplePDF(title, version string, lines []string) []byte {
	heading := title + ", version " + version
	return pdf.Make(heading, append([]string{heading, strings.Repeat("_", 72), ""}, lines...))
}

// Version is one version of a published document.
type Version struct {
	Name, Version string          // "cps", "1.2"
	Title         string          // "Certification Practice Statement"
	Effective     time.Time       // in force from
	Digest        artifact.Digest // of the published bytes
	URL           string          // public name
	Signature     string          // public name of the .p7s; "" when the signature is inside
	Note          string          // what changed
}
