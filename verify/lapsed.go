package verify

import (
	"slices"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify/report"
	"seihon/verify/uptime"
)

// A target that is new is not sent the bundles whose responses have all gone stale: nobody asks for them. One that was
// sent such a bundle still has it. Which of the two a copy is, only the receipts tell, so that what is missing waits
// for them.

// A lapsedBundle is missing at a copy, and all its responses are past their nextUpdate.
type lapsedBundle struct {
	digest  artifact.Digest
	finding report.Finding
}

// lapsed keeps a missing bundle until the receipts are read.
func (k *copyCheck) lapsed(line ledger.Line, err error) {
	k.lapsedMu.Lock()
	defer k.lapsedMu.Unlock()
	f := report.Finding{Code: "copy-missing", Source: k.src.Name(), Name: line.Name, Want: line.Digest.String(),
		Detail: refusal(err)}
	k.lapsedBundles = append(k.lapsedBundles, lapsedBundle{line.Digest, f})
}

// reportLapsed reports the missing bundles that a target was sent; without receipts, all of them.
func (c *checker) reportLapsed(b *receiptBook) {
	for _, l := range c.lapsedBundles {
		sent := func(t uptime.Target) bool { return t.Source == l.finding.Source && b.bundles[t.Name][l.digest] }
		if b == nil || slices.ContainsFunc(c.Targets, sent) {
			c.Found(l.finding)
		}
	}
	c.lapsedBundles = nil
}

// enterBundle notes that a target was sent a bundle, or that it was taken away again.
func (b *receiptBook) enterBundle(target string, r ledger.Receipt) {
	if r.Kind != artifact.OCSPBundle || r.Op == "purge" { // that is of a CDN
		return
	}
	if b.bundles == nil {
		b.bundles = map[string]map[artifact.Digest]bool{}
	}
	if b.bundles[target] == nil {
		b.bundles[target] = map[artifact.Digest]bool{}
	}
	b.bundles[target][r.Digest] = r.Op != "delete"
}
