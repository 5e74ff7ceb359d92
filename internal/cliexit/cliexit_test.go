package cliexit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, OK},
		{errors.New("x"), Unfinished},
		{UsageError("x"), Usage},
		{fmt.Errorf("deep: %w", &Error{Code: Refused}), Refused},
		{errors.Join(errors.New("x"), &Error{Code: Locked}), Locked},
		{fmt.Errorf("deep: %w", context.Canceled), Interrupted},
	} {
		if got := Code(c.err); got != c.want {
			t.Errorf("Code(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

// TestMainLeavesNoWayToExitByAccident runs the wrong command lines that cron jobs are made of.
func TestMainLeavesNoWayToExitByAccident(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want int
	}{
		{"no command", nil, Usage},
		{"unknown command", []string{"fly"}, Usage},
		{"unknown flag", []string{"go", "--fast"}, Usage},
		{"positional argument", []string{"go", "now"}, Usage},
		{"flag after argument", []string{"go", "now", "--loud"}, Usage},
		{"missing required flag", []string{"must"}, Usage},
		{"flag without a value", []string{"must", "--name", ""}, Usage},
		{"one of several without a value", []string{"many", "--place", "a", "--place="}, Usage},
		{"several values", []string{"many", "--place", "a", "--place", "b"}, OK},
		{"no subcommand", []string{"group"}, Usage},
		{"unknown subcommand", []string{"group", "fly"}, Usage},
		{"help", []string{"--help"}, OK},
		{"command's own code", []string{"go"}, Findings},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			app := &cli.App{Name: "x", Writer: &out, Commands: []*cli.Command{
				{Name: "go", Flags: []cli.Flag{&cli.BoolFlag{Name: "loud"}},
					Action: func(*cli.Context) error { return &Error{Code: Findings} }},
				{Name: "must", Flags: []cli.Flag{&cli.StringFlag{Name: "name", Required: true}},
					Action: func(*cli.Context) error { return nil }},
				{Name: "many", Flags: []cli.Flag{&cli.StringSliceFlag{Name: "place"}},
					Action: func(*cli.Context) error { return nil }},
				{Name: "group",
					Subcommands: []*cli.Command{{Name: "sub", Action: func(*cli.Context) error { return nil }}}},
			}}
			prepare(app)
			app.ErrWriter = &errs
			if got := mainWith(t.Context(), app, append([]string{"x"}, c.args...)); got != c.want {
				t.Errorf("exit code %d, want %d; stderr: %s", got, c.want, &errs)
			}
			if c.want == Usage && (out.Len() > 0 || errs.Len() == 0) {
				t.Errorf("a usage error belongs on stderr alone; stdout %q, stderr %q", &out, &errs)
			}
		})
	}
}
