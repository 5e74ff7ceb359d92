package main

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"seihon/artifact"
	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/ledger"
	"seihon/public"
	"seihon/publish"
	"seihon/verify"
	"seihon/verify/probe"
)

func probeCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name: "probe",
		Usage: "ask the public addresses as a relying party would and record the answers: the uptime record of " +
			"item 3713",
		Flags: cliexit.Flags(append(vantageFlags(),
			&cli.BoolFlag{Name: "dry-run", Usage: "ask, and record nothing"})...),
		Action: observed(now, func(h *host, c *cli.Context) error {
			if c.IsSet("vantage") || c.IsSet("key") || c.IsSet("out") || c.Bool("new-key") {
				if c.Bool("dry-run") {
					return cliexit.UsageError("--dry-run is of the publishing host, which records its samples; an " +
						"outside vantage records none: leave out --out")
				}
				return h.outside(c)
			}
			proxy, err := proxyOf(c)
			if err != nil {
				return err
			}
			probes, err := h.probe(c.Context, proxy, !c.Bool("dry-run"))
			if err != nil {
				return locked(err)
			}
			return printProbes(c, probes)
		}),
	}
}

// probe samples every target that has a URL, and records the samples if it is asked to.
func (h *host) probe(ctx context.Context, proxy *url.URL, record bool) ([]*ledger.Probe, error) {
	sent, err := h.sent(ctx)
	if err != nil {
		return nil, err
	}
	probes, err := h.samples(ctx, probe.Config{Vantage: h.conf.Probe.Vantage, Proxy: proxy}, sent)
	if err != nil || !record {
		return probes, err
	}
	var entries []*ledger.Entry
	for _, p := range probes {
		entries = append(entries, &ledger.Entry{Probe: p})
	}
	return probes, h.record(ctx, entries...)
}

// samples asks every target that has a URL. What each was sent is nil where nobody knows it.
func (h *host) samples(ctx context.Context, as probe.Config, sent map[string]sentTo) ([]*ledger.Probe, error) {
	master, err := h.master(ctx)
	if err != nil {
		return nil, err
	}
	trust, err := h.trust()
	if err != nil {
		return nil, err
	}
	if err := publish.AddIssuers(ctx, master, trust); err != nil {
		return nil, err
	}
	var probes []*ledger.Probe
	for _, t := range h.conf.Targets {
		for _, base := range t.Addresses() {
			conf := as
			conf.Target, conf.BaseURL, conf.Master, conf.Trust, conf.Now, conf.Sent = t.Name, base, master, trust,
				h.now, sent[t.Name].digests
			conf.Promised = sent[t.Name].sizes
			conf.Aliases = h.conf.Aliases()
			if conf.Static = t.Layout == verify.LayoutObjects; h.respondsBelow(&t, base) {
				conf.OCSPPath = h.conf.Serve.OCSPPath
			}
			p, err := probeTarget(ctx, conf)
			if err != nil {
				return probes, err
			}
			probes = append(probes, p)
		}
	}
	if len(probes) == 0 {
		return nil, cliexit.UsageError("no target has a url to probe; see targets[].url in %q", h.conf.File)
	}
	return probes, nil
}

// respondsBelow reports whether a responder answers below an address of a target: below its first address if the target
// says so, and below another one if that is an address of the responder as well.
func (h *host) respondsBelow(t *config.Target, base string) bool {
	return t.OCSP && (base == t.URL || h.answersAt(strings.TrimSuffix(base, "/")+h.conf.Serve.OCSPPath))
}

// The publication log is searched so far back for what was sent, and further for the newest lists: one that is signed
// every quarter was sent long ago.
const (
	recentReceipts = 10_000 // entries: more than a year, where probes wait for an hour to be recorded
	recentTime     = 8 * 24 * time.Hour
)

// A sentTo is when a target was first sent what.
type sentTo struct {
	digests map[artifact.Digest]time.Time
	sizes   map[int64]time.Time // of the master, by the target's checkpoints
}

// sent reads from the publication log when each target was first sent what.
func (h *host) sent(ctx context.Context) (map[string]sentTo, error) {
	sent := map[string]sentTo{}
	p := h.conf.Publication
	if !exists(string(p.VKey)) || !exists(filepath.Join(string(p.Directory), "log", "checkpoint")) {
		return sent, nil // a new host
	}
	v, err := h.publicationVerifier()
	if err != nil {
		return nil, err
	}
	log, err := ledger.Open(ctx, string(p.Directory), v)
	if err != nil {
		return nil, fmt.Errorf("reading what was sent: %w", err)
	}
	lists, err := h.newestLists(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading what was sent: %w", err)
	}
	for _, t := range h.conf.Targets {
		if len(t.Addresses()) > 0 {
			sent[t.Name] = sentTo{map[artifact.Digest]time.Time{}, map[int64]time.Time{}}
		}
	}
	found := func() bool {
		for _, of := range sent {
			for _, d := range lists {
				if _, ok := of.digests[d]; !ok {
					return false
				}
			}
		}
		return true
	}
	// Backwards, so that the first time is the one that stays.
	for i := log.Size() - 1; i >= max(log.Size()-recentReceipts, 0); i-- {
		e, err := log.Entry(ctx, i)
		if err != nil {
			return nil, fmt.Errorf("reading what was sent: %w", err)
		}
		if e.Time.Before(h.now().Add(-recentTime)) && found() {
			break
		}
		if e.Publish == nil {
			continue
		}
		of, asked := sent[e.Publish.Target]
		if !asked {
			continue
		}
		for _, r := range e.Publish.Receipts {
			if r.Op == "delete" || r.Op == "purge" || r.Op == ledger.OpFound {
				continue
			}
			if of.digests[r.Digest] = r.Time; r.Name == public.Checkpoint {
				of.sizes[e.Publish.MasterSize] = r.Time
			}
		}
	}
	return sent, nil
}

// newestLists are the digests of the lists that are current by the master.
func (h *host) newestLists(ctx context.Context) ([]artifact.Digest, error) {
	master, err := h.master(ctx)
	if err != nil {
		return nil, err
	}
	state, err := master.State(ctx, master.Size())
	if err != nil {
		return nil, err
	}
	var lists []artifact.Digest
	for line := range state.All() {
		if line.Kind.IsRevocationList() && !line.History {
			lists = append(lists, line.Digest)
		}
	}
	return lists, nil
}

func probeTarget(ctx context.Context, conf probe.Config) (*ledger.Probe, error) {
	ctx, span := span(ctx, "target", attribute.String("target", conf.Target))
	defer span.End()
	p, err := probe.Round(ctx, conf)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		return nil, err
	}
	bad := 0
	for _, s := range p.Samples {
		if !s.OK {
			bad++
		}
	}
	span.SetAttributes(attribute.Int("samples", len(p.Samples)), attribute.Int("bad", bad))
	return p, nil
}

func printProbes(c *cli.Context, probes []*ledger.Probe) error {
	if c.Bool("json") {
		if err := cliexit.PrintJSON(c.App.Writer, probes); err != nil {
			return err
		}
	}
	bad := 0
	addresses := map[string]int{}
	for _, p := range probes {
		addresses[p.Target]++
	}
	for _, p := range probes {
		name, good := p.Target, 0
		if addresses[name] > 1 {
			name += " at " + addressOf(p)
		}
		for _, s := range p.Samples {
			if s.OK {
				good++
				continue
			}
			bad++
			if !c.Bool("json") {
				fmt.Fprintf(c.App.Writer, "%s: BAD %s: status %d, %s\n", name, s.URL, s.Status, s.Error)
			}
		}
		if !c.Bool("json") {
			fmt.Fprintf(c.App.Writer, "%s: %d of %d samples good\n", name, good, len(p.Samples))
		}
	}
	if bad > 0 {
		return &cliexit.Error{Code: cliexit.Findings}
	}
	return nil
}

// addressOf is the address that a round asked: the checkpoint is always asked for.
func addressOf(p *ledger.Probe) string {
	for _, s := range p.Samples {
		if base, ok := strings.CutSuffix(s.URL, "/log/checkpoint"); ok {
			return base
		}
	}
	return "another address"
}
