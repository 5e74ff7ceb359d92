package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
)

func documentCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "document",
		Usage: "sign and record a version of a CP/CPS or disclosure document",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "name", Usage: "the document `NAME` of the configuration", Required: true},
			&cli.StringFlag{Name: "version", Usage: "its `VERSION`, such as 1.2", Required: true},
			&cli.StringFlag{Name: "file", Usage: "the PDF `FILE`", Required: true},
			&cli.TimestampFlag{Name: "effective", Usage: "from when it is in force, as `RFC3339`; default: now",
				Layout: time.RFC3339},
			dryFlag,
		),
		Action: func(c *cli.Context) error {
			d := room.DocumentRequest{Name: c.String("name"), Version: c.String("version"), File: c.String("file")}
			if t := c.Timestamp("effective"); t != nil {
				d.Effective = *t
			}
			return inRoom(c, now, func(r *room.Room) error {
				if err := r.Document(c.Context, d); err != nil {
					return err
				}
				size, err := r.Commit(c.Context, "signer document")
				if err != nil {
					return err
				}
				say(c, would(c, "recorded docs/%s-%s.pdf and its signature, tree size %d",
					"would sign and record docs/%s-%s.pdf; the log has %d entries"), d.Name, d.Version, size)
				return answer(c, documentAnswer{d.Name, d.Version, size, dryAnswer(c, r)})
			})
		},
	}
}
