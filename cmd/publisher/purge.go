package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"
	"go.uber.org/zap"

	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/ledger"
	"seihon/publish/purge"
)

func purgeCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name: "purge",
		Usage: "make the CDN in front of a target forget names before their time; for emergencies, after " +
			"`publisher sync`",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "target", Usage: "only the target `NAME`"},
			&cli.StringSliceFlag{Name: "name",
				Usage: "the public `NAME` to forget, such as crl/sub.crl or docs/*; may be repeated"},
			&cli.BoolFlag{Name: "urgent", Usage: "what tells of revocations: CRLs and OCSP"},
			&cli.BoolFlag{Name: "all", Usage: "everything"},
			&cli.BoolFlag{Name: "wait",
				Usage: "end when the CDN says that it is done, not when it has taken the request"},
			&cli.BoolFlag{Name: "dry-run", Usage: "print the paths and ask nobody"},
		),
		Action: observed(now, func(h *host, c *cli.Context) error {
			results, err := h.purge(c)
			if results != nil {
				err = errors.Join(err, printPurges(c, results))
			}
			return err
		}),
	}
}

// A purged is what became of the CDN of one target.
type purged struct {
	Target   string          `json:"target"`
	CDN      string          `json:"cdn"`
	Paths    []string        `json:"paths"`
	Receipts []purge.Receipt `json:"receipts"`
	Error    string          `json:"error,omitempty"`

	base     string
	timeout  time.Duration
	cdn      purge.CDN
	unopened error // why there is no cdn
}

// purge asks every CDN, whatever became of the one before it, and records what they answered.
func (h *host) purge(c *cli.Context) ([]*purged, error) {
	master, err := h.master(c.Context)
	if err != nil {
		return nil, err
	}
	state, err := master.State(c.Context, master.Size())
	if err != nil {
		return nil, err
	}
	results, err := h.preparePurges(c, state)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, p := range results {
		if err := h.purgeOne(c, p); err != nil {
			p.Error = err.Error()
			errs = append(errs, fmt.Errorf("target %s: %w", p.Target, err))
		}
	}
	return results, errors.Join(append(errs, h.recordPurges(c.Context, master, state, results))...)
}

func (h *host) purgeOne(c *cli.Context, p *purged) error {
	if p.unopened != nil || len(p.Paths) == 0 || c.Bool("dry-run") {
		return p.unopened
	}
	err := p.run(c.Context, c.Bool("wait"))
	h.logger.Named("audit").Info("CDN was asked to forget", zap.String("target", p.Target), zap.String("cdn", p.CDN),
		zap.Int("paths", len(p.Paths)), zap.Int("accepted", len(p.Receipts)))
	return err
}

// preparePurges finds out what every CDN will be asked, before the first one is.
func (h *host) preparePurges(c *cli.Context, state *ledger.State) ([]*purged, error) {
	var results []*purged
	for _, t := range h.conf.Targets {
		if t.CDN == nil || c.String("target") != "" && c.String("target") != t.Name {
			continue
		}
		names, err := h.namesToPurge(c, t, state)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			names = append(names, h.conf.Aliases().For(name)...)
		}
		p := &purged{Target: t.Name, CDN: t.CDN.Kind, Paths: []string{}, Receipts: []purge.Receipt{},
			timeout: t.CDN.Timeout.Std()}
		results = append(results, p)
		if p.cdn, p.base, p.unopened = h.cdn(c.Context, t); p.unopened != nil {
			continue
		}
		if p.Paths, err = p.cdn.Fold(purge.Paths(p.base, names)); err != nil {
			return nil, cliexit.UsageError("target %s: %w", t.Name, err)
		}
	}
	if len(results) == 0 {
		return nil, cliexit.UsageError("there is no CDN to purge; see targets[].cdn in %q, and --target", h.conf.File)
	}
	return results, nil
}

// namesToPurge reads the flags: exactly one of the three ways to say what.
func (h *host) namesToPurge(c *cli.Context, t config.Target, state *ledger.State) ([]string, error) {
	names := c.StringSlice("name")
	ways := 0
	for _, set := range []bool{len(names) > 0, c.Bool("urgent"), c.Bool("all")} {
		if set {
			ways++
		}
	}
	switch {
	case ways != 1:
		return nil,
			cliexit.UsageError("say what to forget: exactly one of --name (as often as needed), --urgent and --all")
	case c.Bool("all"):
		return []string{purge.Everything}, nil
	case c.Bool("urgent"):
		return purge.Urgent(state, h.responseFolders(t)), nil
	}
	// A name may be one that the master withdrew: what should not be public is what an emergency is about.
	for _, name := range names {
		if _, alias := h.conf.Aliases().Of(name); alias {
			continue
		}
		if err := purge.CheckName(name); err != nil {
			return nil, cliexit.UsageError("--name: %w", err)
		}
	}
	return names, nil
}

// run asks one CDN, within its deadline.
func (p *purged) run(ctx context.Context, wait bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.timeout,
		fmt.Errorf("the purge took more than %v (cdn.timeout)", p.timeout))
	defer cancel()
	receipts, err := p.cdn.Purge(ctx, p.Paths)
	p.Receipts = append(p.Receipts, receipts...)
	if err == nil && wait {
		err = p.cdn.Wait(ctx, p.Receipts)
	}
	return err
}

func printPurges(c *cli.Context, results []*purged) error {
	if c.Bool("json") {
		return cliexit.PrintJSON(c.App.Writer, results)
	}
	w := c.App.Writer
	for _, p := range results {
		if c.Bool("dry-run") {
			for _, path := range p.Paths {
				fmt.Fprintf(w, "%s: %s would forget %s\n", p.Target, p.CDN, path)
			}
			continue
		}
		for _, r := range p.Receipts {
			how := "was asked to forget"
			if r.Done {
				how = "forgot"
			}
			fmt.Fprintf(w, "%s: %s %s %s", p.Target, p.CDN, how, r.Path)
			if r.ID != "" {
				fmt.Fprintf(w, " (%s)", r.ID)
			}
			fmt.Fprintln(w)
		}
		if p.unopened != nil {
			fmt.Fprintf(w, "%s: nothing was asked\n", p.Target)
		}
		if n := len(p.Paths) - len(p.Receipts); n > 0 {
			fmt.Fprintf(w, "%s: %d of %d paths are left\n", p.Target, n, len(p.Paths))
		}
	}
	return nil
}
