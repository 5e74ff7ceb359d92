//go:build integration

package deploy_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBuildIsReproducible builds all binaries a second time, in another folder, and compares the bytes.
func TestBuildIsReproducible(t *testing.T) {
	tree, out := filepath.Join(t.TempDir(), "elsewhere"), t.TempDir()
	copyTree(t, filepath.Join(binaries(t), "tree"), tree)
	if err := buildAll(tree, out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"publisher", "publisher-nocloud", "signer"} {
		first, err := os.ReadFile(filepath.Join(binaries(t), name))
		if err != nil {
			t.Fatal(err)
		}
		second, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Errorf("%s: two builds differ", name)
		}
	}
}

// TestFIPSModule builds the keyless binary with Go's frozen FIPS 140-3 module and has it verify the demo.
func TestFIPSModule(t *testing.T) {
	demo, _ := newDemo(t)
	binary := filepath.Join(demo, "bin", "publisher-fips")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", binary,
		"./cmd/publisher")
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "CGO_ENABLED=0", "GOFIPS140=v1.0.0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building with GOFIPS140: %v\n%s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "version", "-m", binary).Output(); err != nil ||
		!bytes.Contains(out, []byte("GOFIPS140=v1.0.0")) || !bytes.Contains(out, []byte("fips140=on")) {
		t.Errorf("the binary does not name the module, or does not run in FIPS mode by itself: %v\n%s", err, out)
	}
	verify := exec.CommandContext(t.Context(), binary, "verify", "--config", ".demo/repository.yaml", "--quiet")
	verify.Dir = demo
	if out, err := verify.CombinedOutput(); err != nil {
		t.Errorf("verify in FIPS mode: %v\n%s", err, out)
	}
}

// TestPublisherWithoutClouds has the publisher that is built without the SDKs verify the demo, publish to its folder,
// and refuse a bucket in a sentence.
func TestPublisherWithoutClouds(t *testing.T) {
	demo, _ := newDemo(t)
	conf := filepath.Join(demo, ".demo/repository.yaml")
	publisher := func(args ...string) (int, string) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(binaries(t), "publisher-nocloud"), args...)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	if code, out := publisher("--version"); code != 0 || out != "publisher version test nocloud\n" {
		t.Errorf("version: exit code %d: %s", code, out)
	}
	for _, command := range []string{"sync", "verify"} {
		if code, out := publisher(command, "--config", conf, "--quiet"); code != 0 {
			t.Errorf("%s: exit code %d: %s", command, code, out)
		}
	}
	const folder = "    directory: public\n"
	replaceIn(t, conf, folder, folder+"  - name: bucket\n    s3: {bucket: none, region: ap-northeast-1}\n")
	code, out := publisher("sync", "--config", conf)
	if want := `target "bucket" is a bucket, and this publisher was built without the SDKs of the clouds (nocloud): use the other one`; code != 2 || !strings.Contains(out, want) {
		t.Errorf("a bucket: exit code %d: %s", code, out)
	}
}
