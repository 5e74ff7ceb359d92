package main

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
	"seihon/internal/durable"
	"seihon/internal/regular"
	"seihon/ledger"
	"seihon/verify"
	"seihon/verify/report"
	"seihon/verify/uptime"
)

// ofPublication is added to the name of the file with the master log's checkpoint.
const ofPublication = ".publication"

// checkpointFiles are where the auditor's last checkpoints are: those of the command line, or that of the
// configuration; and beside a single one, what --remember kept of the publication log.
func (h *host) checkpointFiles(c *cli.Context) (files []string, given bool) {
	files, given = c.StringSlice("checkpoint"), c.IsSet("checkpoint")
	if !given && h.conf.Verify.Checkpoint != "" {
		files = []string{string(h.conf.Verify.Checkpoint)}
	}
	if len(files) == 1 && exists(files[0]+ofPublication) {
		files = append(files, files[0]+ofPublication)
	}
	return files, given
}

// knownCheckpoints reads them and gives each to the log that it is of. A file that was named and is not there is a
// mistake: what the auditor means to compare with would silently not be compared with.
func (h *host) knownCheckpoints(c *cli.Context, conf *verify.Config) error {
	files, given := h.checkpointFiles(c)
	for _, file := range files {
		if !exists(file) && (!given || c.Bool("first")) {
			continue
		}
		if !exists(file) {
			return cliexit.UsageError("the checkpoint %q is not there; correct its name, or give --first when there "+
				"is none yet", file)
		}
		known, err := regular.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading the auditor's last checkpoint: %w", err)
		}
		cp, err := ledger.ParseCheckpoint(known)
		if err == nil && cp.Origin == h.conf.Publication.Origin {
			if conf.Publication == "" || conf.PublicationVerifier == nil {
				return cliexit.UsageError("%q is a checkpoint of the publication log, and that log or its key is not "+
					"there to compare with; see publication.directory and publication.vkey", file)
			}
			conf.PublicationKnown = append(conf.PublicationKnown, known)
			continue
		}
		if err == nil && cp.Origin != h.conf.Master.Origin && !c.Bool("first") {
			return cliexit.UsageError("%q is a checkpoint of the log %q; this configuration looks at %q and %q: "+
				"correct the name", file, cp.Origin, h.conf.Master.Origin, h.conf.Publication.Origin)
		}
		conf.Known = append(conf.Known, known) // what is no checkpoint at all is a finding
	}
	return nil
}

// remember keeps the checkpoints that were seen: each in the file that its predecessor came from.
func (h *host) remember(c *cli.Context, r *report.Report) error {
	files, _ := h.checkpointFiles(c)
	if len(files) == 0 {
		return cliexit.UsageError("--remember needs --checkpoint or verify.checkpoint")
	}
	master, publication := files[0], files[0]+ofPublication
	for _, file := range files {
		known, err := regular.ReadFile(file)
		if err != nil {
			continue
		}
		if cp, err := ledger.ParseCheckpoint(known); err == nil && cp.Origin == h.conf.Publication.Origin {
			if publication = file; file == master { // nothing names a file for the master's
				master = ""
			}
		} else {
			master = file
		}
	}
	if r.Publication != nil {
		if err := durable.WriteFile(publication, []byte(r.Publication.Checkpoint), 0o644); err != nil {
			return err
		}
	}
	if master == "" {
		return nil
	}
	return durable.WriteFile(master, []byte(r.Log.Checkpoint), 0o644)
}

// lookedAt tells which copy shows each place that the configuration publishes to.
func (h *host) lookedAt(c *cli.Context) []uptime.Target {
	looked := c.StringSlice("source")
	if !c.IsSet("source") {
		for _, s := range h.conf.Verify.Sources {
			looked = append(looked, string(s))
		}
	}
	var out []uptime.Target
	for _, t := range h.conf.Targets {
		target := uptime.Target{Name: t.Name, Addresses: t.Addresses()}
		for _, s := range looked {
			if s == string(t.Directory) || slices.Contains(target.Addresses, s) {
				target.Source = s
			}
		}
		out = append(out, target)
	}
	return out
}
