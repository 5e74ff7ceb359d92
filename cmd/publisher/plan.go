package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
	"seihon/publish"
)

func planCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:   "plan",
		Usage:  "print what `publisher sync` will do, with requests, bytes and estimated cost",
		Flags:  cliexit.Flags(syncFlags()[:4]...),
		Action: observed(now, (*host).plan),
	}
}

// plan prints what a sync would do.
func (h *host) plan(c *cli.Context) error {
	conf, done, err := h.publishConfig(c.Context, c)
	if err != nil {
		return err
	}
	defer done()
	plans, res, err := publish.Plans(c.Context, conf)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		if err := cliexit.PrintJSON(c.App.Writer, plans); err != nil {
			return err
		}
		return unfinished(res)
	}
	for _, p := range plans {
		if p != nil {
			printPlan(c, p)
		}
	}
	return unfinished(res)
}

func printPlan(c *cli.Context, p *publish.Plan) {
	w := c.App.Writer
	for _, s := range p.Steps {
		urgent := ""
		if s.Stage.Urgent() {
			urgent = "  urgent"
		}
		fmt.Fprintf(w, "%s: %-7s %s  %d bytes%s\n", p.Target, s.Action, s.Name, s.Size, urgent)
	}
	e := p.Estimate
	fmt.Fprintf(w, "%s: size %d → %d, %d objects, %d bytes, %d PUT, %d GET, %d DELETE, about %.4f USD\n",
		p.Target, p.From, p.To, e.Objects, e.Bytes, e.Puts, e.Gets, e.Deletes, e.USD)
}
