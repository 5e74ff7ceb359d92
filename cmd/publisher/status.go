package main

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
	"seihon/ledger"
	"seihon/verify"
)

func statusCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "one line for a monitor: shelf life, age, targets behind, last success; exit 3 when it is a warning or worse",
		Flags: cliexit.Flags(
			&cli.DurationFlag{Name: "warn", Usage: "warn when the first artifact expires within `DURATION`; default 24h"},
			&cli.DurationFlag{Name: "critical", Usage: "and call it critical within `DURATION`; default 6h"},
			&cli.StringFlag{Name: "prometheus", Usage: "write the figures to `FILE` for node_exporter's textfile collector"},
		),
		Action: observed(now, (*host).status),
	}
}

func (h *host) status(c *cli.Context) error {
	master, err := h.master(c.Context)
	if err != nil {
		return err
	}
	var log *ledger.Log
	if exists(string(h.conf.Publication.VKey)) {
		if log, err = h.log(c.Context, "publication"); err != nil {
			return err
		}
	}
	waiting, err := h.waiting().all()
	if err != nil {
		return err
	}
	s, err := verify.NewStatus(c.Context, verify.StatusConfig{
		Master: master, Publication: log, Waiting: waiting, Warn: c.Duration("warn"), Critical: c.Duration("critical"), Now: h.now,
	})
	if err != nil {
		return err
	}
	var figures bytes.Buffer
	if err := errors.Join(s.WritePrometheus(&figures), h.measured(c, figures.Bytes())); err != nil {
		return err
	}
	if c.Bool("json") {
		err = s.WriteJSON(c.App.Writer)
	} else {
		_, err = fmt.Fprintln(c.App.Writer, s.Line())
	}
	if err == nil && (s.Warn || s.Critical) {
		err = &cliexit.Error{Code: cliexit.Findings}
	}
	return err
}
