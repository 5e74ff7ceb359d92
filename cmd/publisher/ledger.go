package main

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
	"seihon/internal/regular"
	"seihon/ledger"
)

func ledgerCommand(now func() time.Time) *cli.Command {
	which := &cli.StringFlag{Name: "log", Value: "master", Usage: "`LOG`: master or publication"}
	command := func(name, usage string, action func(*cli.Context, *host, *ledger.Log) error,
		own ...cli.Flag) *cli.Command {
		return &cli.Command{Name: name, Usage: usage, Flags: cliexit.Flags(append(own, which)...),
			Action: func(c *cli.Context) error {
				h, err := open(c, now)
				if err != nil {
					return err
				}
				log, err := h.log(c.Context, c.String("log"))
				if err != nil {
					return err
				}
				return action(c, h, log)
			}}
	}
	return &cli.Command{
		Name:  "ledger",
		Usage: "look at the master log or the publication log",
		Subcommands: []*cli.Command{
			command("show", "print the checkpoint and what is current", showLedger),
			command("prove", "write the proof that a name's artifact is in the log", proveLedger,
				&cli.StringFlag{Name: "name", Usage: "the public `NAME`", Required: true},
				&cli.StringFlag{Name: "out", Usage: "write the proof to the new `FILE`; default: stdout"}),
			{Name: "check", Usage: "check the whole log, and that the auditor's last checkpoint is a prefix of it",
				Flags: cliexit.Flags(&cli.StringFlag{Name: "checkpoint",
					Usage: "the auditor's last checkpoint `FILE`; default: verify.checkpoint"}, which),
				Action: func(c *cli.Context) error {
					h, err := open(c, now)
					if err != nil {
						return err
					}
					return checkLedger(c, h, c.String("log"))
				}},
			command("tail", "print the newest entries", tailLedger,
				&cli.Int64Flag{Name: "n", Value: 10, Usage: "how many `ENTRIES`"}),
		},
	}
}

// log opens the log of that name.
func (h *host) log(ctx context.Context, which string) (*ledger.Log, error) {
	dir, v, err := h.pinned(which)
	if err != nil {
		return nil, err
	}
	return ledger.Open(ctx, dir, v)
}

// pinned returns where the log of that name is and which keys must have signed it.
func (h *host) pinned(which string) (string, *ledger.Verifier, error) {
	switch which {
	case "master":
		v, err := h.verifier()
		return string(h.conf.Master.Directory), v, err
	case "publication":
		v, err := h.publicationVerifier()
		return string(h.conf.Publication.Directory), v, err
	}
	if err := cliexit.Choice("log", which, "master", "publication"); err != nil {
		return "", nil, err
	}
	return "", nil, cliexit.UsageError("--log is empty, must be master or publication")
}

// shownLedger is what --json says of a log.
type shownLedger struct {
	Origin     string   `json:"origin"`
	Size       int64    `json:"size"`
	Root       string   `json:"root"`
	Checkpoint string   `json:"checkpoint"`
	Current    []string `json:"current"` // lines as in a manifest
}

func showLedger(c *cli.Context, _ *host, log *ledger.Log) error {
	state, err := log.State(c.Context, log.Size())
	if err != nil {
		return err
	}
	lines := []string{}
	for line := range state.All() {
		lines = append(lines, line.String())
	}
	if c.Bool("json") {
		return cliexit.PrintJSON(c.App.Writer,
			shownLedger{log.Origin(), log.Size(), log.Root().String(), string(log.Checkpoint()), lines})
	}
	fmt.Fprintf(c.App.Writer, "%s\n", log.Checkpoint())
	for _, line := range lines {
		fmt.Fprintln(c.App.Writer, line)
	}
	return nil
}

func proveLedger(c *cli.Context, _ *host, log *ledger.Log) error {
	proof, err := log.Prove(c.Context, c.String("name"))
	if err != nil {
		return err
	}
	if out := c.String("out"); out != "" {
		if err := writeNew(out, proof); err != nil {
			return err
		}
		fmt.Fprintf(c.App.Writer, "wrote %s\n", out)
		return nil
	}
	_, err = c.App.Writer.Write(proof)
	return err
}

func checkLedger(c *cli.Context, h *host, which string) error {
	dir, v, err := h.pinned(which)
	if err != nil {
		return err
	}
	conf := ledger.CheckConfig{Now: h.now}
	file := c.String("checkpoint")
	if file == "" && which == "master" && exists(string(h.conf.Verify.Checkpoint)) {
		file = string(h.conf.Verify.Checkpoint)
	}
	if file != "" {
		old, err := regular.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading the last checkpoint: %w", err)
		}
		conf.Known = [][]byte{old}
	}
	findings, err := ledger.Check(c.Context, dir, v, conf)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		if err := cliexit.PrintJSON(c.App.Writer, append([]ledger.Finding{}, findings...)); err != nil {
			return err
		}
	}
	bad := false
	for _, f := range findings {
		bad = bad || f.Severity != ledger.SeverityNote
		if !c.Bool("json") {
			fmt.Fprintf(c.App.Writer, "%s; %s\n", f, f.Hint)
		}
	}
	if bad {
		return &cliexit.Error{Code: cliexit.Findings}
	}
	if !c.Bool("json") {
		fmt.Fprintf(c.App.Writer, "%s: all entries are in the signed tree\n", v.Origin())
	}
	return nil
}

func tailLedger(c *cli.Context, _ *host, log *ledger.Log) error {
	from := max(0, log.Size()-max(0, c.Int64("n")))
	for i := from; i < log.Size(); i++ {
		raw, err := log.Raw(c.Context, i)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.App.Writer, "%s\n", raw)
	}
	return nil
}
