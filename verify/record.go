package verify

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify/report"
	"seihon/verify/uptime"
)

// retentionYears is how long books of record are kept after the expiry of the certificates they are about.
const retentionYears = 10

// readRecord collects the record from both logs and compares the receipts with the master.
func (c *checker) readRecord(ctx context.Context, r *report.Report) error {
	rec := &report.Record{Lists: []report.ListHistory{}, Withdrawals: []report.Event{}, Rotations: []report.Event{},
		Evidence: []report.Event{}, Refusals: []report.Event{}, Reviews: []ledger.Review{}}
	r.Record = rec
	c.listHistories(rec)
	for _, v := range c.past.versions {
		if v.Kind.IsCertificate() && v.NotAfter.After(rec.Retention.LastExpiry) {
			rec.Retention.LastExpiry = v.NotAfter
		}
	}
	if c.Inventory != nil && c.lastExpiry.After(rec.Retention.LastExpiry) {
		rec.Retention.LastExpiry = c.lastExpiry
	}
	if !rec.Retention.LastExpiry.IsZero() {
		rec.Retention.Floor = rec.Retention.LastExpiry.AddDate(retentionYears, 0, 0)
	}
	i := int64(0)
	var reviews ledger.Reviews
	for e, err := range c.log.Entries(ctx, 0, c.log.Size()) {
		if err != nil {
			return ctx.Err() // the log's own findings say why
		}
		rec.MasterEntry(i, e)
		reviews.Enter(i, e)
		i++
	}
	rec.Reviews = reviews.All()
	c.checkReviews(rec.Reviews)
	log, err := c.readPublicationRecord(ctx, rec, r)
	if err != nil {
		return err
	}
	return c.measure(ctx, rec, log)
}

// measure computes the uptime from the samples of the publication log, if there is one, and of
// outside vantages, and compares what they got.
func (c *checker) measure(ctx context.Context, rec *report.Record, log *ledger.Log) error {
	signed, err := uptime.ReadSamples(ctx, c.Samples, c.Vantages, c.badSamples)
	if err != nil {
		return err
	}
	rec.Signed = signed.Vantages
	conf := uptime.Config{
		// the second of the check is over
		Publication: log, Master: c.log, Signed: signed, From: c.now, To: c.now.Add(time.Second),
		Now:   c.now.Add(time.Second),
		Every: c.ProbeEvery, Wait: c.ProbeWait, BaseURL: c.BaseURL, Targets: c.Targets,
		Compare: uptime.NewComparer(c.ProbeEvery),
	}
	if log != nil && log.Size() > 0 {
		first, err := log.Entry(ctx, 0)
		if err != nil {
			return ctx.Err() // the log's own findings say why
		}
		conf.From = first.Time
		for p := range first.Probes() {
			if at := first.TakenAt(p); at.Before(conf.From) {
				conf.From = at
			}
		}
	}
	if began := signed.Began(); !began.IsZero() && began.Before(conf.From) {
		conf.From = began
	}
	if !conf.From.Before(c.now) {
		return nil // there is neither
	}
	if a := c.Annex; a != nil && a.UptimeCSV.File != nil {
		c.observations = uptime.NewAnnex(a.UptimeCSV, a.UptimeLines)
	}
	conf.Annex = c.observations
	if rec.Uptime, err = uptime.Measure(ctx, conf); err != nil {
		return ctx.Err()
	}
	conf.Compare.Report(c.Found)
	return nil
}

func (c *checker) listHistories(rec *report.Record) {
	for name, vs := range c.past.byName {
		if !vs[0].Kind.IsRevocationList() {
			continue
		}
		h := report.ListHistory{Name: name, Versions: len(vs), First: vs[0].NotBefore, Last: vs[len(vs)-1].NotBefore}
		for i := 1; i < len(vs); i++ {
			h.Longest = max(h.Longest, vs[i].NotBefore.Sub(vs[i-1].NotBefore))
			if artifact.Stale(vs[i-1].NotAfter, vs[i].NotBefore) {
				h.Gaps++
			}
		}
		rec.Lists = append(rec.Lists, h)
	}
	slices.SortFunc(rec.Lists, func(a, b report.ListHistory) int { return strings.Compare(a.Name, b.Name) })
}

// readPublicationRecord adds refusals, and wants every receipt to be for bytes that the master has.
func (c *checker) readPublicationRecord(ctx context.Context, rec *report.Record,
	r *report.Report) (*ledger.Log, error) {
	if c.Publication == "" || c.PublicationVerifier == nil {
		c.reportLapsed(nil)
		return nil, nil
	}
	log, err := ledger.Open(ctx, c.Publication, c.PublicationVerifier)
	if err != nil {
		c.reportLapsed(nil)
		return nil, ctx.Err() // checkLogs has reported why
	}
	r.Publication = &report.LogSummary{
		Origin: log.Origin(), Size: log.Size(), Root: log.Root().String(), Time: log.Time(), Keys: log.Keys(),
		Checkpoint: string(log.Checkpoint()), Known: len(c.PublicationKnown),
	}
	book := &receiptBook{sent: map[artifact.Digest]bool{}, targets: map[string]time.Time{}}
	i := int64(0)
	for e, err := range log.Entries(ctx, 0, log.Size()) {
		if err != nil {
			return nil, ctx.Err()
		}
		if i == 0 {
			c.checkBeginning(book, e)
		}
		switch {
		case e.Refusal != nil:
			rec.Refusals = append(rec.Refusals,
				report.Event{Log: report.SourcePublication, Entry: i, Time: e.Time, Name: e.Refusal.Name,
					Detail: e.Refusal.Rule + ": " + e.Refusal.Reason})
		case e.Evidence != nil && e.Evidence.Kind == ledger.EvidenceRetired:
			book.retire(e.Evidence)
		case e.Publish != nil:
			book.enter(e.Publish, e.Time)
			for _, receipt := range e.Publish.Receipts {
				c.checkReceipt(i, receipt)
			}
		}
		i++
	}
	return log, c.checkReceipts(ctx, book, r)
}

// checkReceipt reports a receipt for bytes that no line of the master names. Files of the log and generations, which
// are sent with their proof, have other digests than the lines.
func (c *checker) checkReceipt(entry int64, r ledger.Receipt) {
	switch {
	case r.Op == "delete", r.Op == "purge", r.Op == ledger.OpFound, r.Kind == artifact.Checkpoint,
		r.Kind == artifact.Tile, r.Kind == artifact.Manifest, r.Kind == artifact.OCSPGeneration,
		r.Kind == artifact.OCSPResponse, len(c.past.byDigest[r.Digest]) > 0:
		return
	}
	c.Found(report.Finding{Code: "receipt-unknown", Source: report.SourcePublication, Name: r.Name,
		Got: r.Digest.String(), Detail: "entry " + itoa(entry)})
}

// badSamples reports a file of samples that does not count.
func (c *checker) badSamples(path string, err error) {
	f := report.Finding{Code: "samples-invalid", Source: report.SourceSamples, Name: filepath.ToSlash(path),
		Detail: err.Error()}
	if errors.Is(err, uptime.ErrUnpinned) {
		f.Code = "samples-unpinned"
	}
	if !utf8.ValidString(f.Name) {
		f.Name = fmt.Sprintf("%q", f.Name)
	}
	c.Found(f)
}
