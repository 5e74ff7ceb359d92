package verify

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/sectiona"
	"seihon/verify/memory"
	"seihon/verify/report"
	"seihon/verify/status"
	"seihon/verify/uptime"
)

// A checker holds what one run of Check knows.
type checker struct {
	Config
	report.Collector

	now           time.Time
	log           *ledger.Log
	keys          []*ledger.Verifier // the pinned one and those that key rotations appointed
	state         *ledger.State      // the newest
	trust         *artifact.Trust
	policy        *sectiona.Policy
	past          *past
	status        *statuses
	memory        *memory.Memory // of deep tiers
	overrides     []memory.Override
	exceptions    exceptions // of the log
	hsm           *report.HSMSummary
	lapsedMu      sync.Mutex
	lapsedBundles []lapsedBundle
	approval      *report.ApprovalSummary
	signersMu     sync.Mutex
	signers       map[artifact.Digest][]*x509.Certificate // by content: the CAs that may have signed it
	stamped       int                                     // time-stamps that were verified
	witnessed     int                                     // cosignatures that were verified
	unseen        []string                                // targets with receipts that no copy shows
	counts        counters
	resume        *progress     // nil: not asked for
	looked        []*copyCheck  // copies that were checked, for the annex
	observations  *uptime.Annex // of the record of operation, for the annex
	notes         []placeNote   // checkpoints of public logs, to be looked at when the keys are known
	mirror        string        // where a public log was fetched to; empty: there is a master

	lastExpiry time.Time // of a certificate in the inventory

	progressMu sync.Mutex
	last       time.Time
}

// counters are the Counts while goroutines still count.
type counters struct {
	artifacts, artifactBytes, certificates, lists, revocations, responses, signatures, inventory,
	commitments atomic.Int64
}

// Check verifies what the configuration names and reports all that is wrong. The error is only for a check that could
// not be made.
func Check(ctx context.Context, config Config) (*report.Report, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &checker{Config: config, now: config.Now().UTC().Truncate(time.Second)}
	c.Collector.Observe = config.observe
	r := &report.Report{Schema: report.Schema, RulePack: sectiona.Pack, Made: c.now, Tier: c.Tier,
		Copies: []report.CopySummary{}, ShelfLife: []report.ShelfLife{}}
	if c.Tier == report.TierSample {
		r.Sample = &report.Sample{Names: c.Config.Sample, Seed: c.Seed}
	}
	if c.Pins != nil && c.PinsNow != nil {
		for _, f := range c.Pins.Compare(c.PinsNow) {
			c.Found(f)
		}
	}
	err = c.run(ctx, r)
	if err == nil {
		err = c.finish(ctx, r)
	}
	if c.mirror != "" {
		err = errors.Join(err, os.RemoveAll(c.mirror))
	}
	if c.resume != nil {
		c.resume.summarize(r.Resumed)
		c.resume.end(err == nil && r.OK)
	}
	if err != nil {
		return nil, fmt.Errorf("verifying: %w", err)
	}
	return r, nil
}

// run makes the steps in the order of the package comment. A log that cannot be opened ends it: nothing is left to
// compare with.
func (c *checker) run(ctx context.Context, r *report.Report) error {
	logs := c.checkLogs
	if c.Master == "" {
		logs = func(ctx context.Context) error { return c.checkPublicLog(ctx, r) }
	}
	if err := step(ctx, "logs", logs); err != nil || c.log == nil {
		return err
	}
	c.summarizeLog(r)
	if err := step(ctx, "past", c.readPast); err != nil || c.past == nil {
		return err
	}
	if err := step(ctx, "anchors", c.checkAnchors); err != nil {
		return err
	}
	if c.Tier == report.TierLog {
		return nil
	}
	err := c.openProgress(ctx, r)
	if err != nil {
		return err
	}
	if r.Estimate, err = c.estimates(ctx); err != nil {
		return ctx.Err() // the log's own findings say why
	}
	if c.Announce != nil {
		c.Announce(r.Estimate)
	}
	type named struct {
		name string
		do   func(context.Context) error
	}
	steps := []named{{"master", c.checkMaster}, {"history", c.checkHistory}}
	if c.Tier.Deep() {
		steps = append(steps, named{"hsm", c.checkHSM}, named{"approvals", c.checkApprovals},
			named{"memory", c.checkMemory}, named{"status", c.checkStatus}, named{"meaning", c.checkMeaning})
	}
	steps = append(steps,
		named{"copies", func(ctx context.Context) error { return c.checkCopies(ctx, r) }},
		named{"record", func(ctx context.Context) error { return c.readRecord(ctx, r) }})
	for _, s := range steps {
		if err := step(ctx, s.name, s.do); err != nil {
			return err
		}
	}
	if c.memory != nil {
		c.reportMemory(r)
	}
	c.reportExceptions(r)
	r.HSM, r.Approval = c.hsm, c.approval
	return nil
}

func (c *checker) summarizeLog(r *report.Report) {
	r.Log = report.LogSummary{
		Origin: c.log.Origin(), Size: c.log.Size(), Root: c.log.Root().String(), Time: c.log.Time(), Keys: c.log.Keys(),
		Checkpoint: string(c.log.Checkpoint()), Known: len(c.Known),
	}
}

// finish moves everything collected into the report.
func (c *checker) finish(ctx context.Context, r *report.Report) error {
	n := &c.counts
	r.Counts.Artifacts, r.Counts.ArtifactBytes = n.artifacts.Load(), n.artifactBytes.Load()
	r.Counts.Certificates, r.Counts.RevocationLists, r.Counts.Revocations = n.certificates.Load(), n.lists.Load(),
		n.revocations.Load()
	r.Counts.Responses, r.Counts.Signatures, r.Counts.Inventory = n.responses.Load(), n.signatures.Load(),
		n.inventory.Load()
	r.Counts.Commitments = n.commitments.Load()
	if c.log != nil {
		r.Counts.Entries = c.log.Size()
	}
	if c.state != nil {
		r.Counts.Current = int64(c.state.Len())
		r.ShelfLife = status.CurrentLife(c.state)
	}
	r.Findings = c.Sorted()
	if r.Findings == nil {
		r.Findings = []report.Finding{}
	}
	r.Omitted = c.Omitted()
	r.OK = !report.Failed(r.Findings)
	r.Scope = c.scope(r)
	r.Judge()
	c.describe(ctx, r)
	return step(ctx, "annex", func(ctx context.Context) error { return c.writeAnnex(ctx, r) })
}

// progress reports at most ten times a second.
func (c *checker) progress(step string, done, total int64) {
	if c.Progress == nil {
		return
	}
	c.progressMu.Lock()
	defer c.progressMu.Unlock()
	now := c.Now()
	if done != total && now.Sub(c.last) < 100*time.Millisecond && now.After(c.last) {
		return
	}
	c.last = now
	c.Progress(Progress{Step: step, Done: done, Total: total})
}
