package public

import (
	"fmt"
	"regexp"
	"strings"

	"seihon/artifact"
)

// Signature is the name under which the detached signature of a document or a page is published.
func Signature(signed string) string { return signed + signatureEnd }

// Signatures are the names under which the detached signature of a document is looked for: its own name
// with .p7s added, or, as some tools name it, with .p7s in the place of its extension.
func Signatures(document string) []string {
	names := []string{Signature(document)}
	if stem, ok := strings.CutSuffix(document, docEnd); ok {
		names = append(names, stem+signatureEnd)
	}
	return names
}

// Signed is the inverse of [Signatures]: the names of the documents that a signature may be of.
func Signed(signature string) []string {
	stem := strings.TrimSuffix(signature, signatureEnd)
	return []string{stem, stem + docEnd}
}

var versionPattern = regexp.MustCompile(`^[0-9a-z]([0-9a-z.-]*[0-9a-z])?$`)

// CheckVersion refuses what cannot be the version of a document.
func CheckVersion(version string) error {
	if !versionPattern.MatchString(version) {
		return fmt.Errorf("version %q must be lower case letters, digits, dots and hyphens", version)
	}
	return nil
}

// Version is the version in the label of a document with this name, and whether it is one of its versions.
func (n Name) Version(document string) (string, bool) {
	if n.Kind != artifact.Document {
		return "", false
	}
	return strings.CutPrefix(n.Label, document+"-")
}
