package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/accept"
	"seihon/hsmsign/room"
	"seihon/hsmsign/schedule"
	"seihon/internal/cliexit"
	"seihon/internal/incoming"
)

func acceptCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "accept",
		Usage: "take in what a CA that keeps its own software has signed: lists, certificates, responses, documents",
		Flags: cliexit.Flags(
			&cli.StringSliceFlag{Name: "file",
				Usage: "a `FILE` that the CA signed, in DER, a tar of such files, or a folder with all that is below " +
					"it; may be repeated"},
			&cli.StringFlag{Name: "issuer", Usage: "refuse what is not of issuer `NAME`"},
			&cli.StringFlag{Name: "document",
				Usage: "the PDF among the files is the document `NAME` of the configuration; its detached signature " +
					"may be another of the files"},
			&cli.StringFlag{Name: "document-version", Usage: "with --document: its `VERSION`"},
			&cli.StringFlag{Name: "override",
				Usage: "a signed permission `FILE` for a list among the files that would unsay what an earlier " +
					"one said"},
			&cli.StringFlag{Name: "watch",
				Usage: "empty the drop folder `DIR` until the command is stopped, and sign what is due then"},
			&cli.DurationFlag{Name: "every", Usage: "with --watch: look each `DURATION`", Value: 5 * time.Second},
			dryFlag, approvalFlag, askFlag,
			&cli.BoolFlag{Name: "once", Usage: "with --watch: look once"},
		),
		Action: func(c *cli.Context) error {
			switch files, dir := c.StringSlice("file"), c.String("watch"); {
			case (len(files) == 0) == (dir == ""):
				return cliexit.UsageError("name what to take in: --file, or --watch with the drop folder")
			case dir == "" && (c.IsSet("every") || c.IsSet("once")):
				return cliexit.UsageError("--every and --once belong to --watch")
			case c.Duration("every") <= 0:
				return cliexit.UsageError("--every is %v, must be longer than nothing, such as 5s", c.Duration("every"))
			case dir != "" && (c.IsSet("issuer") || c.IsSet("document") || c.IsSet("override")):
				return cliexit.UsageError("--issuer, --document and --override belong to --file")
			case dir != "" && c.Bool(dryFlag.Name):
				return cliexit.UsageError("--dry-run belongs to --file; `signer run --dry-run` says what of the drop " +
					"folder would be judged")
			case (c.String("document") == "") != (c.String("document-version") == ""):
				return cliexit.UsageError("--document and --document-version belong together")
			case dir != "" && noApproval(c, "a drop folder") != nil:
				return cliexit.UsageError("--approval and --approval-request belong to --file")
			case dir != "":
				return watchFolder(c, now, dir)
			default:
				return inRoom(c, now, func(r *room.Room) error { return acceptFiles(c, now, r, files) })
			}
		},
	}
}

func acceptFiles(c *cli.Context, now func() time.Time, r *room.Room, files []string) error {
	named := accept.DocumentName{Name: c.String("document"), Version: c.String("document-version")}
	var inputs []accept.Input
	if file := c.String("override"); file != "" {
		o, err := readOverride(c)
		if err != nil { // what is no override would be taken for something else
			return err
		}
		if err := r.ApproveOverride(c.Context, c.String("issuer"), "accept", o); err != nil {
			return err
		}
		files = append(files, file)
	}
	for _, file := range files {
		of := accept.Input{Name: file, Issuer: c.String("issuer"), Document: named,
			Read: func() ([]byte, error) { return readLimited(file, maxCRL) }}
		if info, err := os.Stat(file); err != nil || !info.IsDir() {
			inputs = append(inputs, of)
			continue
		}
		below, err := folderInputs(file, now, of)
		if err != nil {
			return err
		}
		inputs = append(inputs, below...)
	}
	res, err := accept.Inputs(c.Context, r, inputs)
	if err != nil {
		return err
	}
	tellVerdicts(c, res.Verdicts)
	if !res.DryRun && slices.ContainsFunc(res.Verdicts,
		func(v accept.Verdict) bool { return v.Refused == "" && v.Failed == "" && !v.Present }) {
		say(c, "the master log has %d entries; `signer run` makes the answers that follow from it", res.Size)
	}
	return errors.Join(res.Err(), answer(c, res))
}

// folderInputs are the files below a folder, as a drop folder would be looked through; they stay where they are.
func folderInputs(dir string, now func() time.Time, of accept.Input) ([]accept.Input, error) {
	folder := &incoming.Folder{Dir: dir, Now: now}
	files, _, err := folder.Look()
	if err == nil && len(files) == 0 {
		err = errors.New("there is no file in it")
	}
	if err != nil {
		return nil, fmt.Errorf("handing over folder %q: %w", dir, err)
	}
	var all []accept.Input
	for _, file := range files {
		in := of
		in.Name, in.Size, in.Read = filepath.Join(dir, incoming.Printable(file.Name)), file.Size,
			func() ([]byte, error) { return folder.Read(file) }
		all = append(all, in)
	}
	return all, nil
}

// tellVerdicts says what became of inputs, in a line for each that can be shown on a terminal.
func tellVerdicts(c *cli.Context, verdicts []accept.Verdict) {
	for i := range verdicts {
		for _, line := range verdicts[i].Lines() {
			say(c, "%s", line)
		}
	}
}

// watchFolder empties a folder again and again. The room is open only while there is something to take.
func watchFolder(c *cli.Context, now func() time.Time, dir string) error {
	conf, err := load(c)
	if err != nil {
		return err
	}
	settle := time.Minute
	if conf.Accept != nil {
		settle = conf.Accept.Settle.Std()
	}
	folder := &incoming.Folder{Dir: dir, Settle: settle, Now: now}
	for {
		ready, err := folder.Ready()
		if err != nil {
			return err
		}
		if ready {
			err = withRoom(c, now, func(r *room.Room) error { return emptyOnce(c, r, folder) })
		}
		if c.Bool("once") {
			return err
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			fmt.Fprintf(c.App.ErrWriter, "signer: %v\n", err)
		}
		select {
		case <-c.Context.Done():
			return c.Context.Err()
		case <-time.After(c.Duration("every")):
		}
	}
}

// emptyOnce takes what is in the folder, and signs what is due then: a revocation has to reach the answers at once.
func emptyOnce(c *cli.Context, r *room.Room, folder *incoming.Folder) error {
	res, err := accept.Empty(c.Context, r, folder)
	if res == nil {
		return err
	}
	tellVerdicts(c, res.Verdicts)
	err = errors.Join(res.Err(), err, answer(c, res))
	run, failed := schedule.Run(c.Context, r, schedule.Force{NoFolder: true})
	if run != nil {
		tell(c, run)
	}
	return errors.Join(err, failed)
}
