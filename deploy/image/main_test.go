package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// thisProgram builds this program itself, as the keyless binary is built.
func thisProgram(t *testing.T, cgo string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", file, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo, "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

func TestImageIsAFunctionOfItsInput(t *testing.T) {
	dir := t.TempDir()
	roots := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(roots, []byte("-----BEGIN CERTIFICATE-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	binary := thisProgram(t, "0")
	var images [2][]byte
	var digests [2]bytes.Buffer
	for i := range images {
		out := filepath.Join(dir, "image.tar")
		if err := run([]string{"tar", "--binary", binary, "--roots", roots, "--out", out}, &digests[i]); err != nil {
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
	if err := run([]string{"sbom", "--binary", thisProgram(t, "0")}, &out); err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Format != "CycloneDX" || doc.Components[0].Name != "std" ||
		!strings.HasPrefix(doc.SerialNumber, "urn:uuid:") {
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

func TestAProgramThatNeedsACLibraryIsRefused(t *testing.T) {
	err := run([]string{"tar", "--binary", thisProgram(t, "1"), "--out", filepath.Join(t.TempDir(), "image.tar")},
		&bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=1") {
		t.Errorf("got %v", err)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"fly"}, {"sbom", "--binary", "none"}, {"sbom", "--binary", "main.go"}} {
		if err := run(args, &bytes.Buffer{}); err == nil {
			t.Errorf("run(%q) is no error", args)
		}
	}
}
