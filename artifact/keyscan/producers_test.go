package keyscan

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestDocumentsOfManyProducers: no alarm on public text, whoever made the PDF, and a key in an update at its end is
// found.
func TestDocumentsOfManyProducers(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/pdf/*.pdf")
	if err != nil || len(names) < 17 {
		t.Fatalf("testdata/pdf holds %d files: %v; run testdata/make-pdf.sh", len(names), err)
	}
	key := must(os.ReadFile("testdata/keys/ec-pkcs8.der"))
	for _, n := range names {
		b := must(os.ReadFile(n))
		if r := Scan(b); r.Key != nil || r.Opaque != "" || r.Encrypted != "" || r.Launches != "" {
			t.Errorf("%s: %+v", n, r)
		}
		update := append(bytes.Clone(b),
			"9999 0 obj\n"+stream("/Filter/FlateDecode", zlibbed(key))+"\nendobj\n%%EOF\n"...)
		if r := Scan(update); r.Key == nil {
			t.Errorf("%s with a key: nothing found, %s", n, r.Opaque)
		}
	}
}
