package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A runner tries mutants in a folder of its own.
type runner struct {
	dir     string
	timeout time.Duration
	built   map[string]string // the test binary of a package with all its conditions that can be switched off
}

// switchFile is added to a package: it says which of the conditions is switched off, by the environment.
const switchFile = `package %s

import "os"

var mutantNow = os.Getenv("MUTANT")

func mutantIs(n string) bool { return mutantNow == n }
`

// try reports whether the tests of the package notice the change. Conditions that never hold are built once for a
// package and switched off one at a time; any other change is a build of its own.
func (r *runner) try(ctx context.Context, all []mutant, n int) (noticed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	m := all[n]
	var cmd *exec.Cmd
	if m.never {
		binary, err := r.switched(ctx, all, m)
		if err != nil {
			return false, err
		}
		cmd = exec.CommandContext(ctx, binary, testFlags(m.tests)...)
		cmd.Dir, cmd.Env = m.tests[len(m.tests)-1], append(os.Environ(), "MUTANT="+strconv.Itoa(n))
	} else {
		overlay, err := r.overlay(map[string][]change{m.file: {{m.old, m.new}}}, nil)
		if err != nil {
			return false, err
		}
		// vet would look at the file that is there and not at the changed one.
		args := append([]string{"test", "-overlay", overlay, "-count=1", "-failfast", "-vet=off"}, m.tests...)
		cmd = exec.CommandContext(ctx, "go", args...)
	}
	out, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return false, fmt.Errorf("its tests did not end: %w", ctx.Err())
	case strings.Contains(string(out), "[build failed]"):
		return false, fmt.Errorf("the change does not compile: %s", out)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return false, err
	}
	return err != nil, nil
}

// switched builds the tests of a mutant's package with a switch in every condition that one of the table's lines names.
func (r *runner) switched(ctx context.Context, all []mutant, m mutant) (string, error) {
	key := strings.Join(m.tests, " ")
	if binary := r.built[key]; binary != "" {
		return binary, nil
	}
	changes, added := map[string][]change{}, map[string]string{}
	for n, o := range all {
		if !o.never || strings.Join(o.tests, " ") != key {
			continue
		}
		changes[o.file] = append(changes[o.file], change{o.old, strings.Replace(o.new, "&& false", fmt.Sprintf("&& !mutantIs(%q)", strconv.Itoa(n)), 1)})
		folder := filepath.Dir(o.file)
		added[filepath.Join(folder, "mutant_switch.go")] = fmt.Sprintf(switchFile, filepath.Base(folder))
	}
	overlay, err := r.overlay(changes, added)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(r.dir, fmt.Sprintf("tests%d", len(r.built)))
	args := []string{"test", "-c", "-overlay", overlay, "-vet=off", "-o", binary}
	for i := 0; i < len(m.tests); i++ {
		if m.tests[i] == "-run" {
			i++
			continue
		}
		args = append(args, m.tests[i])
	}
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the tests of %s with switches: %w\n%s", key, err, out)
	}
	// Tests that fail anyway would seem to notice everything.
	cmd := exec.CommandContext(ctx, binary, testFlags(m.tests)...)
	cmd.Dir = m.tests[len(m.tests)-1]
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the tests of %s fail without any change: %w\n%s", key, err, out)
	}
	r.built[key] = binary
	return binary, nil
}

// testFlags are the flags of a test binary for the arguments of go test.
func testFlags(tests []string) []string {
	flags := []string{"-test.failfast", "-test.timeout=0"}
	for i, arg := range tests {
		if arg == "-run" {
			flags = append(flags, "-test.run", tests[i+1])
		}
	}
	return flags
}

// A change of a file: old stands there exactly once.
type change struct{ old, new string }

// overlay writes what go build is to read instead of the files that are there, and beside them.
func (r *runner) overlay(changes map[string][]change, added map[string]string) (string, error) {
	dir, err := os.MkdirTemp(r.dir, "overlay")
	if err != nil {
		return "", err
	}
	texts := map[string]string{}
	for file, list := range changes {
		raw, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		text := string(raw)
		for _, c := range list {
			if n := strings.Count(string(raw), c.old); n != 1 {
				return "", fmt.Errorf("%s: %q is there %d times, must be once", file, c.old, n)
			}
			text = strings.Replace(text, c.old, c.new, 1)
		}
		texts[file] = text
	}
	for file, text := range added {
		texts[file] = text
	}
	replace := map[string]string{}
	for file, text := range texts {
		place, err := filepath.Abs(file)
		if err != nil {
			return "", err
		}
		replace[place] = filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(replace[place], []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	raw, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, raw, 0o600)
}
