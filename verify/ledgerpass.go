package verify

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"seihon/ledger"
	"seihon/verify/report"
)

// checkLogs checks the master log and, when there is one, the publication log, and opens the master log.
func (c *checker) checkLogs(ctx context.Context) error {
	conf := ledger.CheckConfig{Known: c.Known, SkipArtifacts: true, Now: c.Now}
	if err := c.checkLog(ctx, report.SourceLog, c.Master, c.Verifier, conf); err != nil {
		return err
	}
	if c.Publication != "" && c.PublicationVerifier != nil {
		conf.Known = c.PublicationKnown
		if c.PublicationHead != nil {
			conf.Known = append(slices.Clone(conf.Known), c.PublicationHead)
		}
		if err := c.checkLog(ctx, report.SourcePublication, c.Publication, c.PublicationVerifier, conf); err != nil {
			return err
		}
	}
	log, err := ledger.Open(ctx, c.Master, c.Verifier)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return nil // checkLog has reported why
	}
	c.log = log
	c.progress("log", log.Size(), log.Size())
	return nil
}

func (c *checker) checkLog(ctx context.Context, source, dir string, v *ledger.Verifier, conf ledger.CheckConfig) error {
	found, err := ledger.Check(ctx, dir, v, conf)
	if err != nil {
		return fmt.Errorf("checking the %s: %w", source, err)
	}
	for _, f := range found {
		if c.mirror != "" && f.Code == ledger.CodeBlobAbsent {
			continue // the documents that entries tell of are not public
		}
		out := report.Finding{Code: report.LogPrefix + f.Code, Source: source, Name: c.unmirrored(f.Where),
			Detail: c.unmirrored(f.Detail), Hint: f.Hint}
		if f.Severity == ledger.SeverityNote {
			out.Severity = report.Note
		}
		c.Found(out)
	}
	return nil
}

// unmirrored leaves out the temporary directory that a public log was fetched into.
func (c *checker) unmirrored(text string) string {
	if c.mirror == "" {
		return text
	}
	return strings.ReplaceAll(text, c.mirror+string(filepath.Separator), "")
}
