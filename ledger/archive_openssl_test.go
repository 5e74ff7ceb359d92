//go:build integration

package ledger

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestArchiveWithoutUs follows the page in the bag with the tools it names.
func TestArchiveWithoutUs(t *testing.T) {
	f := newFixture(t)
	bag := f.archive(t, ArchiveConfig{})[0]
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = bag
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
	}
	run("sha256sum", "--quiet", "-c", "tagmanifest-sha256.txt")
	run("sha256sum", "--quiet", "-c", "manifest-sha256.txt")
	keys, err := filepath.Glob(filepath.Join(bag, "checkpoint/*.pem"))
	if err != nil || len(keys) != 2 {
		t.Fatalf("%v %v", keys, err)
	}
	for i, k := range f.v.keys {
		name := "checkpoint/" + strings.Split(k.String(), "+")[1]
		if i == 0 {
			run("openssl", "dgst", "-sha256", "-verify", name+".pem", "-signature", name+".sig",
				"checkpoint/signed.txt")
		} else {
			run("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", name+".pem", "-rawin", "-in",
				"checkpoint/signed.txt", "-sigfile", name+".sig")
		}
	}
}
