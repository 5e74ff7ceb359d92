package main

import (
	"cmp"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/ceremony"
	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
)

func logCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "log",
		Usage: "hand the master log over to new keys, or end it",
		Subcommands: []*cli.Command{
			{
				Name: "rotate", Usage: "new keys, endorsed by the old ones in the log itself",
				Flags: cliexit.Flags(
					&cli.StringSliceFlag{Name: "label",
						Usage: "the new key's `LABEL` in the HSM, ECDSA first; a second one for Ed25519, where the " +
							"HSM has it", Required: true},
					&cli.StringFlag{Name: "reason", Usage: "the `REASON`, for the auditor", Required: true},
					&cli.StringFlag{Name: "token",
						Usage: "the `NAME` of the one of signer.tokens that the new keys are in; default: that of " +
							"the old ones"},
					dryFlag, approvalFlag, askFlag, cliexit.YesFlag,
				),
				Action: func(c *cli.Context) error {
					if c.Bool("dry-run") {
						return planRotation(c, now)
					}
					if err := confirm(c,
						"rotating the keys of the master log: from then on the old ones sign nothing, and every host "+
							"and auditor has to pin the new ones"); err != nil {
						return err
					}
					return withRoom(c, now, func(r *room.Room) error {
						files, err := ceremony.RotateLogKeys(c.Context, r, c.StringSlice("label"),
							c.String("reason"), c.String("token"))
						if err != nil {
							return err
						}
						say(c, "rotated; now set signer.log_keys to [%s] and master.keys to [%s]",
							strings.Join(c.StringSlice("label"), ", "), strings.Join(files, ", "))
						if name := c.String("token"); name != "" {
							say(c, "and signer.log_token to %s", name)
						}
						return answer(c, rotatedAnswer{Labels: c.StringSlice("label"), Keys: files})
					})
				},
			},
			{
				Name: "freeze", Usage: "the last entry of the log: nothing is recorded any more, ever",
				Flags: cliexit.Flags(
					&cli.StringFlag{Name: "reason", Usage: "the `REASON`, for the auditor", Required: true},
					&cli.StringFlag{Name: "successor", Usage: "the `ORIGIN` of the log that goes on"},
					dryFlag, approvalFlag, askFlag, cliexit.YesFlag,
				),
				Action: func(c *cli.Context) error {
					if c.Bool("dry-run") {
						return dryRoom(c, now, func(r *room.Room) error {
							size, err := r.LogSize()
							if err != nil {
								return err
							}
							say(c,
								"would freeze the master log after its %d entries: nothing is recorded or published "+
									"after that, ever", size)
							return answer(c, frozenAnswer{DryRun: true})
						})
					}
					if err := confirm(c,
						"freezing the master log: no list, answer or document is recorded or published after it, ever"); err != nil {
						return err
					}
					return withRoom(c, now, func(r *room.Room) error {
						if err := ceremony.FreezeLog(c.Context, r, c.String("reason"),
							c.String("successor")); err != nil {
							return err
						}
						say(c, "the master log is frozen")
						return answer(c, frozenAnswer{Frozen: true})
					})
				},
			},
		},
	}
}

// planRotation says which of the new keys are in the token, and which would be made.
func planRotation(c *cli.Context, now func() time.Time) error {
	err := dryRoom(c, now, func(r *room.Room) error {
		_, err := r.LogSize()
		return err
	})
	if err != nil {
		return err
	}
	o, err := options(c, now)
	if err != nil {
		return err
	}
	res, err := room.PlanKeys(c.Context, o, "", cmp.Or(c.String("token"), o.Config.Signer.LogToken),
		c.StringSlice("label")...)
	if err != nil {
		return coded(err)
	}
	tellKeys(c, res)
	say(c, "would hand the master log over to [%s]", strings.Join(c.StringSlice("label"), ", "))
	return answer(c, rotatedAnswer{Labels: c.StringSlice("label"), DryRun: true})
}
