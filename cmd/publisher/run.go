package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/internal/redirect"
	"seihon/ledger"
	"seihon/verify/report"
)

func runCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:   "run",
		Usage:  "sync, probe and verify, and record it all; the publishing host's cron job",
		Flags:  cliexit.Flags(slices.Concat(syncFlags(), verifyFlags())...),
		Action: observed(now, (*host).run),
	}
}

// run does each of its steps whatever became of the one before it: a target that is
// down must not hide that another one was changed. The lowest exit code wins.
func (h *host) run(c *cli.Context) error {
	res, syncErr := h.sync(c)
	if res != nil {
		syncErr = errors.Join(syncErr, printSync(c, res))
	}
	if cliexit.Code(syncErr) == cliexit.Locked {
		return syncErr
	}
	var probeErr error
	if slices.ContainsFunc(h.conf.Targets, func(t config.Target) bool { return t.URL != "" }) {
		probes, err := h.probe(c.Context, nil, true)
		probeErr = locked(err)
		if err == nil {
			probeErr = printProbes(c, probes)
		}
	}
	checked, verifyErr := h.verify(c)
	if verifyErr == nil {
		verifyErr = errors.Join(h.recordVerification(c.Context, checked), h.deliver(c, checked, nil))
	}
	if err := lowest(syncErr, probeErr, verifyErr); err != nil {
		return err
	}
	return h.ping(c.Context)
}

// lowest returns the error with the lowest exit code and the messages of all.
func lowest(errs ...error) error {
	code := 0
	var unsaid []error
	for _, err := range errs {
		if n := cliexit.Code(err); n != cliexit.OK && (code == 0 || n < code) {
			code = n
		}
		// else the result on stdout said it
		if coded := (*cliexit.Error)(nil); !errors.As(err, &coded) || coded.Err != nil {
			unsaid = append(unsaid, err)
		}
	}
	if code == 0 {
		return nil
	}
	return &cliexit.Error{Code: code, Err: errors.Join(unsaid...)}
}

// recordVerification puts the outcome into the publication log, the related log of item 3C56.
func (h *host) recordVerification(ctx context.Context, r *report.Report) error {
	counts := map[string]*ledger.FindingCount{}
	entry := &ledger.Verify{Target: "all", MasterSize: r.Log.Size, OK: r.OK, Report: r.Digest()}
	for _, copied := range r.Copies {
		entry.Objects += copied.Objects
	}
	for _, f := range r.Findings {
		if counts[f.Code] == nil {
			counts[f.Code] = &ledger.FindingCount{Code: f.Code, Severity: string(f.Severity)}
		}
		counts[f.Code].Count++
	}
	for _, f := range counts {
		entry.Findings = append(entry.Findings, *f)
	}
	slices.SortFunc(entry.Findings, func(a, b ledger.FindingCount) int { return cmp.Compare(a.Code, b.Code) })
	master, err := h.master(ctx)
	if err == nil {
		entry.MasterRoot, err = master.RootAt(min(r.Log.Size, master.Size()))
	}
	if err != nil {
		return err
	}
	return locked(h.record(ctx, &ledger.Entry{Verify: entry}))
}

// ping tells a dead-man's switch that this run was good. It goes from inside to outside only (report 3-4 C).
func (h *host) ping(ctx context.Context) error {
	if h.conf.Publication.Ping == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.conf.Publication.Ping, nil)
	if err != nil {
		return fmt.Errorf("pinging the dead-man's switch: %w", err)
	}
	// The address is a secret: a redirect would tell it to another host, as where the client came from.
	client := &http.Client{CheckRedirect: redirect.None}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("pinging the dead-man's switch: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("pinging the dead-man's switch: it answered %s", resp.Status)
	}
	return nil
}
