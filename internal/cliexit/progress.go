package cliexit

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// A console is a terminal on which one line tells how far a command is. Whatever else is written there, a log line or a
// result, takes that line's place: the two never share one.
type console struct {
	mu    sync.Mutex
	to    io.Writer
	shown bool
}

const clearLine = "\r\x1b[K"

// stderr is the console of this process.
var stderr = &console{to: os.Stderr}

// Write writes what is no progress.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
	return c.to.Write(p)
}

func (c *console) clear() {
	if c.shown {
		_, _ = io.WriteString(c.to, clearLine)
		c.shown = false
	}
}

// show replaces the line that tells how far it is.
func (c *console) show(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = io.WriteString(c.to, clearLine+line)
	c.shown = true
}

// A result goes to stdout, which may be the same terminal.
type result struct{ io.Writer }

func (r result) Write(p []byte) (int, error) {
	stderr.mu.Lock()
	stderr.clear()
	stderr.mu.Unlock()
	return r.Writer.Write(p)
}

// Progress returns what tells how far a command is; nil with --quiet, and where nobody looks.
func Progress(c *cli.Context) func(format string, args ...any) {
	if c.Bool("quiet") || !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil
	}
	return func(format string, args ...any) { stderr.show(fmt.Sprintf(format, args...)) }
}

// Of is a part of a whole, for people: what was tried twice counts once, so it never passes the whole.
func Of(done, total int64) string { return fmt.Sprintf("%d of %d", min(done, total), total) }
