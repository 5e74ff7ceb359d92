package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// signingCode is what no byte of the keyless binary may name. Go keeps the names of
// linked functions in every binary, stripped or not, for its own stack traces.
var signingCode = []string{
	"crypto/x509.CreateCertificate",
	"crypto/x509.CreateRevocationList",
	"golang.org/x/crypto/ocsp.CreateResponse",
	"github.com/miekg/pkcs11",
	"seihon/hsmsign",
	"seihon/inventory",
	"C_SignInit",
}

// TestShippedBinaryHasNoSigningCode is the evidence behind "no signing logic in the
// cloud" (report 3-4 (2) A, s3): it looks into the very bytes that are shipped.
func TestShippedBinaryHasNoSigningCode(t *testing.T) {
	t.Parallel()
	for _, stripped := range []bool{false, true} {
		binary := build(t, ".", stripped)
		for _, name := range signingCode {
			if bytes.Contains(binary, []byte(name)) {
				t.Errorf("publisher (stripped: %v) contains %s", stripped, name)
			}
		}
		if !bytes.Contains(binary, []byte("seihon/publish.Sync")) {
			t.Errorf("publisher (stripped: %v) does not name its own code: the search proves nothing", stripped)
		}
	}
}

// TestNobodyCallsCreateCRL looks at the one signing function that the linker keeps: the
// deprecated method CreateCRL of the standard library's Certificate. Reflection in the
// help texts makes the linker keep every exported method of such types. The linker's own
// list of references shows that the type's method table is the only thing that knows it:
// no code calls it, and no key is there for it.
func TestNobodyCallsCreateCRL(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-dumpdep", "-o",
		filepath.Join(t.TempDir(), "binary"), ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("-> main.main")) {
		t.Fatalf("listing what refers to what: %v\n%.400s", err, out)
	}
	for line := range bytes.Lines(out) {
		from, to, ok := strings.Cut(strings.TrimSpace(string(line)), " -> ")
		if !ok || to != "crypto/x509.(*Certificate).CreateCRL" {
			continue
		}
		if !strings.HasPrefix(from, "type:*crypto/x509.Certificate") {
			t.Errorf("%s refers to %s", from, to)
		}
	}
}

// TestTheSearchFindsSigningCode is the positive control: a program that does sign is found out, stripped as well.
func TestTheSearchFindsSigningCode(t *testing.T) {
	t.Parallel()
	const control = `package main

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"

	"golang.org/x/crypto/ocsp"
)

func main() {
	fmt.Println(x509.CreateCertificate(rand.Reader, nil, nil, nil, nil))
	fmt.Println(x509.CreateRevocationList(rand.Reader, nil, nil, nil))
	fmt.Println(ocsp.CreateResponse(nil, nil, ocsp.Response{}, nil))
}
`
	file := filepath.Join(t.TempDir(), "control.go")
	if err := os.WriteFile(file, []byte(control), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, stripped := range []bool{false, true} {
		binary := build(t, file, stripped)
		for _, name := range []string{"crypto/x509.CreateCertificate", "crypto/x509.CreateRevocationList",
			"golang.org/x/crypto/ocsp.CreateResponse"} {
			if !bytes.Contains(binary, []byte(name)) {
				t.Errorf("control (stripped: %v): the search does not find %s", stripped, name)
			}
		}
	}
}

// cloudCode is what no byte of the publisher of edges and auditors may name (tag nocloud).
var cloudCode = []string{"github.com/aws/", "cloud.google.com/", "google.golang.org/grpc",
	"go.opentelemetry.io/otel/sdk"}

// TestBuildWithoutClouds looks into the publisher that is built without the SDKs, and asks it for a bucket.
func TestBuildWithoutClouds(t *testing.T) {
	t.Parallel()
	binary, whole := build(t, ".", true, "-tags=nocloud"), build(t, ".", true)
	for _, name := range cloudCode {
		if bytes.Contains(binary, []byte(name)) {
			t.Errorf("publisher without clouds contains %s", name)
		}
		if !bytes.Contains(whole, []byte(name)) {
			t.Errorf("publisher does not contain %s: the search proves nothing", name)
		}
	}
	if 2*len(binary) > len(whole) {
		t.Errorf("%d bytes without clouds, %d with them: want less than half", len(binary), len(whole))
	}
}

func build(t *testing.T, what string, stripped bool, flags ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "binary")
	args := append([]string{"build", "-trimpath", "-o", out}, flags...)
	if stripped {
		args = append(args, "-ldflags=-s -w")
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, what)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", what, err, msg)
	}
	binary, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return binary
}
