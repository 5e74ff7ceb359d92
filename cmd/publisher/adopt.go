package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/artifact"
	"seihon/internal/cliexit"
	"seihon/internal/regular"
	"seihon/ledger"
	"seihon/publish"
	"seihon/publish/adopt"
)

func adoptCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name: "adopt",
		Usage: "take over a bucket or web root that was filled by other means: say what is what, and record what a " +
			"sync may replace",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "target", Usage: "the target `NAME`; the credentials must be able to list it",
				Required: true},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what there is, and record nothing (as without --yes)"},
			&cli.BoolFlag{Name: "yes",
				Usage: "record what was found in the publication log, so that publisher sync may replace it; with " +
					"--remove: remove"},
			&cli.StringFlag{Name: "remove",
				Usage: "remove the objects that `FILE` names, one a line: what a takeover recorded, once the target " +
					"is complete"},
		),
		Action: observed(now, (*host).adopt),
	}
}

func (h *host) adopt(c *cli.Context) error {
	if c.Bool("yes") && c.Bool("dry-run") {
		return cliexit.UsageError("--yes and --dry-run contradict each other")
	}
	conf, err := h.adoptConfig(c)
	if err != nil {
		return err
	}
	var remove []string
	if file := c.String("remove"); file != "" {
		if remove, err = namesIn(file); err != nil {
			return err
		}
	}
	r, err := adopt.Look(c.Context, conf)
	if err != nil {
		return err
	}
	switch {
	case c.String("remove") != "":
		err = h.clear(c, conf, r, remove)
	case c.Bool("yes") && !r.Stops():
		err = h.takeOver(c.Context, conf, r)
	}
	if errors.Is(err, adopt.ErrNotRemovable) {
		return &cliexit.Error{Code: cliexit.Usage, Err: err}
	}
	if err != nil {
		return locked(err)
	}
	if err := printAdopt(c, r, h.conf.Names != nil); err != nil {
		return err
	}
	switch {
	case r.Stops() && c.Bool("yes") && c.String("remove") == "":
		return &cliexit.Error{Code: cliexit.Findings,
			Err: fmt.Errorf("target %q was not taken over, and nothing was recorded; see the result", r.Target)}
	case !r.Clean():
		return &cliexit.Error{Code: cliexit.Findings}
	}
	return nil
}

func (h *host) adoptConfig(c *cli.Context) (adopt.Config, error) {
	if err := h.checkChoices(c); err != nil {
		return adopt.Config{}, err
	}
	master, err := h.master(c.Context)
	if err != nil {
		return adopt.Config{}, err
	}
	policy, err := h.policy(c.Context, master)
	if err != nil {
		return adopt.Config{}, err
	}
	targets, err := h.targets(c.Context, c.String("target"))
	if err != nil {
		return adopt.Config{}, err
	}
	conf := adopt.Config{
		Target: targets[0].Name, Store: targets[0].Store, Master: master, Trust: policy.Trust,
		Aliases: h.conf.Aliases(), Now: h.now,
	}
	if show := cliexit.Progress(c); show != nil {
		conf.Told = func(done, bytes int64) { show("%d objects, %d bytes", done, bytes) }
	}
	return conf, nil
}

func (h *host) takeOver(ctx context.Context, conf adopt.Config, r *adopt.Report) error {
	log, err := h.publication(ctx)
	if err != nil {
		return err
	}
	return errors.Join(adopt.Record(ctx, conf, log, r), log.Close())
}

// clear removes with --yes, and says without it what would go.
func (h *host) clear(c *cli.Context, conf adopt.Config, r *adopt.Report, names []string) error {
	if !c.Bool("yes") {
		found, err := h.foundOn(c.Context, conf.Target)
		if err != nil {
			return err
		}
		return adopt.Clear(c.Context, conf, nil, found, r, names)
	}
	log, err := h.publication(c.Context)
	if err != nil {
		return err
	}
	found, err := publish.Found(c.Context, log.Log(), conf.Target)
	if err == nil {
		err = adopt.Clear(c.Context, conf, log, found, r, names)
	}
	return errors.Join(err, log.Close())
}

// foundOn reads what takeovers recorded, without beginning a publication log.
func (h *host) foundOn(ctx context.Context, target string) (map[string]artifact.Digest, error) {
	dir := string(h.conf.Publication.Directory)
	if !exists(filepath.Join(dir, "log", "checkpoint")) {
		return nil, nil
	}
	v, err := h.publicationVerifier()
	if err != nil {
		return nil, err
	}
	log, err := ledger.Open(ctx, dir, v)
	if err != nil {
		return nil, err
	}
	return publish.Found(ctx, log, target)
}

// namesIn reads a list of names, one a line.
func namesIn(file string) (names []string, err error) {
	raw, err := regular.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the names to remove: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		if name := strings.TrimRight(line, "\r\n"); name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, cliexit.UsageError("--remove: %q names nothing; write one name a line", file)
	}
	return names, nil
}
