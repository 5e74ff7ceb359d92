package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A mutant is one change of one line.
type mutant struct {
	file, old, new string
	never          bool     // old is a condition, and new is that it does not hold
	tests          []string // arguments of go test: flags, and one package
	excuse         string   // why no test can notice it
}

// readTable reads the table: a line with a file, below it, where its own unit tests are not the ones that should
// notice, a line "@ arguments of go test", and for each mutant a line "! if condition" or "! case condition", which
// then never holds, or the two lines "- old" and "+ new"; where no test can notice it a line "= why" follows.
func readTable(path string) ([]mutant, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []mutant
	file := ""
	var tests []string
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		mark, text, _ := strings.Cut(line, " ")
		last := len(all) - 1
		switch {
		case line == "" || mark == "#":
		case mark == "@":
			tests = strings.Fields(text)
		case mark == "!":
			m := mutant{file: file, tests: tests, never: true}
			if m.old, m.new, err = never(text, "false"); err != nil {
				return nil, fmt.Errorf("reading %s: line %d: %w", path, n, err)
			}
			all = append(all, m)
		case mark == "-":
			all = append(all, mutant{file: file, tests: tests, old: text})
		case mark == "+" && last >= 0 && all[last].new == "":
			all[last].new = text
		case mark == "=" && last >= 0:
			all[last].excuse = text
		case strings.HasSuffix(line, ".go"):
			file, tests = line, []string{"./" + filepath.Dir(line)}
		default:
			return nil, fmt.Errorf("reading %s: line %d is none of a file, @, !, -, + and =", path, n)
		}
	}
	return all, lines.Err()
}

// never takes "if condition" or "case condition" and returns the line's text, and one with which the condition holds
// only where also does.
func never(text, also string) (old, changed string, err error) {
	word, condition, _ := strings.Cut(text, " ")
	end := map[string]string{"if": " {", "case": ":"}[word]
	if end == "" || condition == "" {
		return "", "", fmt.Errorf("%q begins neither with if nor with case", text)
	}
	before := ""
	if at := strings.LastIndex(condition, "; "); at >= 0 {
		before, condition = condition[:at+2], condition[at+2:]
	}
	return text + end, word + " " + before + "(" + condition + ") && " + also + end, nil
}
