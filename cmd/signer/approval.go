package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/approval"
	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
)

// The flags of every command that may need approvals.
var (
	approvalFlag = &cli.StringSliceFlag{Name: "approval",
		Usage: "the approval request, or an SSH signature on it, a `FILE`, or a folder of them; may be repeated"}
	askFlag = &cli.StringFlag{Name: "approval-request",
		Usage: "write what people have to approve to the new `FILE`, and do nothing else"}
)

func approvalCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name: "approval",
		Usage: "put the rule of the configuration on record: who has to approve what; a weaker one needs the " +
			"approval of those on record",
		Flags: cliexit.Flags(dryFlag, approvalFlag, askFlag),
		Action: func(c *cli.Context) error {
			o, err := options(c, now)
			if err != nil {
				return err
			}
			if o.DryRun = c.Bool(dryFlag.Name); o.DryRun && c.IsSet(askFlag.Name) {
				return cliexit.UsageError("--%s writes a request and --dry-run writes nothing: leave one of them out",
					askFlag.Name)
			}
			s, err := room.ChangeRule(c.Context, o)
			if err != nil {
				return asking(c, coded(err))
			}
			if s.Quorum == 0 {
				say(c, "one person suffices for everything: there is no signer.approval")
			} else {
				say(c, "%d of %s must approve: %s", s.Quorum, strings.Join(s.People, ", "), strings.Join(s.For, ", "))
			}
			if s.Changed {
				say(c, would(c, "recorded, tree size %d", "would be recorded; the log has %d entries"), s.Size)
			}
			for _, what := range s.NeedsApproval {
				say(c, "%s", what)
			}
			return answer(c, s)
		},
	}
}

// papers reads what --approval names.
func papers(c *cli.Context) (p approval.Papers, err error) {
	for _, path := range c.StringSlice("approval") {
		files := []string{path}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			if files, err = papersIn(path); err != nil {
				return p, fmt.Errorf("reading approvals: %w", err)
			}
		}
		for _, file := range files {
			raw, err := readLimited(file, approval.MaxRequest)
			if err != nil {
				return p, fmt.Errorf("reading approvals: %w", err)
			}
			if err := p.Add(file, raw); err != nil {
				return p, cliexit.UsageError("--approval: %w", err)
			}
		}
	}
	return p, nil
}

// papersIn are the files of a folder, without those that file managers leave behind.
func papersIn(dir string) (files []string, err error) {
	all, err := os.ReadDir(dir)
	for _, e := range all {
		if !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, err
}

// asker writes the request to the file that --approval-request names; nil when the act is to be done.
func asker(c *cli.Context) (func([]byte) error, error) {
	file := c.String("approval-request")
	if file == "" {
		return nil, nil
	}
	if len(c.StringSlice("approval")) > 0 {
		return nil, cliexit.UsageError("--approval-request asks for approval, --approval has it: name one of them")
	}
	if err := absent("approval-request", file); err != nil {
		return nil, err
	}
	return func(text []byte) error {
		return writeNew(file, 0o644, func(w io.Writer) error { _, err := w.Write(text); return err })
	}, nil
}

// asking says what to do with the request that was written instead of acting.
func asking(c *cli.Context, err error) error {
	if !errors.Is(err, room.ErrAsked) {
		return err
	}
	file := c.String("approval-request")
	text, err := readLimited(file, approval.MaxRequest)
	if err != nil {
		return fmt.Errorf("reading the approval request: %w", err)
	}
	say(c,
		"%swrote %s; nothing was done. Whoever approves signs the file as it is:\n  ssh-keygen -Y sign -n %s -f KEY %s",
		text, file, approval.Namespace, file)
	return answer(c, askedAnswer{file, artifact.Sum(text).String()})
}

// confirm asks on a terminal, unless nothing is done but to ask others.
func confirm(c *cli.Context, what string) error {
	if c.IsSet("approval-request") {
		return nil
	}
	return cliexit.Confirm(c, what)
}

// noApproval refuses the flags of approvals where nobody is asked for any.
func noApproval(c *cli.Context, what string) error {
	if c.IsSet("approval") || c.IsSet("approval-request") {
		return cliexit.UsageError("%s needs no approval: leave out --approval and --approval-request", what)
	}
	return nil
}
