package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify/report"
	"seihon/verify/uptime"
)

// A receiptBook is what the publication log says was sent where.
type receiptBook struct {
	began   time.Time // of the log's first entry
	again   bool      // it began in the place of an earlier log, and says so
	sent    map[artifact.Digest]bool
	targets map[string]time.Time                // the last receipt of each
	bundles map[string]map[artifact.Digest]bool // of each target, the bundles that it has
	retired map[string]string                   // why a target was given up; it has no receipt since
}

// retire notes a target that was given up.
func (b *receiptBook) retire(e *ledger.Evidence) {
	if b.retired == nil {
		b.retired = map[string]string{}
	}
	b.retired[e.Name] = e.Note
}

func (b *receiptBook) enter(e *ledger.Publish, at time.Time) {
	for _, r := range e.Receipts {
		if r.Op != ledger.OpFound { // it lay there before
			b.sent[r.Digest] = true
		}
		b.enterBundle(e.Target, r)
	}
	if len(e.Receipts) > 0 {
		b.targets[e.Target] = at
		delete(b.retired, e.Target)
	}
}

// checkBeginning looks at the first entry of the publication log. One that took the place of another says so and why;
// the auditor has accepted that once he has a checkpoint of the new one.
func (c *checker) checkBeginning(b *receiptBook, e *ledger.Entry) {
	b.began = e.Time
	if e.Anchor == nil || e.Anchor.Kind != ledger.AnchorPredecessor {
		return
	}
	b.again = true
	known := fmt.Sprintf("the last that is known of the earlier log is size %d, root %s", e.Anchor.Size, e.Anchor.Root)
	if e.Anchor.Size == 0 {
		known = "nothing is known of the earlier log"
	}
	f := report.Finding{Code: "publication-restarted", Source: report.SourcePublication, Got: report.Stamp(e.Time),
		Detail: known + "; reason: " + e.Anchor.Note}
	if len(c.PublicationKnown) > 0 {
		f.Severity = report.Note
	}
	c.Found(f)
}

// checkReceipts wants a receipt for everything that is public, and that every place that has receipts was looked at.
// What became public before the log began has none only where the log says that it took the place of another: a log
// that began anew in silence lacks receipts.
func (c *checker) checkReceipts(ctx context.Context, b *receiptBook, r *report.Report) error {
	promised := int64(0)
	for _, p := range r.Copies {
		promised = max(promised, p.Size)
	}
	var missing []string
	for _, vs := range c.past.byName {
		v := vs[len(vs)-1]
		switch v.Kind {
		case artifact.OCSPBundle, artifact.OCSPGeneration, artifact.OCSPResponse:
			continue // of one layout, or sent with a proof
		}
		if !v.current || v.index >= promised || b.sent[v.Digest] {
			continue
		}
		e, err := c.log.Entry(ctx, v.index)
		if err != nil {
			return ctx.Err() // the log's own findings say why
		}
		if !b.again || e.Time.After(b.began) {
			missing = append(missing, v.Name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		c.Found(report.Finding{Code: "receipt-missing", Source: report.SourcePublication, Name: missing[0],
			Detail: fmt.Sprintf("%d names, such as %s", len(missing),
				strings.Join(missing[:min(len(missing), 5)], ", "))})
	}
	c.checkTargets(b)
	c.reportLapsed(b)
	return nil
}

// checkTargets names the places that were published to and are not looked at.
func (c *checker) checkTargets(b *receiptBook) {
	var names []string
	for name := range b.targets {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		i := slices.IndexFunc(c.Targets, func(t uptime.Target) bool { return t.Name == name })
		why, retired := b.retired[name]
		switch {
		case i < 0 && retired:
			c.Found(report.Finding{Code: "target-retired", Source: report.SourcePublication, Name: name,
				Detail: fmt.Sprintf("its last receipt is of %s; reason: %s", report.Stamp(b.targets[name]), why)})
		case i < 0 && len(c.Targets) > 0:
			c.Found(report.Finding{Code: "target-dropped", Source: report.SourcePublication, Name: name,
				Detail: "its last receipt is of " + report.Stamp(b.targets[name])})
		case i < 0 || c.Targets[i].Source == "":
			c.unseen = append(c.unseen, name)
		}
	}
}
