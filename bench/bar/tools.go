package bar

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Tools returns the folder .tools/bin of the checkout that the working directory is in.
func Tools() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "layers_test.go")); err == nil {
			return filepath.Join(dir, ".tools", "bin"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("finding .tools/bin: a benchmark runs inside the checkout only")
		}
		dir = filepath.Dir(dir)
	}
}

// Tool returns the path of a program in .tools/bin, and never one that PATH happens to have: Debian's is
// another version, and what is compared with must be what the page names.
func Tool(name string) (string, error) {
	dir, err := Tools()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("finding %s (`make tools` installs it): %w", name, err)
	}
	return path, nil
}

// Install builds a peer of exactly this version into .tools/bin, unless it is there, and returns its path.
// The version is in the name of a stamp beside it, as scripts/install-tools.sh has them: a new pin builds anew.
func Install(ctx context.Context, name, program, version string) (string, error) {
	dir, err := Tools()
	if err != nil {
		return "", err
	}
	path, stamp := filepath.Join(dir, name), filepath.Join(dir, "."+name+"-"+version)
	_, missing := os.Stat(path)
	_, other := os.Stat(stamp)
	if missing == nil && other == nil {
		return path, nil
	}
	fmt.Fprintf(os.Stderr, "building %s (%s@%s), some minutes\n", name, program, version)
	// A module of its own: `go install` refuses programs whose go.mod has replacements.
	scratch, err := os.MkdirTemp("", "bench-tool-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	for _, args := range [][]string{{"mod", "init", "build"}, {"get", program + "@" + version},
		{"build", "-ldflags=-s -w", "-o", path, program}} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Env = scratch, append(os.Environ(), "GOFLAGS=-mod=mod")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building %s: %w: %s", name, err, out)
		}
	}
	return path, os.WriteFile(stamp, nil, 0o644)
}
