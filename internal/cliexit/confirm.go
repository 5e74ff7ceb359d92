package cliexit

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// YesFlag is the flag of commands that do what cannot be taken back: see [Confirm].
var YesFlag = &cli.BoolFlag{Name: "yes", Usage: "do not ask, although it cannot be taken back"}

// Confirm asks whether to do what cannot be taken back. With --yes nobody is asked; where nobody can be asked, because
// stdin is no terminal, --yes is needed. Any other answer than yes is a usage error: nothing was done.
func Confirm(c *cli.Context, what string) error {
	if c.Bool(YesFlag.Name) {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return UsageError("%s: that cannot be taken back; if it is meant, say --yes", what)
	}
	fmt.Fprintf(c.App.ErrWriter, "%s.\nThat cannot be taken back. Type yes to go on: ", what)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "yes" {
		return UsageError("not confirmed; nothing was done")
	}
	return nil
}
