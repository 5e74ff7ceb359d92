package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
	"seihon/ledger"
	"seihon/publish"
	"seihon/verify/dashboard"
	"seihon/verify/status"
)

func statusCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name: "status",
		Usage: "one line for a monitor: shelf life, age, targets behind, last success; exit 3 when it is a warning " +
			"or worse",
		Flags: cliexit.Flags(append(cliexit.ShelfLifeFlags(),
			&cli.StringFlag{Name: "prometheus",
				Usage: "write the figures to `FILE` for node_exporter's textfile collector"},
			&cli.StringFlag{Name: "html",
				Usage: "also write the page of publisher dashboard to `FILE`; it says UNKNOWN when the status could " +
					"not be found out"},
			cliexit.LangFlag(),
		)...),
		Action: func(c *cli.Context) error {
			err := observed(now, (*host).status)(c)
			if file := c.String("html"); file != "" && err != nil && cliexit.Code(err) != cliexit.Findings {
				err = errors.Join(err, unknownPage(c, file, err, now()))
			}
			return err
		},
	}
}

// unknownPage takes the place of an older page, which nobody may take for how things stand now.
func unknownPage(c *cli.Context, file string, why error, now time.Time) error {
	lang, err := cliexit.Language(c)
	if err != nil {
		lang = dashboard.English
	}
	return writeHTML(file, dashboard.Page{Err: why, Made: now, Lang: lang})
}

// currentStatus finds out how the repository stands, from the logs that are here.
func (h *host) currentStatus(ctx context.Context, c *cli.Context) (*status.Status, error) {
	master, err := h.master(ctx)
	if err != nil {
		return nil, err
	}
	var log *ledger.Log
	if exists(string(h.conf.Publication.VKey)) {
		log, err = h.log(ctx, "publication")
	}
	if gone := h.wholePublication(ctx, log); gone != nil { // says more than that no log can be opened
		return nil, gone
	}
	if err != nil {
		return nil, err
	}
	waiting, err := h.waiting().all()
	if err != nil {
		return nil, err
	}
	limits, err := cliexit.ShelfLife(c)
	if err != nil {
		return nil, err
	}
	targets, err := h.expected()
	if err != nil {
		return nil, err
	}
	return status.New(ctx, status.Config{
		Master: master, Publication: log, Waiting: waiting, Targets: targets, Limits: limits, Now: h.now,
	})
}

// expected are the targets of the configuration, with what this host remembers of its last sync of each.
func (h *host) expected() ([]status.ExpectedTarget, error) {
	all := []status.ExpectedTarget{}
	for _, t := range h.conf.Targets {
		last, err := publish.LastSync(h.stateDir(), t.Name)
		if err != nil {
			return nil, err
		}
		x := status.ExpectedTarget{Name: t.Name}
		if last != nil {
			x.Last = &status.SyncStatus{At: last.At, Finished: last.Finished, Why: last.Why}
		}
		all = append(all, x)
	}
	return all, nil
}

func (h *host) status(c *cli.Context) error {
	lang, err := cliexit.Language(c)
	if err != nil {
		return err
	}
	s, err := h.currentStatus(c.Context, c)
	if err != nil {
		return err
	}
	var figures bytes.Buffer
	if err := s.WritePrometheus(&figures); err != nil {
		return err
	}
	if err := h.measured(c, figures.Bytes()); err != nil {
		return err
	}
	if file := c.String("html"); file != "" {
		if err := writeHTML(file, dashboard.Page{Status: s, Lang: lang}); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		err = s.WriteJSON(c.App.Writer)
	} else {
		_, err = fmt.Fprintln(c.App.Writer, s.LineIn(lang))
	}
	if err == nil && (s.Warn || s.Critical) {
		err = &cliexit.Error{Code: cliexit.Findings}
	}
	return err
}
