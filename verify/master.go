package verify

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
	"seihon/sectiona"
	"seihon/verify/report"
)

// A group is all lines that name the same bytes.
type group struct {
	versions []*version
	isOwn    bool // the bytes have a file of their own
}

func (g *group) first() *version { return g.versions[0] }

// newest returns the line that is current if one is, otherwise the last.
func (g *group) newest() *version {
	for _, v := range g.versions {
		if v.current {
			return v
		}
	}
	return g.versions[len(g.versions)-1]
}

// groups returns the artifacts of the master, each once, in the order in which the log first named them.
func (c *checker) groups() []*group {
	var all []*group
	for _, v := range c.past.versions {
		vs := c.past.byDigest[v.Digest]
		if vs[0] == v && v.Kind != artifact.OCSPResponse { // a single response is a member of a bundle
			all = append(all, &group{versions: vs, isOwn: true})
		}
	}
	return all
}

// checkMaster reads every artifact that the log ever named, compares it with its digest, and has the content judged.
func (c *checker) checkMaster(ctx context.Context) error {
	c.status = newStatuses()
	all := c.groups()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.Workers)
	for i, gr := range all {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			c.checkGroup(ctx, gr)
			c.progress("master", int64(i), int64(len(all)))
			return ctx.Err()
		})
	}
	return g.Wait()
}

func (c *checker) checkGroup(ctx context.Context, g *group) {
	line := g.first().Line
	c.counts.artifacts.Add(1)
	switch {
	case c.Tier == report.TierList:
		c.enterMaster(g, c.checkSize(line))
		return
	case line.Kind == artifact.OCSPBundle:
		c.enterMaster(g, c.reportBlob(line, c.log.CheckBlob(ctx, line)))
		c.counts.artifactBytes.Add(line.Size)
		return
	}
	b, err := c.log.ReadBlob(ctx, line)
	c.enterMaster(g, c.reportBlob(line, err))
	if err != nil {
		return
	}
	c.counts.artifactBytes.Add(int64(len(b)))
	c.checkContent(ctx, g, artifact.ParseKnown(b, line.Digest))
}

func (c *checker) checkSize(line ledger.Line) report.Outcome {
	st, err := os.Stat(c.log.BlobPath(line))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.Found(report.Finding{Code: "master-missing", Source: report.SourceMaster, Name: line.Name,
			Want: line.Digest.String()})
		return report.Missing
	case err != nil:
		c.Found(report.Finding{Code: "master-unreadable", Source: report.SourceMaster, Name: line.Name,
			Detail: err.Error()})
		return report.Unreadable
	case st.Size() != line.Size:
		c.Found(report.Finding{Code: "master-damaged", Source: report.SourceMaster, Name: line.Name,
			Want: bytesText(line.Size), Got: bytesText(st.Size())})
		return report.Different
	}
	return report.SizeOnly
}

// reportBlob turns an error of reading a master into a finding.
func (c *checker) reportBlob(line ledger.Line, err error) report.Outcome {
	switch {
	case err == nil:
		return report.Equal
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return report.NotRead
	}
	how := report.Unreadable
	f := report.Finding{Code: "master-unreadable", Source: report.SourceMaster, Name: line.Name,
		Want: line.Digest.String(), Detail: err.Error()}
	if errors.Is(err, ledger.ErrCorrupt) {
		f.Code, how = "master-damaged", report.Different
		if _, serr := os.Stat(c.log.BlobPath(line)); errors.Is(serr, fs.ErrNotExist) {
			f.Code, how = "master-missing", report.Missing
		}
	}
	c.Found(f)
	return how
}

// checkContent judges the bytes of a group: by section A as they will be, or were, published, and against every line
// that names them. Current lists and certificates are kept for the checks that need more than one artifact.
func (c *checker) checkContent(ctx context.Context, g *group, a *artifact.Artifact) {
	v := g.newest()
	ev := sectiona.Evidence{InLedger: true, Claimed: v.Kind}
	switch v.Kind {
	case artifact.Document:
		ev.Signature = c.signatureOf(ctx, v)
	case artifact.DocumentSignature:
		ev.Document = c.documentOf(ctx, v)
	}
	if r := c.policy.Admit(a, ev); r != nil {
		c.addRefusal(report.SourceMaster, v.Name, r)
	} else if v.current {
		for _, w := range c.Policy.Warnings(a, ev) {
			c.Found(report.Finding{Code: "section-a-advice", Source: report.SourceMaster, Name: v.Name, Detail: w})
		}
	}
	c.countSignatures(a)
	c.keepSigners(a)
	if v.current && (a.Kind == artifact.Document || a.Kind == artifact.DocumentSignature) {
		c.checkDocument(v, a, ev.Document)
	}
	for _, v := range g.versions {
		c.checkLine(v, a)
	}
	if slices.ContainsFunc(g.versions, func(v *version) bool { return v.current }) {
		c.keep(v, a)
	}
}

// addRefusal reports what section A refuses. A private key has a code of its own, since nothing else is as urgent.
func (c *checker) addRefusal(source, name string, r *sectiona.Refusal) {
	f := report.Finding{Code: "section-a", Rule: r.Rule, Source: source, Name: name, Got: r.Kind, Detail: r.Reason,
		Hint: r.Hint}
	if r.Rule == "private-key" {
		f.Code, f.Hint = "private-key", ""
	}
	c.Found(f)
}

func (c *checker) countSignatures(a *artifact.Artifact) {
	c.counts.certificates.Add(int64(len(a.Certificates)))
	c.counts.signatures.Add(int64(len(a.Certificates)))
	if a.CRL != nil {
		c.counts.lists.Add(1)
		c.counts.signatures.Add(1)
	}
}

// signatureOf finds the detached signature beside a document: the document's name with .p7s added or in place of its
// extension.
func (c *checker) signatureOf(ctx context.Context, v *version) *artifact.Artifact {
	for _, name := range public.Signatures(v.Name) {
		vs := c.past.byName[name]
		for i := len(vs) - 1; i >= 0; i-- {
			if vs[i].Kind != artifact.DocumentSignature {
				continue
			}
			if b, err := c.log.ReadBlob(ctx, vs[i].Line); err == nil {
				return artifact.Parse(b)
			}
		}
	}
	return nil
}

// documentOf is the inverse of signatureOf; nil when the document is not there.
func (c *checker) documentOf(ctx context.Context, v *version) []byte {
	for _, name := range public.Signed(v.Name) {
		vs := c.past.byName[name]
		for i := len(vs) - 1; i >= 0; i-- {
			if b, err := c.log.ReadBlob(ctx, vs[i].Line); err == nil {
				return b
			}
		}
	}
	return nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
