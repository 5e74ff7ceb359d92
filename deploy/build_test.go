//go:build integration

package deploy_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// update rewrites the committed files that these tests compare.
var update = flag.Bool("update", false, "write the generated files again")

// built is the one build of both binaries that all tests share, with the flags of the Makefile.
var built = struct {
	sync.Once
	dir string
	err error
}{}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// binaries returns the folder with publisher and signer.
func binaries(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "seihon-bin"); built.err != nil {
			return
		}
		// The files are copied first: what is built is what TestBuildIsReproducible builds again.
		if built.err = copyCheckout("..", filepath.Join(built.dir, "tree")); built.err == nil {
			built.err = buildAll(filepath.Join(built.dir, "tree"), built.dir)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

// buildAll builds the binaries of the checkout in tree: the part of a name after the hyphen is a build tag.
func buildAll(tree, out string) error {
	for name, cgo := range map[string]string{"publisher": "0", "publisher-nocloud": "0", "signer": "1"} {
		folder, tags, _ := strings.Cut(name, "-")
		cmd := exec.Command("go", "build", "-tags", tags, "-trimpath", "-buildvcs=false",
			"-ldflags=-s -w -X main.version=test", "-o", filepath.Join(out, name), "./cmd/"+folder)
		cmd.Dir, cmd.Env = tree, append(os.Environ(), "CGO_ENABLED="+cgo)
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", name, err, output)
		}
	}
	return nil
}

// copyCheckout copies what the two binaries are made of.
func copyCheckout(from, to string) error {
	cmd := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "go.mod", "go.sum",
		"approval", "artifact", "cmd", "evidence", "hsmsign", "internal", "inventory",
		"ledger", "ocspcache", "override", "public", "publish", "sectiona", "verify")
	cmd.Dir = from
	files, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("listing the checkout: %w", err)
	}
	for _, file := range strings.Fields(string(files)) {
		if strings.HasSuffix(file, "_test.go") || strings.Contains(file, "/testdata/") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(from, file))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed and not committed yet
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(to, file)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, file), raw, 0o644)
		}
		if err != nil {
			return fmt.Errorf("copying the checkout: %w", err)
		}
	}
	return nil
}

// need finds a program or says how to get it.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s not found: run make tools, or make test, which installs it", program)
	}
	return path
}

// golden compares got with a committed file, or writes the file with -update.
func golden(t *testing.T, file string, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is not what the code says now; write it again with: go test -tags integration ./deploy -run "+
			"'^%s$' -update\n%s",
			file, t.Name(), firstDifference(string(want), got))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return "committed: " + w[i] + "\nnow:       " + g[i]
		}
	}
	return "one of them is longer"
}
