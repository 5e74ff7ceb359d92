package main

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/verify"
	"seihon/verify/report"
)

func verifyFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "tier", Value: "full", Usage: "how deep: `TIER` log, list, full or sample"},
		&cli.IntFlag{Name: "sample", Usage: "with --tier sample: how many `NAMES`; default 100"},
		&cli.UintFlag{Name: "seed",
			Usage: "with --tier sample: draw the names of the report with this `SEED` again; default: a new draw, " +
				"which nobody can know beforehand"},
		&cli.StringSliceFlag{Name: "source",
			Usage: "a folder or base `URL` with public copies; may be repeated; default: verify.sources; with --tier " +
				"log its public log is checked, without any master"},
		&cli.StringSliceFlag{Name: "responder",
			Usage: "the `ADDRESS` of the OCSP responder below a --source, to ask it what the master answers; may be " +
				"repeated; default: serve.ocsp_path below the urls of targets with ocsp: true"},
		&cli.BoolFlag{Name: "list",
			Usage: "list the buckets behind the targets' urls, to find what nobody promised; needs a role that " +
				"may list"},
		proxyFlag,
		&cli.BoolFlag{Name: "offline", Usage: "folders only, no network"},
		&cli.StringFlag{Name: "master",
			Usage: "the master's `FOLDER`, or a bag of `signer archive`; default: master.directory"},
		&cli.StringSliceFlag{Name: "checkpoint",
			Usage: "the auditor's last checkpoint `FILE`, of the master log or of the publication log; may be " +
				"repeated; default: verify.checkpoint and, beside it, FILE.publication"},
		&cli.BoolFlag{Name: "first",
			Usage: "there is no last checkpoint yet: the files of --checkpoint need not be there, and that of --pins " +
				"is written"},
		&cli.StringFlag{Name: "pins",
			Usage: "the auditor's own `FILE` of anchors, keys, origins, addresses and witnesses, auditor.yaml; a " +
				"configuration that pins less is a critical finding"},
		&cli.BoolFlag{Name: "remember",
			Usage: "keep the checkpoints of both logs for the next time when nothing was found"},
		&cli.StringFlag{Name: "html",
			Usage: "also write the report as one HTML `FILE`, in Japanese and English, and beside it the annex, " +
				"FILE.annex.csv and FILE.annex.jsonl, with the observations in FILE.annex.uptime.csv and .jsonl"},
		&cli.StringFlag{Name: "auditor", Usage: "who verifies, for the report's first page: a `NAME`"},
		&cli.StringFlag{Name: "body", Usage: "the survey body that the report is for: a `NAME`"},
		samplesFlag(),
		&cli.StringFlag{Name: "inventory", Usage: "the room's inventory `FILE`, from `signer inventory`"},
		&cli.BoolFlag{Name: "empty",
			Usage: "the inventory is known to have no certificate of an issuer, or none at all"},
		&cli.StringFlag{Name: "price", Value: defaultPrice,
			Usage: "`DOLLARS` for a million requests and, after a comma, for a GB sent out; for the estimate"},
	}
}

// auditorFlags are those that only `publisher verify` has.
func auditorFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "resume",
			Usage: "keep in `FILE` how far the network copies were read, and go on there when a run was interrupted; " +
				"--tier full only"},
		&cli.StringFlag{Name: "report", Usage: "also write the report as JSON to `FILE`"},
		&cli.StringFlag{Name: "sign-with",
			Usage: "sign the files of --report and --html with the auditor's own `KEY`, ssh:PATH or pem:PATH, into " +
				"FILE.sig"},
		&cli.StringFlag{Name: "now",
			Usage: "judge as of `TIME`, such as 2026-11-21T07:00:00Z, to repeat an earlier check; no time of reading " +
				"is recorded then"},
		&cli.BoolFlag{Name: "estimate",
			Usage: "print what reading the public copies would cost, and stop before the first request"},
	}
}

func verifyCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "verify",
		Usage: "prove that master == copy == allowed == fresh, or report what is not",
		Flags: cliexit.Flags(append(verifyFlags(), auditorFlags()...)...),
		Action: observed(now, func(h *host, c *cli.Context) error {
			if c.Bool("estimate") {
				return h.estimate(c)
			}
			key, err := auditorsKey(c) // before the work, which may take hours
			if err != nil {
				return err
			}
			checked, err := h.verify(c)
			if err != nil {
				return err
			}
			return h.deliver(c, checked, key)
		}),
	}
}

// verify makes the check that the flags ask for.
func (h *host) verify(c *cli.Context) (*report.Report, error) {
	conf, err := h.verifyConfig(c)
	if err != nil {
		return nil, err
	}
	if show := cliexit.Progress(c); show != nil {
		conf.Progress = func(p verify.Progress) { show("%s: %s", p.Step, cliexit.Of(int64(p.Done), int64(p.Total))) }
	}
	annex := (*annexFiles)(nil)
	if page := c.String("html"); page != "" {
		if conf.Annex, annex, err = annexOf(page); err != nil {
			return nil, err
		}
	}
	ctx, span := span(c.Context, "verify")
	defer span.End()
	checked, err := verify.Check(ctx, conf)
	if err != nil {
		annex.drop()
		return nil, err
	}
	return checked, annex.keep(checked)
}

func (h *host) verifyConfig(c *cli.Context) (verify.Config, error) {
	if err := h.givenNow(c); err != nil {
		return verify.Config{}, err
	}
	verifier, err := h.verifier()
	if err != nil {
		return verify.Config{}, err
	}
	policy, err := h.policy(c.Context, nil)
	if err != nil {
		return verify.Config{}, err
	}
	cost, err := price(c)
	if err != nil {
		return verify.Config{}, err
	}
	conf := verify.Config{
		Price: cost, Announce: h.announce,
		Master: string(h.conf.Master.Directory), Verifier: verifier, Policy: policy,
		BaseURL: h.conf.Repository.BaseURL, OtherURLs: h.conf.Repository.OtherURLs,
		OCSPPath: h.conf.Serve.OCSPPath, OCSPURLs: h.conf.Serve.URLs, Aliases: h.conf.Aliases(),
		Tier: report.Tier(c.String("tier")), Sample: c.Int("sample"), CRLAge: h.conf.Verify.CRLAge.Std(),
		ProbeEvery: h.conf.Probe.Every.Std(), ProbeWait: h.conf.Publication.Batch.Std(),
		Now: h.now, Logger: h.logger,
	}
	if conf.Proxy, err = proxyOf(c); err != nil {
		return conf, err
	}
	if err := cliexit.Choice("tier", c.String("tier"), "log", "list", "full", "sample"); err != nil {
		return conf, err
	}
	if conf.About, err = h.about(c); err != nil {
		return conf, err
	}
	if conf.OverrideKeys, err = h.overrideKeys(); err != nil {
		return conf, err
	}
	if err := h.takeSamples(c, &conf); err != nil {
		return conf, err
	}
	if err := h.pinOthers(&conf); err != nil {
		return conf, err
	}
	if err := h.textAround(&conf); err != nil {
		return conf, err
	}
	if conf.Seed, err = seed(c); err != nil {
		return conf, err
	}
	if dir := c.String("master"); dir != "" {
		conf.Master = dir
		// an archive of `signer archive`: RFC 8493 keeps the payload in data
		if exists(filepath.Join(dir, "bagit.txt")) {
			conf.Master = filepath.Join(dir, "data")
		}
	}
	if exists(string(h.conf.Publication.VKey)) || exists(string(h.conf.Publication.Head)) {
		if conf.PublicationVerifier, err = h.publicationVerifier(); err != nil {
			return conf, err
		}
		conf.Publication = string(h.conf.Publication.Directory)
		head, err := h.publicationHead()
		if err != nil {
			return conf, err
		}
		if head != nil {
			conf.PublicationHead = head.Note
		}
	}
	if err := h.knownCheckpoints(c, &conf); err != nil {
		return conf, err
	}
	if h.conf.Targets == nil && conf.Tier != report.TierLog {
		return conf,
			cliexit.UsageError("the configuration names no targets, so that nobody can tell whether every public " +
				"place is looked at; " +
				"copy the section from the operator's file, or write targets: [] when there is none")
	}
	conf.Targets = h.lookedAt(c)
	if conf.Resume = c.String("resume"); conf.Resume != "" && conf.Tier != report.TierFull {
		return conf, cliexit.UsageError("--resume is for --tier full")
	}
	if file := c.String("inventory"); file != "" {
		conf.Inventory, conf.InventoryEmpty = inventoryFile(file), c.Bool("empty")
	} else if c.Bool("empty") {
		return conf, cliexit.UsageError("--empty goes with --inventory")
	}
	switch {
	case conf.Tier != report.TierLog:
		conf.Copies, err = h.copies(c)
	case c.IsSet("source") && c.IsSet("master"):
		err = cliexit.UsageError("--tier log looks at the log of --master or at the public ones of --source, not " +
			"at both")
	case c.IsSet("source"): // an auditor without a master
		conf.Master, conf.Publication, conf.PublicationKnown, conf.PublicationHead = "", "", nil, nil
		conf.Copies, err = h.copies(c)
	}
	if err != nil {
		return conf, err
	}
	return conf, h.holdAgainstPins(c, &conf)
}

// copies opens the public copies to compare.
func (h *host) copies(c *cli.Context) ([]verify.Copy, error) {
	places := h.conf.Verify.Sources
	if c.IsSet("source") {
		places = nil
		for _, s := range c.StringSlice("source") {
			places = append(places, config.Location(s))
		}
	}
	through, err := proxyOf(c)
	if err != nil {
		return nil, err
	}
	var out []verify.Copy
	for _, place := range places {
		var source verify.Source
		var err error
		switch {
		case place.IsURL() && c.Bool("offline"):
			continue
		case place.IsURL():
			source, err = verify.HTTP(verify.HTTPConfig{BaseURL: string(place), Proxy: through})
			if err == nil && c.Bool("list") {
				source, err = h.withListing(c.Context, source, string(place))
			}
		default:
			source, err = verify.Dir(string(place))
		}
		if err != nil {
			return nil, err
		}
		out = append(out,
			verify.Copy{Source: source, Likely: h.likelyLayout(string(place)),
				Responder: h.responderOf(c, string(place))})
	}
	if err := namesItsCopy(c.StringSlice("responder"), out); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil,
			cliexit.UsageError("there is no public copy to verify; see verify.sources and targets, or give --source " +
				"(or --tier log for the master alone)")
	}
	return out, nil
}

// deliver prints the report, writes its files, keeps the checkpoint, and turns findings into the exit code.
func (h *host) deliver(c *cli.Context, r *report.Report, key signer) error {
	var err error
	if c.Bool("json") {
		err = r.WriteJSON(c.App.Writer)
	} else {
		err = r.WriteText(c.App.Writer)
	}
	if err != nil {
		return err
	}
	if err := writeReports(c, r, key); err != nil {
		return err
	}
	if !r.OK {
		return &cliexit.Error{Code: cliexit.Findings}
	}
	if c.Bool("remember") {
		return h.remember(c, r)
	}
	return nil
}

// seed returns the seed of a sample: a new one unless that of an earlier report is
// given.
func seed(c *cli.Context) (uint32, error) {
	if given := c.Uint("seed"); given > math.MaxUint32 {
		return 0, cliexit.UsageError("--seed %d is no seed of a report: the largest is %d", given,
			uint32(math.MaxUint32))
	} else if c.IsSet("seed") {
		return uint32(given), nil
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint32(b[:]), nil
}
