package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// thisTest is a Go binary that every test has: itself.
func thisTest(t *testing.T) string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

func TestImageIsAFunctionOfItsInput(t *testing.T) {
	dir := t.TempDir()
	roots := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(roots, []byte("-----BEGIN CERTIFICATE-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var images [2][]byte
	var digests [2]bytes.Buffer
	for i := range images {
		out := filepath.Join(dir, "image.tar")
		if err := run([]string{"tar", "--binary", thisTest(t), "--roots", roots, "--out", out}, &digests[i]); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		images[i] = raw
	}
	if !bytes.Equal(images[0], images[1]) || digests[0].String() != digests[1].String() {
		t.Error("two images of the same binary differ")
	}
}

func TestSBOM(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"sbom", "--binary", thisTest(t)}, &out); err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Format != "CycloneDX" || doc.Components[0].Name != "std" || !strings.HasPrefix(doc.SerialNumber, "urn:uuid:") {
		t.Errorf("not the list of a Go binary: %.300s", out.String())
	}
	seen := map[string]bool{}
	for _, c := range doc.Components {
		if c.PURL == "" || seen[c.Ref] {
			t.Errorf("component %q has no purl or comes twice", c.Name)
		}
		seen[c.Ref] = true
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"fly"}, {"sbom", "--binary", "none"}, {"sbom", "--binary", "main.go"}} {
		if err := run(args, &bytes.Buffer{}); err == nil {
			t.Errorf("run(%q) is no error", args)
		}
	}
}
