package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/ceremony"
	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
)

func counterCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name: "counter",
		Usage: "compare the token's count of a key's signatures, read by the operator, with the signatures in the " +
			"log, and record both",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "key", Usage: "the `NAME` of the issuer or OCSP signer that has the key",
				Required: true},
			&cli.Int64Flag{Name: "count", Usage: "the `NUMBER` of signatures that the token shows"},
			&cli.StringFlag{Name: "evidence",
				Usage: "the `FILE` that shows it, such as the output of the maker's tool; its kind and SHA-256 are " +
					"recorded"},
			&cli.BoolFlag{Name: "begin",
				Usage: "counting begins with this reading: the key signed elsewhere before, or the counter was reset"},
			dryFlag,
		),
		Action: func(c *cli.Context) error {
			if !c.IsSet("count") || c.Int64("count") < 0 {
				return cliexit.UsageError("--count is missing or negative: it is the number that the token shows")
			}
			q := ceremony.Reading{Key: c.String("key"), Count: c.Int64("count"), Begin: c.Bool("begin")}
			if file := c.String("evidence"); file != "" {
				var err error
				if q.Document, err = readLimited(file, maxRequest); err != nil {
					return fmt.Errorf("reading the evidence: %w", err)
				}
			}
			return inRoom(c, now, func(r *room.Room) error {
				res, err := ceremony.CountSignatures(c.Context, r, q)
				if err != nil {
					return err
				}
				return sayCounted(c, res)
			})
		},
	}
}

func sayCounted(c *cli.Context, res *ceremony.Counted) error {
	if err := answer(c, res); err != nil {
		return err
	}
	if res.Begin {
		say(c, would(c, "recorded: counting the signatures of %s begins at %d",
			"would record that counting the signatures of %s begins at %d"), res.Key, res.Count)
		return nil
	}
	say(c,
		"%s: the token signed %d times since tree size %d; the log has %d (%d certificates, %d lists, %d responses, "+
			"%d requests)",
		res.Key, res.Signed, res.Since, res.Total(), res.Certificates, res.Lists, res.Responses, res.Requests)
	switch {
	case res.Surplus > 0:
		say(c,
			"FINDING: %d signatures that the record does not explain; %s. Signatures that were repeated after a "+
				"fault of the token or lost in a crash count, too: "+
				"look for them in the logs of the room; what remains was signed past it", res.Surplus,
			would(c, "recorded", "it would be recorded"))
	case res.Surplus < 0:
		say(c,
			"FINDING: the counter is %d behind the log; %s. It is the counter of another key, was misread or reset, "+
				"or somebody else signed with this key", -res.Surplus, would(c, "recorded", "it would be recorded"))
	default:
		return nil
	}
	return &cliexit.Error{Code: cliexit.Findings}
}
