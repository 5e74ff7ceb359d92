package main

import (
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
)

func timestampCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "timestamp",
		Usage: "have time-stamping authorities (RFC 3161) stamp the newest checkpoint",
		Flags: cliexit.Flags(dryFlag),
		Action: func(c *cli.Context) error {
			return inRoom(c, now, func(r *room.Room) error {
				results, err := r.Timestamp(c.Context)
				lines := []stampedAnswer{}
				for _, r := range results {
					l := stampedAnswer{Authority: r.Authority, Size: r.Size, Token: r.Path, Due: r.Due}
					if r.Stamp != nil {
						l.Time = r.Stamp.Time
					}
					switch {
					case r.Err != nil: // in err as well
					case r.Due:
						say(c, "%s: would be asked to stamp the checkpoint at size %d", r.Authority, r.Size)
					case r.Path == "":
						say(c, "%s: the checkpoint at size %d has a good token", r.Authority, r.Size)
					default:
						say(c, "%s: stamped the checkpoint at size %d, %s", r.Authority, r.Size,
							l.Time.Format(time.RFC3339))
					}
					lines = append(lines, l)
				}
				return errors.Join(err, answer(c, lines))
			})
		},
	}
}

func witnessCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "witness",
		Usage: "have witnesses (C2SP tlog-witness) cosign the newest checkpoint; do it before `signer timestamp`",
		Flags: cliexit.Flags(dryFlag),
		Action: func(c *cli.Context) error {
			return inRoom(c, now, func(r *room.Room) error {
				got, err := r.Witness(c.Context)
				if err == nil && c.Bool(dryFlag.Name) {
					for _, s := range got {
						say(c, "%s would be asked to cosign", s.Witness)
					}
					return answer(c, got)
				}
				for _, s := range got {
					say(c, "%s cosigned at %s", s.Witness, s.Time.Format(time.RFC3339))
				}
				return errors.Join(err, answer(c, got))
			})
		},
	}
}
