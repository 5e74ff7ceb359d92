package main

import (
	"regexp"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign"
	"seihon/internal/cliexit"
	"seihon/ledger"
)

var evidenceKind = regexp.MustCompile(`^[a-z][a-z-]{0,63}$`)

func evidenceCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "evidence",
		Usage: "record a document about the operation in the master log: a risk review, a key ceremony, an attestation",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "kind", Usage: "its `KIND`, such as risk-review or key-ceremony", Required: true},
			&cli.StringFlag{Name: "file", Usage: "the document's `FILE`", Required: true},
			&cli.TimestampFlag{Name: "review", Usage: "the `DAY` of its next review, as 2027-04-01", Layout: time.DateOnly},
		),
		Action: func(c *cli.Context) error {
			if !evidenceKind.MatchString(c.String("kind")) {
				return cliexit.UsageError("--kind is %q, must be lower case letters and hyphens", c.String("kind"))
			}
			if slices.Contains(ledger.OwnEvidence, c.String("kind")) {
				return cliexit.UsageError("--kind %s is of what signer records itself; name the document's own kind, such as risk-review", c.String("kind"))
			}
			var next time.Time
			if t := c.Timestamp("review"); t != nil {
				next = *t
			}
			return withRoom(c, now, func(room *hsmsign.Room) error {
				size, err := room.Review(c.Context, c.String("kind"), c.String("file"), next)
				if err != nil {
					return err
				}
				say(c, "recorded %s as %s, tree size %d", c.String("file"), c.String("kind"), size)
				return answer(c, map[string]any{"kind": c.String("kind"), "file": c.String("file"), "tree_size": size})
			})
		},
	}
}
