package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
	"seihon/internal/sdnotify"
	"seihon/verify/dashboard"
	"seihon/verify/status"
)

func dashboardCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name: "dashboard",
		Usage: "show the status to the people on shift, as a page on this machine: shelf life, targets, last runs, " +
			"probes, reviews, what to look at",
		Flags: cliexit.Flags(append(cliexit.ShelfLifeFlags(),
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:8079",
				Usage: "the `ADDRESS` of the page, which must be of this machine alone"},
			&cli.BoolFlag{Name: "allow-remote", Usage: "let other machines see the page; it asks nobody who they are"},
			&cli.StringSliceFlag{Name: "name",
				Usage: "a host `NAME` by which browsers may ask, besides addresses in numbers and localhost; may be " +
					"repeated"},
			&cli.DurationFlag{Name: "refresh", Value: 30 * time.Second, Usage: "the page asks again after `DURATION`"},
			cliexit.LangFlag(),
		)...),
		Action: func(c *cli.Context) error {
			h, err := open(c, now)
			if err != nil {
				return err
			}
			return h.dashboard(c)
		},
	}
}

func (h *host) dashboard(c *cli.Context) error {
	lang, err := cliexit.Language(c)
	if err != nil {
		return err
	}
	if !c.IsSet("lang") {
		lang = "" // the browser says it
	}
	refresh := c.Duration("refresh")
	if refresh < time.Second || refresh > 24*time.Hour {
		return cliexit.UsageError("--refresh is %v, must be from 1s to 24h", refresh)
	}
	listen, remote := c.String("listen"), c.Bool("allow-remote")
	if err := dashboard.CheckListen(listen, remote); errors.Is(err, dashboard.ErrRemote) {
		return cliexit.UsageError("--listen %w; name an address such as 127.0.0.1:8079, or say --allow-remote", err)
	} else if err != nil {
		return cliexit.UsageError("--listen %w", err)
	}
	server, err := dashboard.NewServer(dashboard.Config{
		Listen: listen, Remote: remote, Names: c.StringSlice("name"), Lang: lang, Refresh: refresh,
		Status: func(ctx context.Context) (*status.Status, error) { return h.currentStatus(ctx, c) }, Now: h.now,
		Logger: h.logger,
	})
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; another program has that port: end it, or name another address with --listen", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "http://%s/ shows the status; SIGTERM or Ctrl-C ends it\n", server.Addr())
	if err := sdnotify.Send(sdnotify.Ready); err != nil {
		return err
	}
	go sdnotify.Watch(c.Context, func() bool { return true })
	return server.Run(c.Context)
}
