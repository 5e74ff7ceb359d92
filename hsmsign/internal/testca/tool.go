package testca

import (
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Run runs an outside program and returns what it printed, on both streams, and whether it succeeded. A program that is
// not there fails the test: what it would have shown was not shown.
func Run(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not found: run `make tools` and `make test`, which install it", name)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	return string(out), err
}

// MustRun is Run of a program that must succeed.
func MustRun(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := Run(t, name, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

// File writes content to a new file and returns its path.
func File(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// PEM writes one PEM block per DER to a new file and returns its path.
func PEM(t testing.TB, name, block string, ders ...[]byte) string {
	t.Helper()
	var content []byte
	for _, der := range ders {
		content = append(content, pem.EncodeToMemory(&pem.Block{Type: block, Bytes: der})...)
	}
	return File(t, name, content)
}
