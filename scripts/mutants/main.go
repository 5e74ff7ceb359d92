// Command mutants changes safety-critical lines, one at a time, and runs the tests of their package that reach the
// change: a change that no test notices is a hole in the tests. The lines and their changes are a table,
// scripts/mutants/table.txt, since not every line is worth a minute, and the ones that are should be known by name.
// Nothing in the checkout is changed: go test gets the changed file by -overlay.
//
//	go run ./scripts/mutants [-only REGEXP]
//
// It prints a line for each mutant and a table of the packages, and ends with an error when a package is below 95 % or
// a mutant survives that the table does not excuse, when an excused one is killed, or when a line of the table is not
// found exactly once.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
)

func main() {
	only := flag.String("only", "", "only mutants whose file or change matches")
	table := flag.String("table", "scripts/mutants/table.txt", "the table")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *table, *only); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// A count is what became of the mutants of a package.
type count struct{ noticed, survived, excused, undecided int }

func run(ctx context.Context, table, only string) error {
	filter, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	all, err := readTable(table)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := &runner{dir: dir, suite: map[string]*suite{}, wrong: map[string]error{}}
	counts := map[string]*count{}
	var packages []string
	var wrong []error
	for n, m := range all {
		if !filter.MatchString(m.file + " " + m.new) {
			continue
		}
		v, err := r.try(ctx, all, n)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		folder := filepath.Dir(m.file)
		if counts[folder] == nil {
			counts[folder], packages = &count{}, append(packages, folder)
		}
		said := counts[folder].add(m, v, err)
		fmt.Printf("%s: %s → %s: %s\n", m.file, m.old, m.new, said)
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Errorf("%s: %w", m.file, err))
		case v.noticed == (m.excuse != ""):
			wrong = append(wrong, fmt.Errorf("%s: %s: %s", m.file, m.new, said))
		}
	}
	slices.Sort(packages)
	fmt.Print("\n| package | rows | noticed | lived | with a reason | not decided |\n| --- | --- | --- | --- | --- | " +
		"--- |\n")
	for _, p := range packages {
		c := counts[p]
		rows := c.noticed + c.survived + c.excused + c.undecided
		fmt.Printf("| %s | %d | %d | %d | %d | %d |\n", p, rows, c.noticed, c.survived, c.excused, c.undecided)
		if 100*(c.noticed+c.excused) < 95*rows {
			wrong = append(wrong, fmt.Errorf("%s: fewer than 95 %% are noticed", p))
		}
	}
	return errors.Join(wrong...)
}

// add counts what became of a mutant, and says it.
func (c *count) add(m mutant, v verdict, err error) string {
	switch {
	case err != nil:
		c.undecided++
		return "not decided: " + err.Error()
	case v.noticed && m.excuse != "":
		c.noticed++
		return "noticed, but excused: delete its excuse"
	case v.noticed:
		c.noticed++
		return "noticed " + v.how
	case m.excuse != "":
		c.excused++
		return "survived: " + m.excuse
	}
	c.survived++
	return "SURVIVED: " + v.how
}
