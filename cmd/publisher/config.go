package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"
	yaml "go.yaml.in/yaml/v3"

	"seihon/internal/cliexit"
	"seihon/internal/config"
)

// template is what `config init` writes: it must pass `config check` (a test holds it to that).
//
//go:embed repository.yaml
var template []byte

func configCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "write, check or print the configuration",
		Subcommands: []*cli.Command{
			{Name: "init", Usage: "write a commented repository.yaml to begin with", Flags: cliexit.Flags(),
				Action: initConfig},
			{Name: "check",
				Usage: "list every problem of the configuration, with its line, and addresses in certificates that " +
					"nothing serves", Flags: cliexit.Flags(),
				Action: func(c *cli.Context) error { return checkConfig(c, now) }},
			{Name: "print", Usage: "print the configuration with every default and absolute path",
				Flags: cliexit.Flags(), Action: printConfig},
		},
	}
}

func initConfig(c *cli.Context) error {
	file := c.String("config")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return cliexit.UsageError("%q exists; it is left alone", file)
	}
	if err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	_, err = f.Write(template)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing the configuration %q: %w", file, err)
	}
	fmt.Fprintf(c.App.Writer, "wrote %s; edit it, then run `publisher config check`\n", file)
	return nil
}

func checkConfig(c *cli.Context, now func() time.Time) error {
	conf, err := config.Load(c.String("config"))
	var problems *config.Problems
	if errors.As(err, &problems) && c.Bool("json") {
		if err := cliexit.PrintJSON(c.App.Writer, problems.List); err != nil {
			return err
		}
		return &cliexit.Error{Code: cliexit.Usage}
	}
	if err != nil {
		return &cliexit.Error{Code: cliexit.Usage, Err: err}
	}
	warnings := (&host{conf: conf, now: now}).warnings(c.Context)
	if c.Bool("json") {
		return cliexit.PrintJSON(c.App.Writer, append([]config.Problem{}, warnings...))
	}
	for _, w := range warnings {
		fmt.Fprintln(c.App.Writer, w)
	}
	fmt.Fprintf(c.App.Writer, "%s: ok, %d issuers, %d targets\n", c.String("config"), len(conf.Issuers),
		len(conf.Targets))
	return nil
}

func printConfig(c *cli.Context) error {
	conf, err := config.Load(c.String("config"))
	if err != nil {
		return &cliexit.Error{Code: cliexit.Usage, Err: err}
	}
	out, err := yaml.Marshal(conf)
	if err != nil {
		return fmt.Errorf("printing the configuration: %w", err)
	}
	if c.Bool("json") { // with the names and the spelling of the file
		var v any
		if err := yaml.Unmarshal(out, &v); err != nil {
			return fmt.Errorf("printing the configuration: %w", err)
		}
		return cliexit.PrintJSON(c.App.Writer, v)
	}
	_, err = c.App.Writer.Write(out)
	return err
}
