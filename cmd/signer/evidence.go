package main

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/risk"
	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
	"seihon/internal/regular"
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
			&cli.StringFlag{Name: "render",
				Usage: "write a risk register for people, as Markdown, to a new `FILE`; --lang chooses the language"},
			cliexit.LangFlag(),
			&cli.TimestampFlag{Name: "review",
				Usage:  "the `DAY` of its next review, as 2027-04-01; a risk register has its own",
				Layout: time.DateOnly},
			dryFlag,
		),
		Action: func(c *cli.Context) error {
			if !evidenceKind.MatchString(c.String("kind")) {
				return cliexit.UsageError("--kind is %q, must be lower case letters and hyphens", c.String("kind"))
			}
			if slices.Contains(ledger.OwnEvidence, c.String("kind")) {
				return cliexit.UsageError("--kind %s is of what signer records itself; name the document's own kind, "+
					"such as risk-review", c.String("kind"))
			}
			doc, err := regular.ReadFile(c.String("file"))
			if err != nil {
				return fmt.Errorf("reading the document: %w", err)
			}
			var next time.Time
			if t := c.Timestamp("review"); t != nil {
				next = *t
			}
			var checked *checkedRegister
			if c.String("kind") == ledger.EvidenceRisk && risk.IsRegister(doc) {
				if checked, err = checkRegister(c, doc, next, now()); err != nil {
					return err
				}
				next = checked.NextReview
			} else if c.IsSet("render") {
				return cliexit.UsageError("--render belongs to --kind %s with a register in the form %s",
					ledger.EvidenceRisk, risk.Schema)
			}
			return inRoom(c, now, func(r *room.Room) error {
				size, err := r.Review(c.Context, c.String("kind"), doc, next)
				if err != nil {
					return err
				}
				say(c, would(c, "recorded %s as %s, tree size %d: %s",
					"would record %s as %s; the log has %d entries: %s"), c.String("file"), c.String("kind"), size,
					checked.said())
				return answer(c, recordedEvidence{Kind: c.String("kind"), File: c.String("file"), TreeSize: size,
					Register: checked, plannedAnswer: dryAnswer(c, r)})
			})
		},
	}
}
