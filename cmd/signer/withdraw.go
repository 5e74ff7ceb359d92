package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
)

func withdrawCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "withdraw",
		Usage: "record that a name is no longer to be public; `publisher sync --prune` removes the copies",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "name", Usage: "the public `NAME`", Required: true},
			&cli.StringFlag{Name: "reason", Usage: "the `REASON`, for the auditor", Required: true},
			dryFlag, approvalFlag, askFlag, cliexit.YesFlag,
		),
		Action: func(c *cli.Context) error {
			if c.Bool("dry-run") {
				return dryRoom(c, now, func(r *room.Room) error {
					digest, err := r.WouldWithdraw(c.Context, c.String("name"))
					if err != nil {
						return err
					}
					say(c,
						"would withdraw %s, SHA-256 %s, for ever; every target loses its copy with `publisher sync "+
							"--prune`", c.String("name"), digest)
					return answer(c, withdrawnAnswer{Name: c.String("name"), Reason: c.String("reason"), DryRun: true})
				})
			}
			err := confirm(c,
				fmt.Sprintf("withdrawing %s is on record for ever, and every target loses its copy with `publisher "+
					"sync --prune`", c.String("name")))
			if err != nil {
				return err
			}
			return withRoom(c, now, func(r *room.Room) error {
				size, err := r.Withdraw(c.Context, c.String("name"), c.String("reason"))
				if err != nil {
					return err
				}
				say(c, "withdrew %s, tree size %d", c.String("name"), size)
				return answer(c, withdrawnAnswer{Name: c.String("name"), Reason: c.String("reason"), TreeSize: size})
			})
		},
	}
}
