package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/room"
	"seihon/hsmsign/schedule"
	"seihon/internal/cliexit"
)

func runCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "sign whatever is due, revocations first, record it and stop; the room's cron job",
		Flags: cliexit.Flags(&cli.BoolFlag{Name: "dry-run",
			Usage: "say what is due and why, and what would be healed; change nothing"},
			&cli.StringFlag{Name: "accept-clock",
				Usage: "`REASON` to sign although the clock does not fit the master; it is recorded"},
			&cli.StringFlag{Name: "accept-private-loss",
				Usage: "`REASON` to go on without records of the private master that are lost for good; it is recorded"}),
		Action: func(c *cli.Context) error {
			if c.Bool("dry-run") {
				return planned(c, now)
			}
			return forced(c, now, schedule.Force{})
		},
	}
}

// planned prints what a run would do.
func planned(c *cli.Context, now func() time.Time) error {
	o, err := options(c, now)
	if err != nil {
		return err
	}
	p, err := schedule.PlanRun(c.Context, o)
	if p == nil {
		return coded(err)
	}
	return coded(errors.Join(err, foretell(c, p, err == nil)))
}

// foretell prints a plan; whole says that nothing was refused.
func foretell(c *cli.Context, p *schedule.Plan, whole bool) error {
	for _, h := range p.Heal {
		say(c, "would heal  %s serial %s: %s, the master says %s", h.Issuer, h.Serial, h.Was, h.Now)
	}
	for _, d := range p.Due {
		say(c, "would sign  %s (%s)", d.Name, d.Why)
	}
	if len(p.Due)+len(p.Heal) == 0 && whole {
		say(c, "nothing is due")
	}
	return answer(c, p)
}

func crlCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "crl",
		Usage: "sign revocation lists now, due or not",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "issuer", Usage: "only those of issuer `NAME`"},
			&cli.BoolFlag{Name: "final",
				Usage: "the last lists of a CA that ends: nextUpdate 9999, never renewed (needs --issuer)"},
			dryFlag, approvalFlag, askFlag, cliexit.YesFlag,
		),
		Action: func(c *cli.Context) error {
			if err := noApproval(c, "a list that is not the last one"); err != nil && !c.Bool("final") {
				return err
			}
			if c.Bool("final") && c.String("issuer") == "" {
				return cliexit.UsageError("--final needs --issuer")
			}
			if c.Bool("final") && !c.Bool("dry-run") {
				err := confirm(c,
					fmt.Sprintf("signing the last lists of %s: a client that has one asks for no later one, so "+
						"nothing can be revoked any more", c.String("issuer")))
				if err != nil {
					return err
				}
			}
			return forced(c,
				now, schedule.Force{CRLs: true, Only: true, Issuer: c.String("issuer"), Final: c.Bool("final")})
		},
	}
}

func ocspCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "ocsp",
		Usage: "sign OCSP responses now, due or not",
		Flags: cliexit.Flags(&cli.StringFlag{Name: "issuer", Usage: "only those of issuer `NAME`"}, dryFlag),
		Action: func(c *cli.Context) error {
			return forced(c, now, schedule.Force{Responses: true, Only: true, Issuer: c.String("issuer")})
		},
	}
}

func forced(c *cli.Context, now func() time.Time, f schedule.Force) error {
	if f.Issuer != "" {
		conf, err := load(c)
		if err != nil {
			return err
		}
		if err := checkIssuer(c, conf); err != nil {
			return err
		}
		if f.CRLs && conf.Issuer(f.Issuer).External() {
			return cliexit.UsageError("--issuer %s is signed_by: external; the CA's own software makes its lists",
				f.Issuer)
		}
	}
	if c.Bool("dry-run") {
		return dryRoom(c, now, func(r *room.Room) error {
			p, err := schedule.ForcedPlan(c.Context, r, f)
			return errors.Join(err, foretell(c, p, err == nil))
		})
	}
	return withRoom(c, now, func(r *room.Room) error {
		res, err := schedule.Run(c.Context, r, f)
		if res != nil {
			tell(c, res)
			err = errors.Join(err, answer(c, res))
		}
		return err
	})
}

// tell prints what a run did, also when a part of it failed.
func tell(c *cli.Context, res *schedule.RunResult) {
	tellVerdicts(c, res.Inputs)
	if res.AcceptedLoss != "" {
		say(c, "lost  the private records of entries %s of the log, which is on record now; those of the inventory are "+
			"recorded anew", res.AcceptedLoss)
	}
	for _, h := range res.Healed {
		say(c, "healed  %s serial %s: it was %s, the master says %s", h.Issuer, h.Serial, h.Was, h.Now)
	}
	for _, d := range res.Signed {
		say(c, "signed  %s (%s)", d.Name, d.Why)
	}
	switch {
	case res.Size == res.Before:
		say(c, "nothing is due; the log stays at size %d", res.Size)
	case res.Size > 0:
		say(c, "recorded in the master log, size %d", res.Size)
	}
}
