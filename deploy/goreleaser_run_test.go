//go:build integration && release

package deploy_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestGoReleaser makes a release of the last commit with GoReleaser itself, twice, and looks at what would be
// published: `make release-check`. It builds thirteen binaries, which takes minutes, so that it is no part of `make
// test`.
func TestGoReleaser(t *testing.T) {
	first, second := snapshot(t), snapshot(t)
	if first != second {
		t.Errorf("two releases of the same commit differ:\n%s\n%s", first, second)
	}
}

// snapshot makes a release in a clone of its own, checks it, and returns its checksums.
func snapshot(t *testing.T) string {
	t.Helper()
	tree := filepath.Join(t.TempDir(), "seihon")
	output(t, "git", "clone", "--quiet", "..", tree)
	cmd := exec.CommandContext(t.Context(), need(t, "goreleaser"), "release", "--snapshot", "--clean", "--config",
		"deploy/goreleaser.yaml")
	cmd.Dir, cmd.Env = tree, append(os.Environ(), "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("goreleaser: %v\n%s", err, out)
	}
	dist := filepath.Join(tree, "dist")
	sums := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS")
	sums.Dir = dist
	if out, err := sums.CombinedOutput(); err != nil {
		t.Errorf("SHA256SUMS: %v\n%s", err, out)
	}
	for _, n := range readRelease(t).NFPMs {
		for _, format := range n.Formats {
			files, err := filepath.Glob(filepath.Join(dist, n.PackageName+"_*_linux_amd64."+format))
			if err != nil || len(files) != 1 {
				t.Fatalf("%s: packages %v, %v", n.ID, files, err)
			}
			if format == "deb" {
				checkDeb(t, files[0], n)
			} else {
				checkRPM(t, files[0], n)
			}
		}
	}
	checkSBOMs(t, dist)
	raw, err := os.ReadFile(filepath.Join(dist, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// checkSBOMs wants one for each binary, and that it names the modules of the committed list.
func checkSBOMs(t *testing.T, dist string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dist, "*.cdx.json"))
	if err != nil || len(files) != 13 {
		t.Fatalf("%d SBOMs, want one for each of 13 binaries: %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var bom struct {
			BOMFormat  string
			Components []struct{ Name string }
		}
		if err := json.Unmarshal(raw, &bom); err != nil || bom.BOMFormat != "CycloneDX" || len(bom.Components) < 20 {
			t.Errorf("%s: %v, %d components", file, err, len(bom.Components))
		}
		if strings.Contains(string(raw), "miekg/pkcs11") != strings.HasPrefix(filepath.Base(file), "signer_") {
			t.Errorf("%s names PKCS #11, or ought to", file)
		}
	}
}
