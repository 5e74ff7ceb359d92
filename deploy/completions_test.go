//go:build integration

package deploy_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// completed are beginnings of lines and what a TAB makes of their last word.
var completed = map[string]string{
	"publisher ver":                     "verify",
	"publisher ledger pro":              "prove",
	"publisher verify --checkp":         "--checkpoint",
	"publisher ledger prove --na":       "--name",
	"signer revo":                       "revoke",
	"signer revoke --issuer sub --reas": "--reason",
}

// TestCompletions holds completions/ to what --help prints, and asks bash, zsh and fish to complete with it.
func TestCompletions(t *testing.T) {
	for _, name := range []string{"publisher", "signer"} {
		help := readHelp(t, name)
		golden(t, filepath.Join("completions", name+".bash"), bashCompletion(help))
		golden(t, filepath.Join("completions", "_"+name), zshCompletion(help))
		golden(t, filepath.Join("completions", name+".fish"), fishCompletion(help))
	}
	for shell, complete := range map[string]func(*testing.T, string) string{"bash": bashCompletes, "zsh": zshCompletes,
		"fish": fishCompletes} {
		t.Run(shell, func(t *testing.T) {
			for line, want := range completed {
				if got := complete(t, line); got != want {
					t.Errorf("%q completes to %q, want %q", line, got, want)
				}
			}
		})
	}
}

func bashCompletes(t *testing.T, line string) string {
	words := strings.Fields(line)
	return shell(t, "bash", "-euc",
		fmt.Sprintf("source completions/%s.bash; COMP_WORDS=(%s); COMP_CWORD=%d; _%s; printf '%%s\\n' "+
			"\"${COMPREPLY[@]}\"",
			words[0], line, len(words)-1, words[0]))
}

func fishCompletes(t *testing.T, line string) string {
	name, _, _ := strings.Cut(line, " ")
	out := shell(t, "fish", "--no-config", "-c", fmt.Sprintf("source completions/%s.fish; complete -C %q", name, line))
	choice, _, _ := strings.Cut(out, "\t")
	if strings.Contains(out, "\n") {
		return out
	}
	return choice
}

// zshTab presses TAB in a real zsh, on a terminal of its own, and shows the line.
const zshTab = `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; stty -echo; fpath=($PWD/completions \$fpath); autoload -Uz compinit; compinit -u -D; show() { zle complete-word; print -r -- \"<<\$BUFFER>>\"; }; zle -N show; bindkey '^I' show; print re''ady"
zpty -r -m z seen '*ready*' || exit 1
zpty -w -n z "$1"$'\t'
zpty -r -m z seen '*<<*>>*' || exit 1
print -r -- ${${seen##*<<}%%>>*}`

func zshCompletes(t *testing.T, line string) string {
	words := strings.Fields(shell(t, "zsh", "-f", "-c", zshTab, "zsh", line))
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}

func shell(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, need(t, program), args...)
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "TERM=dumb")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return strings.TrimSpace(string(out))
}

// A flagWord is a flag as a shell sees it.
type flagWord struct{ name, value, usage string }

// flags returns the flags of a command, without their short names.
func (c command) flags() []flagWord {
	var all []flagWord
	for _, o := range c.options {
		var f flagWord
		for _, word := range strings.Fields(o[0]) {
			if strings.HasPrefix(word, "--") && f.name == "" {
				f.name = strings.TrimSuffix(word, ",")
			} else if f.name != "" && !strings.HasPrefix(word, "-") && f.value == "" {
				f.value = word
			}
		}
		f.usage, _, _ = strings.Cut(o[1], " (default")
		if f.name != "" && !slices.ContainsFunc(all, func(g flagWord) bool { return g.name == f.name }) {
			all = append(all, f)
		}
	}
	return all
}

// isFile reports whether a flag's value is a path.
func (f flagWord) isFile() bool { return f.value == "FILE" || f.value == "FOLDER" }

// walk calls fn for the command and all below it.
func (c command) walk(fn func(command)) {
	fn(c)
	for _, u := range c.under {
		u.walk(fn)
	}
}

// bashCompletion knows the choices at each command.
func bashCompletion(c command) string {
	var b strings.Builder
	name := c.words[0]
	fmt.Fprintf(&b, `# bash completion of %[1]s, made from --help.
_%[1]s() {
  local word=${COMP_WORDS[COMP_CWORD]} before="${COMP_WORDS[*]:1:COMP_CWORD-1}" choices=
  case "$before" in
`, name)
	var walk func(c command)
	walk = func(c command) {
		path := strings.Join(c.words[1:], " ")
		var choices []string
		for _, u := range c.under {
			walk(u)
			choices = append(choices, u.words[len(u.words)-1])
		}
		for _, o := range c.options {
			for _, f := range strings.Fields(o[0]) {
				if strings.HasPrefix(f, "--") &&
					!strings.Contains(strings.Join(choices, " ")+" ", strings.TrimSuffix(f, ",")+" ") {
					choices = append(choices, strings.TrimSuffix(f, ","))
				}
			}
		}
		pattern := fmt.Sprintf("%q | %q*", path, path+" ")
		if path == "" {
			pattern = `""`
		}
		fmt.Fprintf(&b, "  %s) choices=%q ;;\n", pattern, strings.Join(choices, " "))
	}
	walk(c)
	fmt.Fprintf(&b, `  esac
  COMPREPLY=($(compgen -W "$choices" -- "$word"))
}
complete -o default -F _%[1]s %[1]s
`, name)
	return b.String()
}

// zshCompletion knows the choices at each command with their meaning, and which flags take a file.
func zshCompletion(c command) string {
	var b strings.Builder
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	fmt.Fprintf(&b, `#compdef %[1]s
# zsh completion of %[1]s, made from --help.
local before="${words[2,CURRENT-1]}"
local -a commands flags files values
case "$before" in
`, c.words[0])
	c.walk(func(c command) {
		path := strings.Join(c.words[1:], " ")
		pattern := fmt.Sprintf("%q | %q*", path, path+" ")
		if path == "" {
			pattern = `""`
		}
		if len(c.under) > 0 && path != "" {
			pattern = fmt.Sprintf("%q", path)
		}
		fmt.Fprintf(&b, "%s)\n", pattern)
		for _, u := range c.under {
			fmt.Fprintf(&b, "  commands+=(%s)\n", quote(u.words[len(u.words)-1]+":"+u.usage))
		}
		for _, f := range c.flags() {
			fmt.Fprintf(&b, "  flags+=(%s)\n", quote(f.name+":"+f.usage))
			if f.isFile() {
				fmt.Fprintf(&b, "  files+=(%s)\n", f.name)
			} else if f.value != "" {
				fmt.Fprintf(&b, "  values+=(%s)\n", f.name)
			}
		}
		b.WriteString("  ;;\n")
	})
	b.WriteString(`esac
local previous="${words[CURRENT-1]}"
if (( ${files[(Ie)$previous]} )); then
  _files
elif (( ${values[(Ie)$previous]} )); then
  _message 'value'
else
  _describe -t commands command commands
  _describe -o -t flags flag flags
fi
`)
	return b.String()
}

// fishCompletion says the same in fish's way: one line for each choice, with the place where it is one.
func fishCompletion(c command) string {
	var b strings.Builder
	name := c.words[0]
	quote := func(s string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
	}
	fmt.Fprintf(&b, `# fish completion of %[1]s, made from --help.
function __%[1]s_below --description 'the line goes on below these commands'
    set -l words (commandline -opc)
    set -e words[1]
    test (count $words) -ge (count $argv); or return 1
    for i in (seq (count $argv))
        test "$words[$i]" = "$argv[$i]"; or return 1
    end
end
function __%[1]s_at --description 'these commands are all of the line'
    test (count (commandline -opc)) -eq (math (count $argv) + 1); and __%[1]s_below $argv
end
complete -c %[1]s -f
`, name)
	c.walk(func(c command) {
		path := strings.Join(c.words[1:], " ")
		at := quote(strings.TrimSpace(fmt.Sprintf("__%s_at %s", name, path)))
		for _, u := range c.under {
			fmt.Fprintf(&b, "complete -c %s -n %s -a %s -d %s\n", name, at, u.words[len(u.words)-1], quote(u.usage))
		}
		if len(c.under) == 0 {
			at = quote(fmt.Sprintf("__%s_below %s", name, path))
		}
		for _, f := range c.flags() {
			takes := ""
			if f.isFile() {
				takes = " -r -F"
			} else if f.value != "" {
				takes = " -x"
			}
			fmt.Fprintf(&b, "complete -c %s -n %s -l %s%s -d %s\n", name, at, strings.TrimPrefix(f.name, "--"), takes,
				quote(f.usage))
		}
	})
	return b.String()
}
