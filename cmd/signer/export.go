package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/ledger"
)

func exportCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "export",
		Usage: "write what a copy of the master lacks to one file, for a one-way medium; needs no HSM",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "out", Usage: "the `FILE` to write; must not exist", Required: true},
			&cli.BoolFlag{Name: "private",
				Usage: "with the private master (subscribers' certificates): for another signing room or an auditor, " +
					"never for the publishing host"},
			&cli.Int64Flag{Name: "since", Usage: "the tree `SIZE` that the copy has already; default: 0, everything"},
			dryFlag,
		),
		Action: func(c *cli.Context) error {
			log, err := readMaster(c)
			if err != nil {
				return err
			}
			if c.Bool("private") && !log.HasPrivate() {
				return fmt.Errorf("exporting the private master: %s has none", log.Dir())
			}
			if c.Bool(dryFlag.Name) {
				return foretellExport(c, log)
			}
			size, err := export(c, log, c.String("out"), c.Int64("since"))
			if err != nil {
				return err
			}
			say(c, "wrote %s: size %d to %d, %d bytes; on the publishing host: publisher import --file %s",
				c.String("out"), c.Int64("since"), log.Size(), size, c.String("out"))
			return answer(c, exportedAnswer{c.String("out"), c.Int64("since"), log.Size(), size, plannedAnswer{}})
		},
	}
}

// foretellExport makes the export, and keeps none of it.
func foretellExport(c *cli.Context, log *ledger.Log) error {
	if err := absent("out", c.String("out")); err != nil {
		return err
	}
	write := log.Export
	if c.Bool("private") {
		write = log.ExportPrivate
	}
	var size count
	if err := write(c.Context, &size, c.Int64("since")); err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	say(c, "would write %s: size %d to %d, %d bytes", c.String("out"), c.Int64("since"), log.Size(), int64(size))
	return answer(c,
		exportedAnswer{c.String("out"), c.Int64("since"), log.Size(), int64(size), plannedAnswer{DryRun: true}})
}

// count is a writer that only counts.
type count int64

func (n *count) Write(p []byte) (int, error) {
	*n += count(len(p))
	return len(p), nil
}

// export writes the file and returns its size. The private master is for the eyes of its owner only.
func export(c *cli.Context, log *ledger.Log, out string, since int64) (size int64, err error) {
	if err := absent("out", out); err != nil {
		return 0, err
	}
	write, mode := log.Export, os.FileMode(0o644)
	if c.Bool("private") {
		write, mode = log.ExportPrivate, 0o600
	}
	if err := writeNew(out, mode, func(w io.Writer) error { return write(c.Context, w, since) }); err != nil {
		return 0, err
	}
	info, err := os.Stat(out)
	if err != nil {
		return 0, fmt.Errorf("looking at the export: %w", err)
	}
	return info.Size(), nil
}

// readMaster opens the master for reading, with the keys that the configuration pins.
func readMaster(c *cli.Context) (*ledger.Log, error) {
	conf, err := config.Load(c.String("config"))
	if err != nil {
		return nil, &cliexit.Error{Code: cliexit.Usage, Err: err}
	}
	log, err := room.OpenMaster(c.Context, conf)
	return log, coded(err)
}
