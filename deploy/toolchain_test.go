//go:build integration

package deploy_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// nextToolchain is the Go with ML-DSA. The go command takes it from the module proxy, as it takes the one of go.mod.
const nextToolchain = "go1.27.1"

// TestNextToolchain runs what only the next Go compiles.
func TestNextToolchain(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-run", "^TestMLDSA$", "./artifact")
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "GOTOOLCHAIN="+nextToolchain)
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS: TestMLDSA/ML-DSA-") != 3 {
		t.Errorf("with %s: %v\n%s", nextToolchain, err, out)
	}
}
