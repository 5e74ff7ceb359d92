// Package cliexit gives both binaries the same manners: exit codes, usage errors, signals,
// logs and results.
//
// Exit codes are API (docs/exit-codes.md): cron jobs and monitors branch on them.
// urfave/cli's own habits are unsafe for cron – an unknown command exits 3, no command
// exits 0, usage errors go to stdout – so [Main] replaces all of them.
package cliexit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/internal/proxy"
)

// The exit codes of both binaries.
const (
	OK          = 0   // done, nothing to report
	Unfinished  = 1   // could not finish; the message says why
	Usage       = 2   // wrong command line or configuration; nothing was done
	Findings    = 3   // verify found something; the findings are on stdout
	Refused     = 4   // section A refused an artifact; everything else was done
	Record      = 5   // what was to be done would unsay what the master log says; see docs/exit-codes.md
	Locked      = 75  // another process holds the lock; try later (EX_TEMPFAIL)
	Interrupted = 130 // SIGINT or SIGTERM
)

// Error carries an exit code. A nil Err means that everything was said on stdout already.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// UsageError makes a message about a wrong command line or configuration.
func UsageError(format string, args ...any) error {
	return &Error{Code: Usage, Err: fmt.Errorf(format, args...)}
}

// Code returns the exit code that err stands for.
func Code(err error) int {
	var coded *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &coded):
		return coded.Code
	case errors.Is(err, context.Canceled):
		return Interrupted
	}
	return Unfinished
}

// Main runs app with args until it ends or a signal arrives, writes the error to stderr and returns the exit code.
func Main(app *cli.App, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process as if there were no handler, and so does a
	// command that does not hear the first: what is on disk survives a kill.
	context.AfterFunc(ctx, stop)
	if app.ErrWriter = stderr; app.Writer == nil {
		app.Writer = result{os.Stdout}
	}
	prepare(app)
	proxy.Forget()
	if err := NoCore(); err != nil {
		fmt.Fprintf(app.ErrWriter, "%s: %v; going on\n", app.Name, err)
	}
	return endsWith(ctx, patience, app, func() int { return mainWith(ctx, app, args) })
}

// patience is how long a command may take to end after the first signal. The
// responder, which lets its clients finish, takes at most half of it.
const patience = time.Minute

// endsWith returns what run returns, or Interrupted when run is not back in time
// after the end of ctx: it may wait in the kernel for a disk or a device that
// never answers.
func endsWith(ctx context.Context, patience time.Duration, app *cli.App, run func() int) int {
	done := make(chan int, 1)
	go func() { done <- run() }()
	select {
	case code := <-done:
		return code
	case <-ctx.Done():
	}
	select {
	case code := <-done:
		return code
	case <-time.After(patience):
		fmt.Fprintf(app.ErrWriter, "%s: interrupted; the command did not stop within %v and was left where it was, "+
			"look at the disks and mounts it uses and run it again\n", app.Name, patience)
		return Interrupted
	}
}

func mainWith(ctx context.Context, app *cli.App, args []string) int {
	err := app.RunContext(ctx, args)
	code := Code(err)
	if err != nil && code != Usage && ctx.Err() != nil {
		code, err = Interrupted, errors.New("interrupted; nothing half-done is public, run the command again")
	}
	var coded *Error
	if err != nil && (!errors.As(err, &coded) || coded.Err != nil) {
		fmt.Fprintf(app.ErrWriter, "%s: %v\n", app.Name, err)
	}
	return code
}

// prepare replaces urfave/cli's exits and prints by errors.
func prepare(app *cli.App) {
	app.ExitErrHandler = func(*cli.Context, error) {}
	app.HideHelpCommand, app.DisableSliceFlagSeparator = true, true
	app.OnUsageError = onUsageError
	app.CommandNotFound = nil
	app.Action = func(c *cli.Context) error {
		if c.Args().Present() {
			return UsageError("there is no command %q; %s --help lists them%s", c.Args().First(), app.Name,
				meant(c.Args().First(), app.Commands))
		}
		return UsageError("no command given; %s --help lists them", app.Name)
	}
	for _, cmd := range app.Commands {
		prepareCommand(app, cmd)
	}
}

func prepareCommand(app *cli.App, cmd *cli.Command) {
	cmd.OnUsageError = onUsageError
	cmd.HideHelpCommand = true
	for _, sub := range cmd.Subcommands {
		prepareCommand(app, sub)
	}
	required := takeRequired(cmd.Flags)
	action := cmd.Action
	cmd.Action = func(c *cli.Context) error {
		if c.Args().Present() && len(cmd.Subcommands) > 0 {
			return UsageError("there is no command %q; %s %s --help lists them%s", c.Args().First(), app.Name, cmd.Name,
				meant(c.Args().First(), cmd.Subcommands))
		}
		if c.Args().Present() {
			return UsageError("%q is not a flag; %s %s takes flags only, see --help", c.Args().First(), app.Name,
				cmd.Name)
		}
		if action == nil {
			return UsageError("no command given; %s %s --help lists them", app.Name, cmd.Name)
		}
		for _, name := range required {
			if !c.IsSet(name) {
				return UsageError("--%s is missing; see %s %s --help", name, app.Name, cmd.Name)
			}
		}
		if name := emptyFlag(c, cmd.Flags); name != "" {
			return UsageError("--%s has no value, as when a variable of a script is empty; give it one or leave it out",
				name)
		}
		return action(c)
	}
}

// takeRequired lifts the duty of required flags, which urfave/cli would enforce with
// a help text on stdout, and returns their names.
func takeRequired(flags []cli.Flag) []string {
	var names []string
	for _, f := range flags {
		switch f := f.(type) {
		case *cli.StringFlag:
			if f.Required {
				f.Required, names = false, append(names, f.Name)
			}
		case *cli.StringSliceFlag:
			if f.Required {
				f.Required, names = false, append(names, f.Name)
			}
		}
	}
	return names
}

// emptyFlag returns the name of a flag that was given without a value. What it would have named must not silently be
// left out.
func emptyFlag(c *cli.Context, flags []cli.Flag) string {
	for _, f := range flags {
		switch f := f.(type) {
		case *cli.StringFlag:
			if c.IsSet(f.Name) && c.String(f.Name) == "" {
				return f.Name
			}
		case *cli.StringSliceFlag:
			if c.IsSet(f.Name) && slices.Contains(c.StringSlice(f.Name), "") {
				return f.Name
			}
		}
	}
	return ""
}

func onUsageError(c *cli.Context, err error, _ bool) error {
	name := c.App.Name
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != name {
		name += " " + c.Command.Name
	}
	if _, flag, ok := strings.Cut(err.Error(), "flag provided but not defined: -"); ok && c.Command != nil {
		var known []string
		for _, f := range c.Command.Flags {
			known = append(known, f.Names()...)
		}
		return UsageError("there is no flag --%s; see %s --help%s", strings.TrimLeft(flag, "-"), name,
			didYouMean("--", strings.TrimLeft(flag, "-"), known))
	}
	return UsageError("%w; see %s --help", err, name)
}

// PrintJSON writes v as indented JSON; results of --json are always one document.
func PrintJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}
