package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// switchFile is added to a package: it says which of the conditions is switched off, by the environment, and writes
// down which were met.
const switchFile = `package %s

import "os"

var (
	mutantNow   = os.Getenv("MUTANT")
	mutantTrace = mutantFile(os.Getenv("MUTANT_TRACE"))
)

func mutantFile(name string) *os.File {
	if name == "" {
		return nil
	}
	f, _ := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	return f
}

func mutantMet(n string) {
	if mutantTrace != nil {
		mutantTrace.WriteString("\n=== MET " + n + "\n")
	}
}

// mutantIs is asked where the condition holds: elsewhere the change is none.
func mutantIs(n string) bool {
	mutantMet(n)
	return mutantNow == n
}
`

// tests builds and runs the tests of a mutant's package, once.
func (r *runner) tests(ctx context.Context, all []mutant, m mutant) (*suite, error) {
	key := strings.Join(m.tests, " ")
	if s, err := r.suite[key], r.wrong[key]; s != nil || err != nil {
		return s, err
	}
	s := &suite{folder: m.tests[len(m.tests)-1], reached: map[int]map[string]bool{}, took: map[string]time.Duration{}}
	for i, arg := range m.tests {
		if arg == "-run" {
			s.run = m.tests[i+1]
		}
	}
	err := r.build(ctx, s, all, key)
	if err == nil {
		err = s.trace(ctx, filepath.Join(r.dir, fmt.Sprintf("trace%d", len(r.suite))))
	}
	if err != nil {
		r.wrong[key] = err
		return nil, err
	}
	r.suite[key] = s
	return s, nil
}

// build makes the tests' binary with a switch in every condition that one of the table's lines names, and with a word
// at the begin of every function that another line changes.
func (r *runner) build(ctx context.Context, s *suite, all []mutant, key string) error {
	edits, added := map[string][]edit{}, map[string]string{}
	for n, o := range all {
		if strings.Join(o.tests, " ") != key {
			continue
		}
		e, err := o.watch(strconv.Itoa(n))
		if err != nil {
			return err
		}
		edits[o.file] = append(edits[o.file], e)
		folder := filepath.Dir(o.file)
		added[filepath.Join(folder, "mutant_switch.go")] = fmt.Sprintf(switchFile, filepath.Base(folder))
	}
	overlay, err := r.overlay(edits, added)
	if err != nil {
		return err
	}
	s.binary = filepath.Join(r.dir, fmt.Sprintf("tests%d", len(r.suite)))
	return compile(ctx, s.binary, overlay, strings.Fields(key))
}

// changed builds the tests with one change that no switch can make.
func (r *runner) changed(ctx context.Context, m mutant) (string, error) {
	e, err := m.edit()
	if err != nil {
		return "", err
	}
	overlay, err := r.overlay(map[string][]edit{m.file: {e}}, nil)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(r.dir, "changed")
	return binary, compile(ctx, binary, overlay, m.tests)
}

func compile(ctx context.Context, binary, overlay string, tests []string) error {
	// vet would look at the file that is there and not at the changed one.
	args := []string{"test", "-c", "-overlay", overlay, "-vet=off", "-o", binary}
	for i := 0; i < len(tests); i++ {
		if tests[i] == "-run" {
			i++
			continue
		}
		args = append(args, tests[i])
	}
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("it does not compile: %w\n%s", err, out)
	}
	return nil
}

// trace runs all tests one after the other, so that what is met between two lines of their output is of the test that
// the first line names. Tests and changed lines write to one file.
func (s *suite) trace(ctx context.Context, name string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	args := []string{"-test.v", "-test.parallel=1", "-test.timeout=0"}
	if s.run != "" {
		args = append(args, "-test.run", s.run)
	}
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.folder, append(os.Environ(), "MUTANT_TRACE="+name), f, f
	if err := cmd.Run(); err != nil {
		out, _ := os.ReadFile(name)
		return fmt.Errorf("tests of %s fail without any change: %w\n%s", s.folder, err, failures(string(out)))
	}
	return s.read(name)
}

var ended = regexp.MustCompile(`^ *--- (?:PASS|SKIP): (\S+) \(([0-9.]+s)\)$`)

func (s *suite) read(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	now := ""
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadString('\n')
		if line == "" && err != nil {
			break
		}
		line = strings.TrimSuffix(line, "\n")
		word, rest, _ := strings.Cut(strings.TrimPrefix(line, "=== "), " ")
		switch end := ended.FindStringSubmatch(line); {
		case end != nil:
			s.took[end[1]], _ = time.ParseDuration(end[2])
			now = end[1][:max(0, strings.LastIndex(end[1], "/"))]
		case !strings.HasPrefix(line, "=== "):
		case word == "RUN" || word == "CONT" || word == "NAME":
			now = strings.TrimSpace(rest)
		case word == "MET":
			n, err := strconv.Atoi(rest)
			if err != nil {
				return fmt.Errorf("reading %s: %w", name, err)
			}
			if s.reached[n] == nil {
				s.reached[n] = map[string]bool{}
			}
			s.reached[n][now] = true
		}
	}
	if len(s.took) == 0 {
		return errors.New("no test ran")
	}
	return nil
}

// failures are the lines of a test's output that say what failed.
func failures(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if strings.Contains(line, "--- FAIL") || strings.Contains(line, "_test.go:") ||
			strings.HasPrefix(line, "panic:") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// pattern selects the tests of these names, and no others but those that they are part of.
func pattern(names []string) string {
	var all []string
	for _, name := range names {
		parts := strings.Split(name, "/")
		for i, part := range parts {
			parts[i] = "^" + regexp.QuoteMeta(part) + "$"
		}
		all = append(all, strings.Join(parts, "/"))
	}
	return strings.Join(all, "|")
}
