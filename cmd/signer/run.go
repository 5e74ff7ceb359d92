package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign"
	"seihon/internal/cliexit"
)

func runCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:   "run",
		Usage:  "sign whatever is due, revocations first, record it and stop; the room's cron job",
		Flags:  cliexit.Flags(),
		Action: func(c *cli.Context) error { return forced(c, now, hsmsign.Force{}) },
	}
}

func crlCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "crl",
		Usage: "sign revocation lists now, due or not",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "issuer", Usage: "only those of issuer `NAME`"},
			&cli.BoolFlag{Name: "final", Usage: "the last lists of a CA that ends: nextUpdate 9999, never renewed (needs --issuer)"},
		),
		Action: func(c *cli.Context) error {
			if c.Bool("final") && c.String("issuer") == "" {
				return cliexit.UsageError("--final needs --issuer")
			}
			return forced(c, now, hsmsign.Force{CRLs: true, Only: true, Issuer: c.String("issuer"), Final: c.Bool("final")})
		},
	}
}

func ocspCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "ocsp",
		Usage: "sign OCSP responses now, due or not",
		Flags: cliexit.Flags(&cli.StringFlag{Name: "issuer", Usage: "only those of issuer `NAME`"}),
		Action: func(c *cli.Context) error {
			return forced(c, now, hsmsign.Force{Responses: true, Only: true, Issuer: c.String("issuer")})
		},
	}
}

func forced(c *cli.Context, now func() time.Time, f hsmsign.Force) error {
	if f.Issuer != "" {
		conf, err := load(c)
		if err != nil {
			return err
		}
		if conf.Issuer(f.Issuer) == nil {
			return cliexit.UsageError("--issuer is %q; the configuration has no such issuer", f.Issuer)
		}
	}
	return withRoom(c, now, func(room *hsmsign.Room) error {
		res, err := room.Run(c.Context, f)
		if err != nil {
			return err
		}
		for _, d := range res.Signed {
			say(c, "signed  %s (%s)", d.Name, d.Why)
		}
		if res.UpToDate {
			say(c, "nothing is due; the log stays at size %d", res.Size)
		} else {
			say(c, "recorded in the master log, size %d", res.Size)
		}
		return answer(c, res)
	})
}
