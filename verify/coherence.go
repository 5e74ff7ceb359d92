package verify

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"fmt"

	"seihon/artifact"
	"seihon/ocspcache"
	"seihon/public"
	"seihon/verify/report"
)

// checkNeverIssued holds the claim that a certificate was never issued (RFC 6960 section 2.2) against what can refute
// it: a list, and a certificate in the master, of the issuer's current or an earlier key. Such a certificate belongs on
// no list.
func (c *checker) checkNeverIssued(issuer *x509.Certificate, serial []byte,
	bad func(code, format string, args ...any)) {
	key := issuerKey(issuer)
	c.status.mu.Lock()
	c.status.neverIssued[key]++
	c.status.mu.Unlock()
	if r := c.status.revoked[key]; r != nil {
		if entry, listed := r.find(serial, true); listed {
			bad("never-issued-refuted", "a list says revoked at %s", report.Stamp(unix(entry.at)))
		}
	}
	for _, k := range c.status.certs {
		if bytes.Equal(k.cert.RawIssuer, issuer.RawSubject) && bytes.Equal(artifact.SerialBytes(k.cert), serial) {
			bad("never-issued-refuted", "it is %s", k.name)
		}
	}
}

// compareWithLists compares one response with what the issuer's current lists say of the certificate. A list that is
// older than the revocation in the response is behind it, which relying parties that use lists would not know, and is
// reported as well.
func (c *checker) compareWithLists(issuer *x509.Certificate, s *artifact.Single,
	bad func(code, format string, args ...any)) {
	r := c.status.revoked[issuerKey(issuer)]
	if r == nil {
		return // that there is no list is a finding of its own
	}
	r.answers.Add(1)
	entry, listed := r.find(s.CertID.Serial, true)
	switch {
	case s.Status == artifact.StatusGood && listed:
		bad("coherence-good-but-revoked", "the list says revoked at %s", report.Stamp(unix(entry.at)))
	case s.Status == artifact.StatusUnknown && listed:
		bad("coherence-good-but-revoked", "the answer is unknown, the list says revoked at %s",
			report.Stamp(unix(entry.at)))
	case s.Status == artifact.StatusRevoked && !listed:
		bad("coherence-revoked-not-listed", "revoked at %s; the newest list is of %s", report.Stamp(s.RevokedAt),
			report.Stamp(r.this))
	case s.Status == artifact.StatusRevoked && s.RevokedAt.Unix() != entry.at:
		bad("coherence-date", "the response says %s, the list %s", report.Stamp(s.RevokedAt),
			report.Stamp(unix(entry.at)))
	case s.Status == artifact.StatusRevoked && max(s.Reason, 0) != max(int(entry.reason), 0):
		bad("coherence-reason", "the response says %d, the list %d", s.Reason, entry.reason)
	}
}

// checkAnswered looks for revoked certificates without a response, where the issuer has responses at all.
func (c *checker) checkAnswered() {
	for _, r := range c.status.revoked {
		if r.answers.Load() == 0 {
			continue
		}
		if n, first := r.unanswered(); n > 0 {
			f := report.Finding{Code: "coherence-no-answer", Source: report.SourceMaster, Name: r.names[0],
				Detail: fmt.Sprintf("%d certificates, the first with serial number %x", n, first)}
			if c.Inventory != nil || r.expired {
				f.Severity = report.Note // only the inventory tells which of them have not expired
			}
			c.Found(f)
		}
	}
}

// checkInventory compares every line of the inventory with lists and responses, and counts that nobody else has
// answers.
func (c *checker) checkInventory(ctx context.Context) error {
	if c.Inventory == nil {
		return nil
	}
	commitments, err := c.openCommitments(ctx)
	if err != nil {
		return err
	}
	books := &openBooks{c: c, open: map[string][]*ocspcache.Bundle{}}
	defer books.close()
	keys := keyBook{}
	for line, err := range c.Inventory.Lines(ctx) {
		if err != nil {
			return fmt.Errorf("reading the inventory: %w", err)
		}
		c.counts.inventory.Add(1)
		if line.NotAfter.After(c.lastExpiry) {
			c.lastExpiry = line.NotAfter
		}
		c.checkInventoryLine(books, line)
		commitments.line(line)
		keys.line(&line)
		if !line.NotAfter.IsZero() {
			c.memory.Known(line.Issuer, line.Serial, line.NotAfter, report.SourceInventory)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	books.compareCounts()
	c.checkUnexplained(commitments.covered)
	c.checkAbsent(commitments)
	commitments.close(c.InventoryEmpty)
	c.counts.commitments.Store(commitments.opened)
	return c.checkCompromisedKeys(ctx, keys)
}

func (c *checker) checkInventoryLine(books *openBooks, line InventoryLine) {
	bad := func(code, format string, args ...any) {
		c.Found(report.Finding{Code: code, Source: report.SourceInventory,
			Name: fmt.Sprintf("%s serial %x", line.Issuer, line.Serial), Detail: fmt.Sprintf(format, args...)})
	}
	issuer := c.issuerNamed(line.Issuer)
	if issuer == nil {
		bad("required-missing", "the ledger has no certificate of the issuer")
		return
	}
	expired := !line.NotAfter.IsZero() && c.now.After(line.NotAfter)
	if r := c.status.revoked[issuerKey(issuer)]; r != nil {
		entry, listed := r.find(line.Serial, false)
		r.explain(line.Serial)
		switch {
		case listed && !line.Revoked:
			bad("inventory-differs", "a list says revoked, the inventory does not")
		case !listed && line.Revoked && !expired && !line.RevokedAt.After(r.this):
			bad("inventory-not-listed", "revoked at %s", report.Stamp(line.RevokedAt))
		case listed && line.RevokedAt.Unix() != entry.at:
			bad("coherence-date", "the inventory says %s, the list %s", report.Stamp(line.RevokedAt),
				report.Stamp(unix(entry.at)))
		case listed && max(line.Reason, 0) != max(int(entry.reason), 0):
			bad("coherence-reason", "the inventory says %d, the list %d", line.Reason, entry.reason)
		}
	}
	book := c.status.shards[line.Issuer]
	if book == nil {
		return
	}
	answered, claims := 0, 0
	for _, h := range []crypto.Hash{crypto.SHA1, crypto.SHA256} {
		der, ok := books.lookup(line.Issuer,
			ocspcache.Key{Hash: h, IssuerKeyHash: artifact.PublicKeyHash(issuer, h), Serial: line.Serial})
		if !ok {
			continue
		}
		answered++
		if c.compareWithInventory(line, der, bad) {
			claims++
		}
	}
	if answered == 0 && !expired {
		bad("inventory-no-answer", "it expires on %s", report.Stamp(line.NotAfter))
	}
	books.known[line.Issuer] += answered - claims
}

// compareWithInventory compares a response with a line. claim says that the response denies what the line says: that
// the certificate was ever issued.
func (c *checker) compareWithInventory(line InventoryLine, der []byte,
	bad func(code, format string, args ...any)) (claim bool) {
	r, err := artifact.ParseResponse(der)
	if err != nil {
		return false // checkStatus has reported it
	}
	for i := range r.Singles {
		s := &r.Singles[i]
		switch {
		case r.NeverIssued(s):
			claim = true
			bad("never-issued-refuted", "the inventory has it, it expires on %s", report.Stamp(line.NotAfter))
		case s.Status == artifact.StatusRevoked != line.Revoked &&
			!(line.Revoked && line.RevokedAt.After(s.ThisUpdate)):
			bad("inventory-differs", "a response says %s, the inventory %s",
				statusText(s.Status == artifact.StatusRevoked), statusText(line.Revoked))
		case line.Revoked && s.Status == artifact.StatusRevoked && s.RevokedAt.Unix() != line.RevokedAt.Unix():
			bad("coherence-date", "the inventory says %s, the response %s", report.Stamp(line.RevokedAt),
				report.Stamp(s.RevokedAt))
		}
	}
	return claim
}

func statusText(revoked bool) string {
	if revoked {
		return "revoked"
	}
	return "good"
}

// issuerNamed finds the certificate of the issuer that the ledger's lines call name, by the name of the certificate's
// artifact.
func (c *checker) issuerNamed(name string) *x509.Certificate {
	for _, k := range c.status.certs {
		if k.name == public.Certificate(name) && k.kind == artifact.CACertificate {
			return k.cert
		}
	}
	return nil
}

// openBooks looks answers up the way a responder does.
type openBooks struct {
	c     *checker
	open  map[string][]*ocspcache.Bundle
	known map[string]int
}

func (b *openBooks) lookup(issuer string, k ocspcache.Key) ([]byte, bool) {
	if b.known == nil {
		b.known = map[string]int{}
	}
	book := b.c.status.shards[issuer]
	bundles, ok := b.open[issuer]
	if !ok {
		for _, path := range book.paths {
			bundle, err := ocspcache.OpenBundle(path)
			if err != nil {
				bundle = nil // checkStatus has reported it
			}
			bundles = append(bundles, bundle)
		}
		b.open[issuer] = bundles
	}
	if len(bundles) == 0 {
		return nil, false
	}
	bundle := bundles[ocspcache.ShardOf(k.Serial, len(bundles))]
	if bundle == nil {
		return nil, false
	}
	return bundle.Lookup(k)
}

// compareCounts finds answers about certificates that the inventory did not name. That a certificate was never issued
// is said of those that no inventory has.
func (b *openBooks) compareCounts() {
	for issuer, bundles := range b.open {
		total := 0
		for _, bundle := range bundles {
			if bundle != nil {
				total += bundle.Len()
			}
		}
		if own := b.c.issuerNamed(issuer); own != nil {
			total -= b.c.status.neverIssued[issuerKey(own)]
		}
		if extra := total - b.known[issuer]; extra > 0 {
			b.c.Found(report.Finding{Code: "inventory-unknown", Source: report.SourceInventory, Name: issuer,
				Detail: fmt.Sprintf("%d responses", extra)})
		}
	}
}

func (b *openBooks) close() {
	for _, bundles := range b.open {
		for _, bundle := range bundles {
			if bundle != nil {
				bundle.Close()
			}
		}
	}
}
