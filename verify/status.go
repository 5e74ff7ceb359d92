package verify

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/artifact/keyscan"
	"seihon/internal/regular"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/sectiona"
	"seihon/verify/report"
)

// The statuses are what the current artifacts say about certificates.
type statuses struct {
	mu    sync.Mutex
	lists []keptList // the newest of each issuer and scope, while they are collected and after
	certs []keptCert
	pages []pageFacts
	named map[string]*listFacts // every current list

	revoked     map[string]*revocations // by issuerKey
	neverIssued map[string]int          // responses that say so, by issuerKey
	shards      map[string]*answerBook  // by the issuer's name in the ledger
}

// A keptCert is a current certificate of the master.
type keptCert struct {
	name string
	kind artifact.Kind
	cert *x509.Certificate
}

// An answerBook is the current generation of one issuer.
type answerBook struct {
	generation *ocspcache.Generation
	paths      []string // of the bundles, by shard
}

func newStatuses() *statuses {
	return &statuses{named: map[string]*listFacts{}, revoked: map[string]*revocations{}, neverIssued: map[string]int{},
		shards: map[string]*answerBook{}}
}

// keep remembers current lists and certificates.
func (c *checker) keep(v *version, a *artifact.Artifact) {
	s := c.status
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case a.CRL != nil:
		c.keepList(keptList{name: v.Name, list: a.CRL})
	case a.Kind == artifact.IndexPage, a.Kind == artifact.FingerprintPage:
		s.pages = append(s.pages, readPage(v.Name, a.Bytes))
	case v.Kind.IsCertificate() && len(a.Certificates) == 1:
		s.certs = append(s.certs, keptCert{v.Name, v.Kind, a.Certificates[0]})
	}
}

// A listFacts is what is remembered of every current list, without its bytes.
type listFacts struct {
	issuer string // issuerKey of who signed it; empty when nobody trusted did
	delta  bool
	idp    *artifact.DistributionPoint
}

// keepList remembers the facts of a list, and the list itself if it is the newest of its issuer and scope: the others
// are history, and their bytes may go. The caller holds the lock.
func (c *checker) keepList(k keptList) {
	s := c.status
	facts := &listFacts{delta: k.list.BaseNumber != nil, idp: k.list.IDP}
	s.named[k.name] = facts
	issuer, err := c.trust.CheckCRL(k.list)
	if err != nil || k.list.Number == nil {
		return
	}
	facts.issuer, k.issuer = issuerKey(issuer), issuer
	i := slices.IndexFunc(s.lists,
		func(o keptList) bool { return issuerKey(o.issuer) == facts.issuer && o.scope() == k.scope() })
	if i < 0 {
		s.lists = append(s.lists, k)
		return
	}
	if newer := k.list.Number.Cmp(s.lists[i].list.Number); newer > 0 || newer == 0 && k.name < s.lists[i].name {
		s.lists[i] = k
	}
}

// checkStatus checks every current OCSP response and that lists, responses and inventory tell the same.
func (c *checker) checkStatus(ctx context.Context) error {
	s := c.status
	slices.SortFunc(s.lists, func(a, b keptList) int { return strings.Compare(a.name, b.name) })
	slices.SortFunc(s.pages, func(a, b pageFacts) int { return strings.Compare(a.name, b.name) })
	slices.SortFunc(s.certs, func(a, b keptCert) int { return strings.Compare(a.name, b.name) })
	c.collectRevocations()
	for line := range c.state.All() {
		if line.Kind != artifact.OCSPGeneration {
			continue
		}
		if err := c.checkGeneration(ctx, line); err != nil {
			return err
		}
	}
	c.checkAnswered()
	return c.checkInventory(ctx)
}

func (c *checker) collectRevocations() {
	byIssuer := map[string][]keptList{}
	for _, l := range c.status.lists {
		byIssuer[issuerKey(l.issuer)] = append(byIssuer[issuerKey(l.issuer)], l)
	}
	for k, lists := range byIssuer {
		r := newRevocations(lists[0].issuer, lists)
		c.status.revoked[k] = r
		c.counts.revocations.Add(int64(len(r.entries)))
		if n := len(r.disputed); n > 0 {
			c.Found(report.Finding{Code: "coherence-lists", Source: report.SourceMaster, Name: r.names[0],
				Detail: fmt.Sprintf("%s: %d certificates, the first with serial number %x", strings.Join(r.names, ", "),
					n, r.disputed[0])})
		}
	}
}

// checkGeneration reads the generation of one issuer and all its bundles.
func (c *checker) checkGeneration(ctx context.Context, line ledger.Line) error {
	body, err := c.log.ReadBlob(ctx, line)
	if err != nil {
		return ctx.Err() // checkMaster has reported it
	}
	g, proof, err := ocspcache.ParseGeneration(body)
	if err == nil && proof != nil {
		err = errors.New("the master holds it with a proof, which belongs to the public copy only")
	}
	if err != nil {
		c.Found(report.Finding{Code: "generation-damaged", Source: report.SourceMaster, Name: line.Name,
			Detail: err.Error()})
		return nil
	}
	if artifact.Stale(g.NextUpdate, c.now) {
		c.Found(report.Finding{Code: "ocsp-stale", Source: report.SourceMaster, Name: line.Name,
			Got: report.Stamp(g.NextUpdate), Detail: "the earliest nextUpdate of the generation has passed"})
	}
	book := &answerBook{generation: g}
	for _, b := range g.Bundles {
		path, err := c.checkBundle(ctx, line.Name, g, b)
		if err != nil {
			return err
		}
		book.paths = append(book.paths, path)
	}
	c.status.shards[g.Issuer] = book
	return nil
}

// checkBundle reads one bundle of a generation from the master.
func (c *checker) checkBundle(ctx context.Context, name string, g *ocspcache.Generation,
	b ocspcache.GenerationBundle) (path string, err error) {
	vs := c.past.byDigest[b.Digest]
	bad := func(format string, args ...any) (string, error) {
		c.Found(report.Finding{Code: "generation-bundle", Source: report.SourceMaster, Name: name,
			Want: b.Digest.String(), Detail: fmt.Sprintf("shard %d: ", b.Shard) + fmt.Sprintf(format, args...)})
		return "", nil
	}
	if len(vs) == 0 || vs[0].Kind != artifact.OCSPBundle {
		return bad("no line of the log names the bundle")
	}
	path = c.log.BlobPath(vs[0].Line)
	f, err := regular.Open(path)
	if err != nil {
		return "", nil // checkMaster has reported it
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return bad("%v", err)
	}
	h, err := readHead(f)
	if err != nil {
		c.Found(report.Finding{Code: "bundle-damaged", Source: report.SourceMaster, Name: vs[0].Name,
			Detail: err.Error()})
		return "", nil
	}
	switch {
	case h.issuer != g.Issuer || h.shard != int(b.Shard):
		return bad("the bundle says it is shard %d of %q", h.shard, h.issuer)
	case st.Size() != b.Size || h.count != b.Count || h.count > 0 && !unix(h.next).Equal(b.NextUpdate):
		return bad("the generation says %d responses in %d bytes until %s, the bundle has %d in %d until %s", b.Count,
			b.Size, report.Stamp(b.NextUpdate), h.count, st.Size(), report.Stamp(unix(h.next)))
	}
	issuers, why := c.issuersOf(h, g.Issuer)
	if why != "" {
		c.Found(report.Finding{Code: "ocsp-certid", Source: report.SourceMaster, Name: vs[0].Name, Detail: why})
	}
	w := answerWorker{c: c, name: vs[0].Name, shard: int(b.Shard), shards: len(g.Bundles), issuers: issuers}
	if err := w.all(ctx, h, f, st.Size()); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		c.Found(report.Finding{Code: "bundle-damaged", Source: report.SourceMaster, Name: vs[0].Name,
			Detail: err.Error()})
	}
	return path, nil
}

// issuersOf finds the issuer that each group of the bundle speaks of; nil for one that is not trusted. All groups must
// speak of the one CA whose bundle it is: serial numbers of different CAs are not different.
func (c *checker) issuersOf(h *bundleHead, name string) (issuers []*x509.Certificate, why string) {
	own := c.issuerNamed(name)
	for i, g := range h.groups {
		cert := c.trust.IssuerOf(artifact.CertID{Hash: g.hash, IssuerNameHash: g.nameHash, IssuerKeyHash: g.keyHash})
		issuers = append(issuers, cert)
		switch {
		case cert == nil:
		case own != nil && issuerKey(cert) != issuerKey(own):
			why = fmt.Sprintf("group %d speaks of certificates of %q, but the bundle is that of %q", i,
				cert.Subject.String(), name)
		case own == nil:
			own = cert
		}
	}
	return issuers, why
}

// An answerWorker checks the responses of one bundle.
type answerWorker struct {
	c             *checker
	name          string
	shard, shards int
	issuers       []*x509.Certificate // by group
	cache         artifact.CertificateCache
}

// all checks the chunks of a bundle on all processors. At most two chunks for each worker are in memory.
func (w *answerWorker) all(ctx context.Context, h *bundleHead, f *os.File, size int64) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(w.c.Workers)
	done := int64(0)
	err := h.stream(f, size, func(ch chunk) error {
		g.Go(func() error {
			for i := range ch.answers {
				w.one(ch.head, &ch.answers[i])
			}
			return ctx.Err()
		})
		done += int64(len(ch.answers))
		w.c.progress("responses "+w.name, done, int64(h.count))
		return ctx.Err()
	})
	return errors.Join(err, g.Wait())
}

// one checks a single response: its bytes, its place, section A with its signature, the calendar, and the lists.
func (w *answerWorker) one(h *bundleHead, a *answer) {
	w.c.counts.responses.Add(1)
	bad := func(code, format string, args ...any) {
		w.c.Found(report.Finding{Code: code, Source: report.SourceMaster,
			Name: fmt.Sprintf("%s serial %x", w.name, a.serial), Detail: fmt.Sprintf(format, args...)})
	}
	if artifact.Sum(a.der) != a.digest {
		bad("bundle-damaged", "the response is not the one that the index names")
		return
	}
	if key, err := keyscan.Find(a.der); key != nil || err != nil {
		bad("private-key", "%v %v", key, err)
	}
	r, err := w.cache.ParseResponse(a.der)
	if err != nil {
		bad("bundle-damaged", "%v", err)
		return
	}
	if refusal := w.c.policy.Admit(&artifact.Artifact{Kind: artifact.OCSPResponse, Bytes: a.der, OCSP: r},
		sectiona.Evidence{InLedger: true}); refusal != nil {
		w.c.addRefusal(report.SourceMaster, fmt.Sprintf("%s serial %x", w.name, a.serial), refusal)
		return
	}
	w.c.counts.signatures.Add(1)
	s := w.single(h, a, r)
	if s == nil || w.issuers[a.group] == nil {
		bad("ocsp-certid", "no single response is for the CertID under which the bundle holds it")
		return
	}
	if s.ThisUpdate.Unix() != a.this || s.NextUpdate.Unix() != a.next {
		bad("bundle-damaged", "the index gives other times than the response")
	}
	if w.shards > 0 && ocspcache.ShardOf(a.serial, w.shards) != w.shard {
		bad("bundle-shard", "it belongs into shard %d, not %d", ocspcache.ShardOf(a.serial, w.shards), w.shard)
	}
	if artifact.Stale(s.NextUpdate, w.c.now) {
		bad("ocsp-stale", "its nextUpdate was %s", report.Stamp(s.NextUpdate))
	}
	if soon := w.c.now.Add(clockSkew); s.ThisUpdate.After(soon) || r.ProducedAt.After(soon) {
		bad("not-yet-valid", "its producedAt is %s, its thisUpdate %s", report.Stamp(r.ProducedAt),
			report.Stamp(s.ThisUpdate))
	}
	if r.NeverIssued(s) {
		w.c.checkNeverIssued(w.issuers[a.group], s.CertID.Serial, bad)
		return
	}
	w.c.compareWithLists(w.issuers[a.group], s, bad)
}

// single returns the single response for the CertID of the entry.
func (w *answerWorker) single(h *bundleHead, a *answer, r *artifact.Response) *artifact.Single {
	g := h.groups[a.group]
	for i := range r.Singles {
		id := r.Singles[i].CertID
		if id.Hash == g.hash && bytes.Equal(id.IssuerKeyHash, g.keyHash) &&
			bytes.Equal(id.IssuerNameHash, g.nameHash) && bytes.Equal(id.Serial, a.serial) {
			return &r.Singles[i]
		}
	}
	return nil
}
