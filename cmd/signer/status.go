package main

import (
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/books"
	"seihon/internal/cliexit"
	"seihon/internal/shelflife"
)

func statusCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name: "status",
		Usage: "tell the shelf life, when the first artifact expires if the HSM never signs again, what is not " +
			"signed yet, and which reviews are overdue",
		Flags: cliexit.Flags(append(cliexit.ShelfLifeFlags(),
			&cli.StringFlag{Name: "prometheus",
				Usage: "write the figures to `FILE` for node_exporter's textfile collector"},
			cliexit.LangFlag(),
		)...),
		Action: func(c *cli.Context) error {
			lang, err := cliexit.Language(c)
			if err != nil {
				return err
			}
			limits, err := cliexit.ShelfLife(c)
			if err != nil {
				return err
			}
			return withBooks(c, now, func(b *books.Books) error {
				s, err := b.Status(c.Context)
				if err != nil {
					return err
				}
				if file := c.String("prometheus"); file != "" {
					if err := s.WritePrometheus(file); err != nil {
						return err
					}
				}
				word, code := "OK", cliexit.OK
				if short := s.Short(limits); s.FirstExpiry.IsZero() || short == shelflife.Critical ||
					s.Unsigned() > 0 || len(s.Refused) > 0 {
					word, code = "CRITICAL", cliexit.Findings
				} else if short == shelflife.Short || len(s.Overdue()) > 0 {
					word, code = "WARNING", cliexit.Findings
				}
				say(c, "%s - %s", word, s.LineIn(lang))
				err = answer(c, s)
				if code != cliexit.OK {
					err = errors.Join(err, &cliexit.Error{Code: code})
				}
				return err
			})
		},
	}
}
