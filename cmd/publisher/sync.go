package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
	"seihon/ledger"
	"seihon/publish"
)

func syncFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "target", Usage: "only the target `NAME`"},
		&cli.StringFlag{Name: "only", Usage: "`urgent`: publish revocations and what they touch, nothing else"},
		&cli.BoolFlag{Name: "repair", Usage: "restore from the master what somebody changed on a target"},
		&cli.BoolFlag{Name: "prune", Usage: "remove what the master log withdrew"},
		&cli.BoolFlag{Name: "new-log",
			Usage: "begin another publication log in the place of one that is lost or was put back; needs --reason, " +
				"and is its first entry"},
		&cli.StringFlag{Name: "reason", Usage: "`TEXT`: why --new-log is needed, for the record"},
		&cli.StringFlag{Name: "prometheus",
			Usage: "write the figures to `FILE` for node_exporter's textfile collector"},
	}
}

func syncCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "sync",
		Usage: "bring every target up to the master",
		Flags: cliexit.Flags(append(syncFlags(),
			&cli.BoolFlag{Name: "dry-run",
				Usage: "say what would be sent, as publisher plan does, and change nothing"})...),
		Action: observed(now, func(h *host, c *cli.Context) error {
			if c.Bool("dry-run") {
				return h.plan(c)
			}
			res, err := h.sync(c)
			if res != nil {
				err = errors.Join(err, printSync(c, res))
			}
			return err
		}),
	}
}

// checkChoices refuses a target and a part that do not exist.
func (h *host) checkChoices(c *cli.Context) error {
	var targets []string
	for _, t := range h.conf.Targets {
		targets = append(targets, t.Name)
	}
	return errors.Join(cliexit.Choice("only", c.String("only"), string(publish.Urgent)),
		cliexit.Choice("target", c.String("target"), targets...))
}

// sync publishes and returns the error with the exit code that the result stands for.
func (h *host) sync(c *cli.Context) (*publish.Result, error) {
	if err := h.checkChoices(c); err != nil {
		return nil, err
	}
	conf, done, err := h.publishConfig(c.Context, c)
	if err != nil {
		return nil, locked(err)
	}
	defer done()
	res, err := publish.Sync(c.Context, conf)
	if err != nil {
		return nil, locked(err)
	}
	if err := h.measured(c, syncFigures(res, h.now())); err != nil {
		return res, err
	}
	switch err := unfinished(res); {
	case err != nil:
		return res, err
	case res.Refused():
		return res, &cliexit.Error{Code: cliexit.Refused,
			Err: errors.New("section A refused artifacts; everything else is public, see the result")}
	case res.Found():
		return res, &cliexit.Error{Code: cliexit.Findings,
			Err: errors.New("a target holds what the publisher did not put there; see the result, and --repair")}
	case res.Unsaid():
		return res, &cliexit.Error{Code: cliexit.Record,
			Err: errors.New("the master log unsays what it said: nothing was sent for the issuers named in the result")}
	}
	return res, nil
}

// publishConfig gathers what plan and sync need; done releases it.
func (h *host) publishConfig(ctx context.Context, c *cli.Context) (publish.Config, func(), error) {
	master, err := h.master(ctx)
	if err != nil {
		return publish.Config{}, nil, err
	}
	policy, err := h.policy(ctx, master)
	if err != nil {
		return publish.Config{}, nil, err
	}
	targets, err := h.targets(ctx, c.String("target"))
	if err != nil {
		return publish.Config{}, nil, err
	}
	keys, err := h.overrideKeys()
	if err != nil {
		return publish.Config{}, nil, err
	}
	conf := publish.Config{
		Master: master, Policy: policy, Targets: targets, OverrideKeys: keys,
		StateDir: h.stateDir(),
		Only:     publish.Only(c.String("only")), Repair: c.Bool("repair"), Prune: c.Bool("prune"),
		Now: h.now, Logger: h.logger,
	}
	if show := cliexit.Progress(c); show != nil {
		conf.Progress = func(p publish.Progress) {
			show("%s: %s objects, %s bytes", p.Target, cliexit.Of(int64(p.Done), int64(p.Objects)),
				cliexit.Of(p.Bytes, p.Total))
		}
	}
	if c.Command.Name == "plan" || c.Bool("dry-run") {
		return conf, func() {}, nil
	}
	switch again, reason := c.Bool("new-log"), strings.TrimSpace(c.String("reason")); {
	case again != (reason != ""):
		return publish.Config{},
			nil, cliexit.UsageError("--new-log and --reason belong together: what begins anew says why")
	case again:
		if err := h.beginAgain(ctx, reason); err != nil {
			return publish.Config{}, nil, err
		}
	}
	if conf.Publication, err = h.publication(ctx); err != nil {
		return publish.Config{}, nil, err
	}
	return conf, func() { _ = conf.Publication.Close() }, nil
}

// unfinished is why targets could not be finished, with its exit code.
func unfinished(res *publish.Result) error {
	if res.OnTrial() {
		return &cliexit.Error{Code: cliexit.Refused, Err: res.Err()}
	}
	if res.Unrecorded() {
		return &cliexit.Error{Code: cliexit.Record, Err: res.Err()}
	}
	return locked(res.Err())
}

// locked gives a lock held by another process its exit code.
func locked(err error) error {
	if errors.Is(err, publish.ErrLocked) || errors.Is(err, ledger.ErrLocked) {
		return &cliexit.Error{Code: cliexit.Locked, Err: err}
	}
	return err
}

func printSync(c *cli.Context, res *publish.Result) error {
	if c.Bool("json") {
		return cliexit.PrintJSON(c.App.Writer, res)
	}
	for i := range res.Targets {
		printTarget(c, &res.Targets[i])
	}
	return nil
}

func printTarget(c *cli.Context, t *publish.TargetResult) {
	w := c.App.Writer
	switch {
	case t.Unchanged():
		fmt.Fprintf(w, "%s: nothing to send, complete at size %d (%d requests)\n", t.Target, t.Size, t.Counts.Requests)
	default:
		fmt.Fprintf(w, "%s: sent %d objects, %d bytes, size %d → %d, %d requests, %v\n",
			t.Target, t.Counts.Sent, t.Counts.Bytes, t.From, t.Size, t.Counts.Requests,
			t.Elapsed.Round(time.Millisecond))
	}
	if t.Counts.Deleted > 0 {
		fmt.Fprintf(w, "%s: removed %d withdrawn objects\n", t.Target, t.Counts.Deleted)
	}
	if t.Counts.Kept > 0 {
		fmt.Fprintf(w, "%s: %d withdrawn objects are still public; --prune removes them\n", t.Target, t.Counts.Kept)
	}
	for _, r := range t.Refused {
		fmt.Fprintf(w, "%s: REFUSED %s: %v\n", t.Target, r.Name, r.Refusal)
	}
	for _, f := range t.Unsaid {
		fmt.Fprintf(w, "%s: UNSAID %s; nothing of this issuer was sent\n", t.Target, f)
	}
	for _, f := range t.Findings {
		fmt.Fprintf(w, "%s: %s %s: %s; %s\n", t.Target, f.Code, f.Name, f.Detail, f.Hint)
	}
	switch {
	case !t.Complete && t.Behind == 0:
		fmt.Fprintf(w, "%s: incomplete\n", t.Target)
	case !t.Complete:
		fmt.Fprintf(w, "%s: incomplete, behind the master by %v\n", t.Target, t.Behind.Round(time.Second))
	}
}
