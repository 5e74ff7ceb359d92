//go:build integration

package deploy_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A command is what --help tells of one command of a binary.
type command struct {
	words   []string // such as publisher ledger show
	usage   string
	options [][2]string // flag with its value, meaning
	under   []command
}

var helpLine = regexp.MustCompile(`^   (\S.*?)  +(\S.*)$`)

// readHelp asks a command for its help, and the commands under it.
func readHelp(t *testing.T, words ...string) command {
	t.Helper()
	args := append(words[1:len(words):len(words)], "--help")
	out, err := exec.CommandContext(t.Context(), filepath.Join(binaries(t), words[0]), args...).Output()
	if err != nil {
		t.Fatalf("%s --help: %v", strings.Join(words, " "), err)
	}
	c := command{words: words}
	section := ""
	for _, line := range strings.Split(string(out), "\n") {
		if line != "" && line[0] != ' ' {
			section = strings.TrimSuffix(line, ":")
			continue
		}
		m := helpLine.FindStringSubmatch(line)
		switch {
		case section == "NAME" && strings.Contains(line, " - "):
			_, c.usage, _ = strings.Cut(line, " - ")
		case section == "COMMANDS" && m != nil:
			c.under = append(c.under, readHelp(t, append(words[:len(words):len(words)], m[1])...))
		case strings.HasSuffix(section, "OPTIONS") && m != nil:
			c.options = append(c.options, [2]string{m[1], m[2]})
		}
	}
	return c
}

// leaves calls fn for every command that does something.
func (c command) leaves(fn func(command)) {
	if len(c.under) == 0 || len(c.words) > 1 && len(c.options) > 1 { // more than --help
		fn(c)
	}
	for _, u := range c.under {
		u.leaves(fn)
	}
}

// TestManPages holds man/ to what --help prints, and has groff read it.
func TestManPages(t *testing.T) {
	for _, name := range []string{"publisher", "signer"} {
		file := filepath.Join("man", name+".1")
		golden(t, file, manPage(readHelp(t, name)))
		out, err := exec.CommandContext(t.Context(), need(t, "groff"), "-man", "-Tutf8", "-ww", "-z",
			file).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}

func manPage(c command) string {
	var b strings.Builder
	name := c.words[0]
	text := strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", `\(ga`, "…", "...").Replace
	fmt.Fprintf(&b, ".TH %s 1\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.B %s\n.I command\n.RI [ flags ]\n.SH COMMANDS\n",
		strings.ToUpper(name), name, text(c.usage), name)
	c.leaves(func(c command) {
		fmt.Fprintf(&b, ".SS %s\n%s.\n", text(strings.Join(c.words, " ")), text(c.usage))
		for _, o := range c.options {
			if flag := strings.Fields(o[0])[0]; flag == "--config" || flag == "--json" || flag == "--quiet" ||
				flag == "--log-format" || flag == "--help," {
				continue // below, once
			}
			fmt.Fprintf(&b, ".TP\n.B %s\n%s.\n", text(o[0]), text(o[1]))
		}
	})
	b.WriteString(".SH COMMON FLAGS\n")
	first := true
	c.leaves(func(c command) {
		for _, o := range c.options {
			if flag := strings.Fields(o[0])[0]; first &&
				(flag == "--config" || flag == "--json" || flag == "--quiet" || flag == "--log-format") {
				fmt.Fprintf(&b, ".TP\n.B %s\n%s.\n", text(o[0]), text(o[1]))
			}
		}
		first = false
	})
	b.WriteString(`.SH EXIT STATUS
0 done; 1 could not finish; 2 wrong command line or configuration; 3 findings; 4 refused by section A; 75 another process holds the lock; 130 interrupted.
.SH FILES
.TP
.I /etc/seihon/repository.yaml
the configuration that the units name
.TP
.I /usr/share/doc/seihon
operations.md, verify.en.md, verify.ja.md, config.md, findings.md
`)
	return b.String()
}
