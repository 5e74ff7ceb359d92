//go:build integration

package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// buildOthers builds the program that has the issuance code of other software: step-ca's, and Boulder's lists in parts.
// It is a module of its own, deploy/ca/othersoftware. It goes into PATH.
func buildOthers(t *testing.T) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "othersoftware")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".")
	build.Dir = "../deploy/ca/othersoftware"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the CAs of others: %v\n%s", err, out)
	}
	t.Setenv("PATH", filepath.Dir(bin)+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// TestOtherSoftware runs the scripts of testdata/others with CAs that are made by the issuance code of other software.
func TestOtherSoftware(t *testing.T) {
	buildOthers(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/others",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", os.Getenv("PATH"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("TMPDIR", e.WorkDir)
			e.Setenv("DEMO_PDF", demoPDF)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exit": exit},
	})
}
