//go:build integration

package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestHandOver carries what AD CS, Boulder and Dogtag leave in their folders into a drop folder: each content once,
// also when one name is written over, and nothing that was not asked for.
func TestHandOver(t *testing.T) {
	from, incoming, given := t.TempDir(), t.TempDir(), t.TempDir()
	write := func(name, content string) {
		t.Helper()
		file := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	handOver := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "ca/hand-over", args...)
		cmd.Env = append(os.Environ(), "SEIHON_INCOMING="+incoming, "SEIHON_GIVEN="+given)
		return cmd.CombinedOutput()
	}
	gives := func(want ...string) {
		t.Helper()
		if out, err := handOver(from, "*.crl", "*.crt", "*.der"); err != nil || len(out) > 0 {
			t.Fatalf("%v: %s", err, out)
		}
		var got []string
		found, err := os.ReadDir(incoming)
		for _, f := range found {
			content, readErr := os.ReadFile(filepath.Join(incoming, f.Name()))
			if err != nil || readErr != nil {
				t.Fatal(err, readErr)
			}
			if err := os.Remove(filepath.Join(incoming, f.Name())); err != nil {
				t.Fatal(err)
			}
			_, name, _ := strings.Cut(f.Name(), "-")
			got = append(got, name+": "+string(content))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("given %q, want %q", got, want)
		}
	}

	write("Example Sub CA.crl", "complete 1")
	write("Example Sub CA+.crl", "delta 1")
	write("ca1.corp.example_Example Sub CA.crt", "certificate")
	write("nsrev_Example Sub CA.asp", "a page of the web enrolment")
	write("-$(touch x); rm *.crl", "a name like a command")
	gives("-$(touch x); rm *.crl: a name like a command", "Example Sub CA+.crl: delta 1",
		"Example Sub CA.crl: complete 1", "ca1.corp.example_Example Sub CA.crt: certificate")
	gives()
	write("Example Sub CA+.crl", "delta 2")
	write("43104258997432926/0.crl", "shard 0")
	write("17302365692836921/0.crl", "shard 0 of another")
	gives("0.crl: shard 0", "0.crl: shard 0 of another", "Example Sub CA+.crl: delta 2")

	write("MasterCRL-20261129-040000.der", "list")
	write("MasterCRL-20261129-050000.temp", "half a li")
	if err := os.Symlink("MasterCRL-20261129-040000.der", filepath.Join(from, "MasterCRL.crl")); err != nil {
		t.Fatal(err)
	}
	gives("MasterCRL-20261129-040000.der: list")

	if out, err := handOver(from); err == nil || !strings.Contains(string(out), "usage: hand-over") {
		t.Errorf("without a pattern: %v: %s", err, out)
	}
	if out, err := handOver(filepath.Join(from, "none"), "*.crl"); err == nil ||
		!strings.Contains(string(out), "is no folder") {
		t.Errorf("without a folder: %v: %s", err, out)
	}
}
