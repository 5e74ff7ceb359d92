package verify

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify/memory"
	"seihon/verify/report"
)

// checkMemory walks the history of every list and of the responses: nothing that was said about a certificate may be
// unsaid. What the log alone leaves open, the inventory may settle; reportMemory comes after both.
func (c *checker) checkMemory(ctx context.Context) error {
	in := memory.Input{
		Withdrawn: map[string]memory.Withdrawal{}, Keys: c.OverrideKeys, Workers: c.Workers,
		Read: func(ctx context.Context, a memory.Artifact) ([]byte, error) {
			return c.log.ReadBlob(ctx, c.past.byDigest[a.Digest][0].Line)
		},
		BundlePath: func(d artifact.Digest) string {
			return c.log.BlobPath(ledger.Line{Kind: artifact.OCSPBundle, Digest: d})
		},
		Issuer:   c.signerOf,
		Named:    c.issuersNamed(ctx),
		Ends:     c.endOf,
		Progress: func(done, total int64) { c.progress("memory", done, total) },
	}
	c.enterHistory(&in)
	in.Certificates = c.knownCertificates(ctx)
	if err := c.enterWords(ctx, &in); err != nil {
		return err
	}
	c.memory, c.overrides = memory.New(in), in.Overrides
	return c.memory.Check(ctx)
}

// enterHistory gives the versions of every list and generation, without the copies that are kept for history.
func (c *checker) enterHistory(in *memory.Input) {
	for name, vs := range c.past.byName {
		kind := vs[0].Kind
		if !kind.IsRevocationList() && kind != artifact.OCSPGeneration || vs[0].History {
			continue
		}
		var all []memory.Artifact
		for _, v := range vs {
			all = append(all,
				memory.Artifact{Name: v.Name, Kind: v.Kind, Number: v.Number, Digest: v.Digest, Index: v.index})
		}
		if kind == artifact.OCSPGeneration {
			in.Generations = append(in.Generations, all)
			continue
		}
		in.Lists = append(in.Lists, all)
		if index, gone := c.past.withdrawn[name]; gone {
			in.Withdrawn[name] = memory.Withdrawal{Index: index}
		}
	}
	byName := func(a, b []memory.Artifact) int { return strings.Compare(a[0].Name, b[0].Name) }
	slices.SortFunc(in.Lists, byName)
	slices.SortFunc(in.Generations, byName)
}

// signerOf identifies the trusted CA that signed a list.
func (c *checker) signerOf(l *artifact.RevocationList) (identity string, ok bool) {
	issuer, err := c.trust.CheckCRL(l)
	if err != nil {
		return "", false
	}
	return issuerKey(issuer), true
}

// endOf returns when the newest certificate of an issuer expires.
func (c *checker) endOf(identity string) (end time.Time) {
	for _, cert := range c.trust.Issuers() {
		if issuerKey(cert) == identity && cert.NotAfter.After(end) {
			end = cert.NotAfter
		}
	}
	return end
}

// certificatesEver reads every certificate that the log ever named, with its name.
func (c *checker) certificatesEver(ctx context.Context, visit func(v *version, cert *x509.Certificate)) {
	seen := map[artifact.Digest]bool{}
	for _, v := range c.past.versions {
		if !v.Kind.IsCertificate() || seen[v.Digest] {
			continue
		}
		seen[v.Digest] = true
		der, err := c.log.ReadBlob(ctx, v.Line)
		if err != nil {
			continue // checkMaster reports it
		}
		if cert, err := artifact.ParseCertificate(der); err == nil {
			visit(v, cert)
		}
	}
}

// knownCertificates tells when the certificates of the master expire.
func (c *checker) knownCertificates(ctx context.Context) (known []memory.Certificate) {
	c.certificatesEver(ctx, func(v *version, cert *x509.Certificate) {
		if issuer := c.issuerOf(cert); issuer != nil {
			known = append(known, memory.Certificate{
				Issuer: issuerKey(issuer), Serial: artifact.SerialBytes(cert), NotAfter: cert.NotAfter, Name: v.Name,
			})
		}
	})
	return known
}

// issuersNamed returns what finds the issuers that a name in the ledger ever stood for.
func (c *checker) issuersNamed(ctx context.Context) func(name string) []string {
	byName := map[string][]string{}
	c.certificatesEver(ctx, func(v *version, cert *x509.Certificate) {
		stem, _, _ := cutLast(v.Name, ".")
		_, last, ok := cutLast(stem, "/")
		if id := issuerKey(cert); ok && v.Kind == artifact.CACertificate && !slices.Contains(byName[last], id) {
			byName[last] = append(byName[last], id)
		}
	})
	return func(name string) []string { return byName[name] }
}

// enterWords gives what the room said in the log: that certificates expired, and which changes a person allowed. It
// also learns when names were withdrawn.
func (c *checker) enterWords(ctx context.Context, in *memory.Input) error {
	index := int64(0)
	for e, err := range c.log.Entries(ctx, 0, c.log.Size()) {
		if err != nil {
			return ctx.Err() // the log's own findings say why
		}
		enterEntry(in, index, e)
		index++
	}
	return nil
}

func enterEntry(in *memory.Input, index int64, e *ledger.Entry) {
	switch {
	case e.Withdraw != nil:
		for _, n := range e.Withdraw.Names {
			if w, ok := in.Withdrawn[n.Name]; ok && w.Index == index {
				in.Withdrawn[n.Name] = memory.Withdrawal{Index: index, Time: e.Time}
			}
		}
	case e.Expiry != nil:
		for _, x := range e.Expiry.Entries {
			in.Statements = append(in.Statements, memory.Statement{
				Index: index, Issuer: e.Expiry.Issuer, Serial: x.Serial, NotAfter: x.NotAfter,
			})
		}
	case e.Override != nil:
		o := memory.Override{Index: index, Time: e.Time, Issuer: e.Override.Issuer, Text: e.Override.Text}
		for _, x := range e.Override.Changes {
			o.Changes = append(o.Changes, memory.Change(x))
		}
		in.Overrides = append(in.Overrides, o)
	}
}

// reportMemory turns the faults into findings and tells what was compared.
func (c *checker) reportMemory(r *report.Report) {
	lists, answers := c.memory.Compared()
	r.Memory = &report.MemorySummary{Lists: lists, Answers: answers, Statements: c.memory.Statements(),
		Overrides: []report.OverrideEntry{}}
	for _, o := range c.overrides {
		r.Memory.Overrides = append(r.Memory.Overrides, overrideEntry(o, c.OverrideKeys))
	}
	for _, f := range c.memory.Faults() {
		source := report.SourceMaster
		switch f.Code {
		case memory.CodeExpiry, memory.CodeTwoDates, memory.CodeOverride:
			source = report.SourceLog
		}
		c.Found(report.Finding{Code: f.Code, Source: source, Name: f.New.Name, Want: f.Was, Got: f.Now,
			Detail: f.String()})
	}
}

func overrideEntry(o memory.Override, keys []ed25519.PublicKey) report.OverrideEntry {
	p := memory.Judge(o, keys)
	out := report.OverrideEntry{
		Entry: o.Index, Time: o.Time, Issuer: o.Issuer, Text: o.Text, Reason: p.Reason, Allow: p.Allow,
		Expires: p.Expires,
		Counts:  p.Problem == "", Problem: p.Problem, Changes: []report.OverrideChange{},
	}
	for _, x := range o.Changes {
		out.Changes = append(out.Changes, report.OverrideChange(x))
	}
	return out
}
