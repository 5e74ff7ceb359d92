package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign"
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
			&cli.BoolFlag{Name: "private", Usage: "with the private master (subscribers' certificates): for another signing room or an auditor, never for the publishing host"},
			&cli.Int64Flag{Name: "since", Usage: "the tree `SIZE` that the copy has already; default: 0, everything"},
		),
		Action: func(c *cli.Context) error {
			log, err := readMaster(c)
			if err != nil {
				return err
			}
			if c.Bool("private") && !log.HasPrivate() {
				return fmt.Errorf("exporting the private master: %s has none", log.Dir())
			}
			size, err := export(c, log, c.String("out"), c.Int64("since"))
			if err != nil {
				return err
			}
			say(c, "wrote %s: size %d to %d, %d bytes; on the publishing host: publisher import --file %s", c.String("out"), c.Int64("since"), log.Size(), size, c.String("out"))
			return answer(c, map[string]any{"file": c.String("out"), "from": c.Int64("since"), "to": log.Size(), "bytes": size})
		},
	}
}

// export writes the file under a temporary name, so that a half-written one never looks whole.
func export(c *cli.Context, log *ledger.Log, out string, since int64) (int64, error) {
	if _, err := os.Stat(out); err == nil {
		return 0, cliexit.UsageError("--out %q exists; exports are never overwritten", out)
	}
	tmp := out + ".part"
	mode := os.FileMode(0o644)
	if c.Bool("private") {
		mode = 0o600
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return 0, fmt.Errorf("writing the export: %w", err)
	}
	if c.Bool("private") {
		err = log.ExportPrivate(c.Context, f, since)
	} else {
		err = log.Export(c.Context, f, since)
	}
	if err == nil {
		err = f.Sync()
	}
	info, statErr := f.Stat()
	if err = errors.Join(err, statErr, f.Close()); err != nil {
		return 0, errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, out); err != nil {
		return 0, fmt.Errorf("writing the export: %w", err)
	}
	return info.Size(), nil
}

// readMaster opens the master for reading, with the keys that the configuration pins.
func readMaster(c *cli.Context) (*ledger.Log, error) {
	conf, err := config.Load(c.String("config"))
	if err != nil {
		return nil, &cliexit.Error{Code: cliexit.Usage, Err: err}
	}
	return hsmsign.OpenMaster(c.Context, conf)
}
