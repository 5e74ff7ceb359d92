package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
	"seihon/internal/regular"
	"seihon/ledger"
)

func importCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "import",
		Usage: "let an export of the signing room into this host's copy of the master, after checking every byte",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "file", Usage: "the export `FILE`", Required: true},
			&cli.BoolFlag{Name: "private",
				Usage: "let the private master in, too: on an auditor's machine, never on the publishing host"},
			&cli.BoolFlag{Name: "dry-run", Usage: "check every byte, say what would be let in, and let nothing in"},
		),
		Action: func(c *cli.Context) error {
			h, err := open(c, now)
			if err != nil {
				return err
			}
			v, err := h.verifier()
			if err != nil {
				return err
			}
			f, err := regular.Open(c.String("file"))
			if err != nil {
				return fmt.Errorf("reading the export: %w", err)
			}
			defer f.Close()
			res, err := ledger.Import(c.Context, f, string(h.conf.Master.Directory),
				ledger.ImportConfig{Verifier: v, Private: c.Bool("private"), DryRun: c.Bool("dry-run"), Now: now,
					Logger: h.logger})
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return cliexit.PrintJSON(c.App.Writer,
					importedAnswer{res.From, res.To, res.Artifacts, c.Bool("dry-run")})
			}
			if c.Bool("dry-run") {
				fmt.Fprintf(c.App.Writer, "master copy: size %d, would be %d, %d files would be let in\n", res.From,
					res.To, res.Artifacts)
				return nil
			}
			fmt.Fprintf(c.App.Writer, "master copy: size %d → %d, %d files let in\n", res.From, res.To, res.Artifacts)
			return nil
		},
	}
}

// importedAnswer is what --json says of an import.
type importedAnswer struct {
	From      int64 `json:"from"`
	To        int64 `json:"to"`
	Artifacts int   `json:"artifacts"`
	DryRun    bool  `json:"dry_run,omitempty"`
}
