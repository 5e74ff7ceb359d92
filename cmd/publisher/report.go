package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
	"seihon/verify/uptime"
)

func reportCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "report",
		Usage: "sum up a month of operation from the publication log: uptime, incidents, publication times",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "month", Usage: "the `MONTH` as 2026-10 (UTC); default: the current one"},
			samplesFlag(),
			&cli.StringFlag{Name: "html", Usage: "also write the record as one HTML `FILE`, in Japanese and English"},
			&cli.StringFlag{Name: "now",
				Usage: "report as of `TIME`, such as 2026-11-21T07:00:00Z, to repeat an earlier report; nothing is " +
					"expected after it"},
		),
		Action: func(c *cli.Context) error {
			h, err := open(c, now)
			if err != nil {
				return err
			}
			if err := h.givenNow(c); err != nil {
				return err
			}
			at := h.now().UTC()
			from := time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
			if m := c.String("month"); m != "" {
				if from, err = time.Parse("2006-01", m); err != nil {
					return cliexit.UsageError("--month is %q, must look like 2026-10", m)
				}
			}
			return h.report(c, from)
		},
	}
}

func (h *host) report(c *cli.Context, from time.Time) error {
	master, err := h.master(c.Context)
	if err != nil {
		return err
	}
	log, err := h.log(c.Context, "publication")
	if err != nil {
		return err
	}
	signed, refused, err := h.signedSamples(c)
	if err != nil {
		return err
	}
	u, err := uptime.Measure(c.Context, uptime.Config{
		Publication: log, Signed: signed, Master: master, From: from, To: from.AddDate(0, 1, 0),
		Now:   h.now().UTC().Truncate(time.Second).Add(time.Second),
		Every: h.conf.Probe.Every.Std(), Wait: h.conf.Publication.Batch.Std(), BaseURL: h.conf.Repository.BaseURL,
		Targets: h.publicTargets(),
	})
	if err != nil {
		return err
	}
	u.Signed = signed.Vantages
	if file := c.String("html"); file != "" {
		if err := writeHTML(file, u); err != nil {
			return err
		}
	}
	write := u.WriteText
	if c.Bool("json") {
		write = u.WriteJSON
	}
	if err := write(c.App.Writer); err != nil {
		return fmt.Errorf("printing the report: %w", err)
	}
	if refused != nil {
		return &cliexit.Error{Code: cliexit.Findings, Err: refused}
	}
	return nil
}

// signedSamples reads what outside vantages have signed. refused says what does not count, and why.
func (h *host) signedSamples(c *cli.Context) (signed *uptime.Samples, refused, err error) {
	places, err := samplePlaces(c)
	if err != nil {
		return nil, nil, err
	}
	pinned, err := vantages(h.conf.Verify.Vantages)
	if err != nil {
		return nil, nil, err
	}
	signed, err = uptime.ReadSamples(c.Context, places, pinned, func(file string, why error) {
		refused = errors.Join(refused, fmt.Errorf("samples that do not count: %q: %w", file, why))
	})
	return signed, refused, err
}

// publicTargets are the targets with their public addresses.
func (h *host) publicTargets() (all []uptime.Target) {
	for _, t := range h.conf.Targets {
		all = append(all, uptime.Target{Name: t.Name, Addresses: t.Addresses()})
	}
	return all
}
