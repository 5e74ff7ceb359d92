package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign"
	"seihon/internal/cliexit"
)

func keygenCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "keygen",
		Usage: "make the missing keys of issuers and OCSP signers in the HSM and pin their public keys",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "name", Usage: "only the key of the issuer or OCSP signer `NAME`"},
		),
		Action: func(c *cli.Context) error {
			o, err := options(c, now)
			if err != nil {
				return err
			}
			res, err := hsmsign.GenerateKeys(c.Context, o, c.String("name"))
			if err != nil {
				return coded(err)
			}
			for _, m := range res.Made {
				say(c, "made     %s", m)
			}
			for _, p := range res.Present {
				say(c, "present  %s", p)
			}
			return answer(c, res)
		},
	}
}
