package verify

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify/report"
)

// checkHistory follows every name through the log: numbers and dates of lists and generations never go back, and where
// a list was replaced too late the gap is noted.
func (c *checker) checkHistory(ctx context.Context) error {
	var names []string
	for name, vs := range c.past.byName {
		if k := vs[0].Kind; k.IsRevocationList() || k == artifact.OCSPGeneration {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, strings.Compare)
	for _, name := range names {
		vs := c.past.byName[name]
		for i := 1; i < len(vs); i++ {
			c.checkStep(ctx, vs[i-1], vs[i])
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// checkStep compares a version with the one it replaced.
func (c *checker) checkStep(ctx context.Context, old, now *version) {
	if old.Digest == now.Digest {
		return
	}
	f := report.Finding{Source: report.SourceMaster, Name: now.Name, Want: "more than " + old.Number, Got: now.Number,
		Detail: fmt.Sprintf("entry %d after entry %d", now.index, old.index)}
	a, okA := new(big.Int).SetString(old.Number, 10)
	b, okB := new(big.Int).SetString(now.Number, 10)
	if okA && okB {
		switch back := b.Cmp(a); {
		case now.Kind == artifact.OCSPGeneration && back <= 0:
			f.Code = "generation-number"
			c.Found(f)
		case now.Kind == artifact.OCSPGeneration:
		case back < 0:
			f.Code = "crl-number-backwards"
			c.Found(f)
		case back == 0:
			f.Code = "crl-number-reused"
			c.Found(f)
		}
	}
	if now.NotBefore.Before(old.NotBefore) && now.Kind.IsRevocationList() {
		back := report.Finding{Code: "crl-time-backwards", Source: report.SourceMaster, Name: now.Name,
			Want: "not before " + report.Stamp(old.NotBefore), Got: report.Stamp(now.NotBefore), Detail: f.Detail}
		if entry, ok := c.clockAccepted(ctx, old, now); ok {
			back.Severity, back.Detail = report.Note,
				fmt.Sprintf("entry %d after entry %d; entry %d records that the clock before was wrong", now.index,
					old.index, entry)
		}
		c.Found(back)
	}
	if artifact.Stale(old.NotAfter, now.NotBefore) {
		c.Found(report.Finding{Code: "crl-gap", Source: report.SourceMaster, Name: now.Name,
			Detail: fmt.Sprintf("from %s to %s (%v)", report.Stamp(old.NotAfter), report.Stamp(now.NotBefore),
				now.NotBefore.Sub(old.NotAfter))})
	}
}

// clockAccepted finds the entry between two lists by which the room said that its clock was right, while the date of
// the older list was still to come: that date was a wrong clock's, and the newer one, not before the entry's time, need
// not come after it.
func (c *checker) clockAccepted(ctx context.Context, old, now *version) (entry int64, ok bool) {
	entry = old.index + 1
	for e, err := range c.log.Entries(ctx, entry, now.index) {
		switch {
		case err != nil:
			return 0, false // the log's own findings say why
		case e.Evidence == nil || e.Evidence.Kind != ledger.EvidenceClock:
		case e.Time.Before(old.NotBefore) && !e.Time.After(now.NotBefore):
			return entry, true
		}
		entry++
	}
	return 0, false
}
