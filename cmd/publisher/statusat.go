package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/evidence"
	"seihon/internal/cliexit"
	"seihon/internal/regular"
)

func statusAtCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "status-at",
		Usage: "say what the status of a certificate was at a time, and write the evidence for it",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "issuer", Usage: "`NAME` of the issuer; with --certificate not needed"},
			&cli.StringFlag{Name: "serial", Usage: "serial number in `HEX`, as openssl prints it"},
			&cli.StringFlag{Name: "certificate", Usage: "the certificate `FILE` (PEM or DER), instead of the serial"},
			&cli.StringFlag{Name: "time",
				Usage: "`TIME` asked about, as 2026-11-28T09:00:00Z or with an offset such as +09:00"},
			&cli.StringFlag{Name: "out", Usage: "write the evidence to the new `FILE`"},
			&cli.StringFlag{Name: "check",
				Usage: "check the evidence in `FILE` with the pinned keys instead; needs no master"},
		),
		Action: func(c *cli.Context) error {
			h, err := open(c, now)
			if err != nil {
				return err
			}
			if c.IsSet("check") {
				return h.checkEvidence(c)
			}
			return h.statusAt(c)
		},
	}
}

func (h *host) statusAt(c *cli.Context) error {
	q, err := question(c)
	if err != nil {
		return err
	}
	master, err := h.master(c.Context)
	if err != nil {
		return err
	}
	trust, err := h.trust()
	if err != nil {
		return err
	}
	e, err := evidence.Make(c.Context, master, q, evidence.Config{Trust: trust, Now: h.now})
	var bad *evidence.BadQuestion
	var none *evidence.NoAnswer
	switch {
	case errors.As(err, &bad):
		return &cliexit.Error{Code: cliexit.Usage, Err: err}
	case errors.As(err, &none):
		return &cliexit.Error{Code: cliexit.Findings, Err: err}
	case err != nil:
		return err
	}
	if out := c.String("out"); out != "" {
		if err := writeNew(out, e.Bytes()); err != nil {
			return err
		}
	}
	return tell(c, &e.Answer)
}

// question reads the flags.
func question(c *cli.Context) (evidence.Question, error) {
	q := evidence.Question{Issuer: c.String("issuer")}
	var err error
	if !c.IsSet("time") {
		return q, cliexit.UsageError("--time is missing: the time that is asked about, such as 2026-11-28T09:00:00Z")
	}
	if q.Time, err = time.Parse(time.RFC3339, c.String("time")); err != nil {
		return q, cliexit.UsageError("--time %q must be like 2026-11-28T09:00:00Z or 2026-11-28T18:00:00+09:00",
			c.String("time"))
	}
	if s := c.String("serial"); s != "" {
		if q.Serial, err = evidence.ParseSerial(s); err != nil {
			return q, cliexit.UsageError("--serial: %v", err)
		}
	}
	file := c.String("certificate")
	if file == "" {
		return q, nil
	}
	raw, err := regular.ReadFile(file)
	if err != nil {
		return q, fmt.Errorf("reading the certificate: %w", err)
	}
	if q.Certificate, err = evidence.Certificate(raw); err != nil {
		return q, cliexit.UsageError("--certificate %q: %v", file, err)
	}
	return q, nil
}

// tell prints an answer, for programs or in both languages.
func tell(c *cli.Context, a *evidence.Answer) error {
	if c.Bool("json") {
		return cliexit.PrintJSON(c.App.Writer, a)
	}
	for _, s := range a.Sentences() {
		fmt.Fprintf(c.App.Writer, "%s\n%s\n", s.English, s.Japanese)
	}
	return nil
}
