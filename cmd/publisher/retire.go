package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/artifact"
	"seihon/internal/cliexit"
	"seihon/ledger"
)

func retireCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name: "retire",
		Usage: "say on record that a target, which the configuration does not name any more, is given up; it leaves " +
			"the status and its alarms",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "target", Usage: "the target `NAME`", Required: true},
			&cli.StringFlag{Name: "reason", Usage: "the `REASON`, for the auditor", Required: true},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be recorded, and record nothing"},
		),
		Action: observed(now, (*host).retire),
	}
}

func (h *host) retire(c *cli.Context) error {
	name, reason := c.String("target"), strings.TrimSpace(c.String("reason"))
	if reason == "" {
		return cliexit.UsageError("--reason is empty")
	}
	for _, t := range h.conf.Targets {
		if t.Name == name {
			return cliexit.UsageError("--target %s is in the configuration: take it out first, and what lies there "+
				"stays public until somebody removes it", name)
		}
	}
	s, err := h.currentStatus(c.Context, c)
	if err != nil {
		return err
	}
	var known []string
	for _, t := range s.Targets {
		if !t.Configured {
			known = append(known, t.Name)
		}
	}
	if len(known) == 0 {
		return cliexit.UsageError("--target %s: the publication log knows of no target that the configuration does "+
			"not name", name)
	}
	if err := cliexit.Choice("target", name, known...); err != nil {
		return err
	}
	word := "would retire"
	if !c.Bool("dry-run") {
		word = "retired"
		if err := h.recordRetired(c.Context, name, reason); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		return cliexit.PrintJSON(c.App.Writer, retired{Target: name, Reason: reason, DryRun: c.Bool("dry-run")})
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s %s; what lies there stays public until somebody removes it\n", word, name)
	return err
}

// retired is the answer to --json.
type retired struct {
	Target string `json:"target"`
	Reason string `json:"reason"`
	DryRun bool   `json:"dry_run"`
}

// recordRetired writes the statement into the publication log.
func (h *host) recordRetired(ctx context.Context, name, reason string) error {
	log, err := h.publication(ctx)
	if err != nil {
		return locked(err)
	}
	digest, size, err := log.PutBlob(ctx, artifact.Log, strings.NewReader(reason))
	if err != nil {
		return errors.Join(err, log.Close())
	}
	err = log.Append(ctx, &ledger.Entry{Evidence: &ledger.Evidence{Kind: ledger.EvidenceRetired, Name: name,
		Digest: digest, Size: size, Note: reason}})
	if err == nil {
		_, err = log.Commit(ctx)
	}
	return errors.Join(err, log.Close())
}
