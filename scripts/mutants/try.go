package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A runner tries mutants in a folder of its own.
type runner struct {
	dir   string
	suite map[string]*suite // by the arguments of go test
	wrong map[string]error  // suites that cannot be had
}

// A suite is the tests of one package: built once, with all its conditions that can be switched off, and run once, to
// see which test reaches which change.
type suite struct {
	binary, folder string
	run            string // of the tests' arguments, the pattern after -run
	reached        map[int]map[string]bool
	took           map[string]time.Duration
}

// A verdict is what became of one mutant.
type verdict struct {
	noticed bool
	how     string
}

// try reports whether the tests of the package notice the change. Only tests that reach it are run, since the others
// are the same tests with and without it, and the quickest of them first. What fails or hangs is run once more without
// the change: only where it passes then – and, after what hung, in a quarter of the time – was it the change that was
// noticed.
func (r *runner) try(ctx context.Context, all []mutant, n int) (verdict, error) {
	m := all[n]
	s, err := r.tests(ctx, all, m)
	if err != nil {
		return verdict{}, err
	}
	binary := s.binary
	if !m.never {
		if binary, err = r.changed(ctx, m); err != nil {
			return verdict{}, err
		}
	}
	names := s.of(n)
	if len(names) == 0 {
		return verdict{how: "no test reaches it"}, nil
	}
	for parts := quickFirst(names, s.took); len(parts) > 0; parts = parts[1:] {
		some := parts[0]
		failed, hung, err := s.fails(ctx, binary, strconv.Itoa(n), some)
		if err != nil {
			return verdict{}, err
		}
		if failed == nil {
			continue
		}
		began := time.Now()
		again, _, err := s.fails(ctx, s.binary, "", failed)
		switch {
		case err != nil:
			return verdict{}, err
		case hung && time.Since(began) > s.limit(failed)/4:
			return verdict{}, fmt.Errorf("its tests do not end in %v, and this machine is too busy to tell why",
				s.limit(failed))
		case again != nil && strings.Contains(again[0], "/"):
			// It wants all its parts, or some of them do: the whole test is asked, and the others of this part anew,
			// since the first failure ended it.
			whole := topmost(again)
			rest := slices.DeleteFunc(slices.Clone(some), func(name string) bool {
				return slices.Contains(whole, topmost([]string{name})[0])
			})
			next := [][]string{nil}
			if len(rest) > 0 {
				next = append(next, rest)
			}
			parts = append(append(next, whole), parts[1:]...)
			continue
		case again != nil:
			return verdict{}, fmt.Errorf("%s fails without the change too", strings.Join(again, ", "))
		case hung:
			return verdict{true, "by tests that do not end, and end without the change"}, nil
		}
		return verdict{true, "by " + failed[0]}, nil
	}
	return verdict{how: fmt.Sprintf("%d tests reach it", len(names))}, nil
}

// of are the tests that reach a change; a test that is part of another one of them is left out. Code that ran before
// the first test is of all tests.
func (s *suite) of(n int) []string {
	var names []string
	for name := range s.reached[n] {
		if name == "" {
			return topmost(slices.Collect(maps.Keys(s.took)))
		}
		if !within(name, s.reached[n]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func within(name string, others map[string]bool) bool {
	for at := strings.LastIndex(name, "/"); at > 0; at = strings.LastIndex(name[:at], "/") {
		if others[name[:at]] {
			return true
		}
	}
	return false
}

// topmost are the tests that tests are parts of.
func topmost(names []string) []string {
	var top []string
	for _, name := range names {
		first, _, _ := strings.Cut(name, "/")
		top = append(top, first)
	}
	slices.Sort(top)
	return slices.Compact(top)
}

// quickFirst cuts the tests into parts, the quickest first: each part may take four times as long as the one before it.
func quickFirst(names []string, took map[string]time.Duration) (parts [][]string) {
	names = slices.Clone(names)
	slices.SortStableFunc(names, func(a, b string) int { return int(took[a] - took[b]) })
	for limit := time.Second; len(names) > 0; limit *= 4 {
		n, sum := 0, time.Duration(0)
		for n < len(names) && (n == 0 || sum+took[names[n]] <= limit) {
			sum += took[names[n]]
			n++
		}
		parts, names = append(parts, names[:n]), names[n:]
	}
	return parts
}

// limit is how long tests may take: twenty times the time that they take otherwise, and at least a minute.
func (s *suite) limit(names []string) time.Duration {
	limit := time.Duration(0)
	for _, name := range names {
		limit += s.took[name]
	}
	return max(time.Minute, 20*limit)
}

// fails runs tests, with a change or without one, and returns those that fail; all of them when they do not end in
// time.
func (s *suite) fails(ctx context.Context, binary, mutant string,
	names []string) (failed []string, hung bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.limit(names))
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "-test.failfast", "-test.timeout=0", "-test.run", pattern(names))
	cmd.Dir, cmd.Env, cmd.WaitDelay = s.folder, append(os.Environ(), "MUTANT="+mutant), 5*time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return names, true, nil
	case ctx.Err() != nil:
		return nil, false, ctx.Err()
	case err == nil:
		return nil, false, nil
	case !errors.As(err, &exit):
		return nil, false, err
	}
	for line := range strings.Lines(string(out)) {
		rest, ok := strings.CutPrefix(line, "--- FAIL: ")
		if name, _, found := strings.Cut(rest, " "); ok && found {
			failed = append(failed, name)
		}
	}
	if failed = keep(names, failed); len(failed) == 0 {
		failed = names // a panic in another goroutine names no test
	}
	return failed, false, nil
}

// keep are the names that are of the topmost tests that failed.
func keep(names, failed []string) []string {
	var kept []string
	for _, name := range names {
		first, _, _ := strings.Cut(name, "/")
		if slices.Contains(failed, first) {
			kept = append(kept, name)
		}
	}
	return kept
}
