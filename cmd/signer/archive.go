package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
	"seihon/ledger"
)

func archiveCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name: "archive",
		Usage: "write the master as BagIt bags (RFC 8493): plain files that sha256sum and openssl can check in " +
			"twenty years",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "out", Usage: "the `FOLDER` to make; several get -1, -2, …", Required: true},
			&cli.Int64Flag{Name: "since",
				Usage: "only artifacts recorded from tree `SIZE` on; the log is always whole"},
			&cli.Int64Flag{Name: "medium", Usage: "split into bags of at most so many `BYTES`; default: one bag"},
		),
		Action: func(c *cli.Context) error {
			if err := absent("out", c.String("out")); err != nil {
				return err
			}
			log, err := readMaster(c)
			if err != nil {
				return err
			}
			if err := room.CheckPrivate(c.Context, log); err != nil {
				return coded(err)
			}
			bags, err := log.Archive(c.Context, c.String("out"),
				ledger.ArchiveConfig{From: c.Int64("since"), MaxBytes: c.Int64("medium"), Now: now})
			if err != nil {
				return err
			}
			for _, bag := range bags {
				say(c, "wrote %s", bag)
			}
			return answer(c, archivedAnswer{bags, log.Size()})
		},
	}
}
