// Command mutants changes safety-critical lines, one at a time, and runs the tests of their package: a change that no test
// notices is a hole in the tests. The lines and their changes are a table, scripts/mutants/table.txt, since not every line is
// worth a minute, and the ones that are should be known by name. Nothing in the checkout is changed: go test gets the
// changed file by -overlay.
//
//	go run ./scripts/mutants [-only REGEXP] [-timeout DURATION]
//
// It prints a line for each mutant and ends with an error when one survives that the table does not excuse, when an excused
// one is killed, or when a line of the table is not found exactly once.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"time"
)

func main() {
	only := flag.String("only", "", "only mutants whose file or change matches")
	table := flag.String("table", "scripts/mutants/table.txt", "the table")
	timeout := flag.Duration("timeout", 10*time.Minute, "for the tests of one mutant")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *table, *only, *timeout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, table, only string, timeout time.Duration) error {
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
	r := &runner{dir: dir, timeout: timeout, built: map[string]string{}}
	var killed, survived, excused int
	var wrong []error
	for n, m := range all {
		if !filter.MatchString(m.file + " " + m.new) {
			continue
		}
		noticed, err := r.try(ctx, all, n)
		verdict := "killed"
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case err != nil:
			verdict = "wrong: " + err.Error()
			wrong = append(wrong, fmt.Errorf("%s: %w", m.file, err))
		case noticed && m.excuse != "":
			verdict = "killed, but excused: delete its excuse"
			wrong = append(wrong, fmt.Errorf("%s: %s is excused and killed", m.file, m.new))
		case noticed:
			killed++
		case m.excuse != "":
			verdict = "survived: " + m.excuse
			excused++
		default:
			verdict = "SURVIVED"
			survived++
			wrong = append(wrong, fmt.Errorf("%s: no test notices %q", m.file, m.new))
		}
		fmt.Printf("%s: %s → %s: %s\n", m.file, m.old, m.new, verdict)
	}
	if total := killed + survived + excused; total > 0 {
		fmt.Printf("mutants: %d killed of %d (%d %%), %d survived, %d survived with a reason\n", killed, total, 100*killed/total, survived, excused)
	}
	return errors.Join(wrong...)
}
