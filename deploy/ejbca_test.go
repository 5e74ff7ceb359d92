//go:build integration

package deploy_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestEJBCAPublisher calls the script as EJBCA's General Purpose Custom Publisher does: with the path of a temporary
// file and arguments behind it. EJBCA takes a code that is not 0, and anything on stderr, for a failure.
func TestEJBCAPublisher(t *testing.T) {
	folder, content := t.TempDir(), []byte("\x30\x03\x02\x01\x07")
	file := filepath.Join(t.TempDir(), "GeneralPurposeCustomPublisher 1.tmp")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	publish := func(file string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "ejbca/seihon-publish", file, "1", "CN=one, O=Example",
			"CN=Sub; rm -rf", "0A1B")
		cmd.Env = append(os.Environ(), "SEIHON_INCOMING="+folder)
		return cmd.CombinedOutput()
	}
	for range 2 {
		if out, err := publish(file); err != nil || len(out) > 0 {
			t.Fatalf("%v: %s", err, out)
		}
	}
	found, err := os.ReadDir(folder)
	if err != nil || len(found) != 1 {
		t.Fatalf("%v %v", found, err)
	}
	if got, err := os.ReadFile(filepath.Join(folder, found[0].Name())); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%s holds %x: %v", found[0].Name(), got, err)
	}
	if _, err := publish(filepath.Join(folder, "none")); err == nil {
		t.Error("a file that is not there is published")
	}
}
