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
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A mutant is one change of one line.
type mutant struct {
	file, old, new string
	excuse         string // why no unit test can notice it
}

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
	all, err := read(table)
	if err != nil {
		return err
	}
	var killed, survived, excused int
	var wrong []error
	for _, m := range all {
		if !filter.MatchString(m.file + " " + m.new) {
			continue
		}
		noticed, err := try(ctx, m, timeout)
		verdict := "killed"
		switch {
		case err != nil:
			verdict = "wrong"
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

// read reads the table: a line with a file, and below it for each mutant a line "- old", a line "+ new", and where no
// test can notice it a line "= why".
func read(path string) ([]mutant, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []mutant
	file := ""
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		mark, text, _ := strings.Cut(line, " ")
		switch {
		case line == "" || mark == "#":
		case mark == "-":
			all = append(all, mutant{file: file, old: text})
		case mark == "+" && len(all) > 0 && all[len(all)-1].new == "":
			all[len(all)-1].new = text
		case mark == "=" && len(all) > 0:
			all[len(all)-1].excuse = text
		case strings.HasSuffix(line, ".go"):
			file = line
		default:
			return nil, fmt.Errorf("reading %s: line %d is none of a file, -, + and =", path, n)
		}
	}
	return all, lines.Err()
}

// try reports whether the tests of the package notice the change.
func try(ctx context.Context, m mutant, timeout time.Duration) (noticed bool, err error) {
	text, err := os.ReadFile(m.file)
	if err != nil {
		return false, err
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		return false, fmt.Errorf("%q is there %d times, must be once", m.old, n)
	}
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	place, err := filepath.Abs(m.file)
	if err != nil {
		return false, err
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {place: changed}})
	if err != nil {
		return false, err
	}
	err = errors.Join(os.WriteFile(changed, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600), os.WriteFile(overlay, replace, 0o600))
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	folder := "./" + filepath.Dir(m.file)
	// vet would look at the file that is there and not at the changed one.
	out, err := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "-count=1", "-failfast", "-vet=off", folder).CombinedOutput()
	if ctx.Err() != nil {
		return false, fmt.Errorf("its tests did not end: %w", ctx.Err())
	}
	if strings.Contains(string(out), "[build failed]") {
		return false, fmt.Errorf("the change does not compile: %s", out)
	}
	return err != nil, nil
}
