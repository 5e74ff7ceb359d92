package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
)

func keygenCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name: "keygen",
		Usage: "make the missing keys of issuers and OCSP signers in the HSM, put them on record in the master log, " +
			"and pin their public keys",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "name", Usage: "only the key of the issuer or OCSP signer `NAME`"},
			dryFlag, approvalFlag, askFlag,
		),
		Action: func(c *cli.Context) error {
			o, err := options(c, now)
			if err != nil {
				return err
			}
			if c.Bool("dry-run") {
				res, err := room.PlanKeys(c.Context, o, c.String("name"), "")
				if err != nil {
					return coded(err)
				}
				tellKeys(c, res)
				return answer(c, res)
			}
			res, err := room.GenerateKeys(c.Context, o, c.String("name"))
			if err != nil {
				return asking(c, coded(err))
			}
			for _, m := range res.Made {
				say(c, "made     %s", m)
			}
			for _, p := range res.Present {
				say(c, "present  %s", p)
			}
			if len(res.Made)+len(res.Present) == 0 {
				say(c, "nothing to make: the configuration names no key of this room but the log's")
			}
			if res.Recorded > 0 {
				say(c, "recorded what the token says of the new keys, tree size %d", res.Recorded)
			}
			return answer(c, res)
		},
	}
}

// tellKeys prints which keys are there and which would be made.
func tellKeys(c *cli.Context, res *room.InitResult) {
	for _, m := range res.Made {
		say(c, "would make  %s", m)
	}
	for _, p := range res.Present {
		say(c, "present     %s", p)
	}
}
