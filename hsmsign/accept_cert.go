package hsmsign

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"seihon/approval"
	"seihon/artifact"
	"seihon/inventory"
	"seihon/public"
	"seihon/sectiona"
)

// acceptAuthority takes the certificate of a CA of the configuration, or a cross certificate.
func (r *Room) acceptAuthority(ctx context.Context, c *x509.Certificate, v *Verdict) error {
	var open []string // issuers that have no certificate yet
	for i := range r.conf.Issuers {
		a := r.authorities[r.conf.Issuers[i].Name]
		switch {
		case a.cert == nil && a.External():
			open = append(open, a.Name)
		case a.cert != nil && a.cert.Equal(c):
			v.Name, v.Present = public.Certificate(a.Name), true
			return v.of(a.Name)
		}
	}
	if slices.ContainsFunc(r.policy.Trust.Partners(), func(p *x509.Certificate) bool { return r.crosses(c, p) }) {
		return r.acceptCross(ctx, c, v)
	}
	fits, why := r.fitting(c, open, v.wanted)
	switch {
	case len(open) == 0:
		return refuse("%q is the certificate of no issuer of the configuration that is signed_by: external and has none yet", c.Subject)
	case len(fits) > 1:
		return refuse("%q may be the certificate of %s: say which one with --issuer NAME, or name their subjects in the configuration",
			c.Subject, strings.Join(fits, " or "))
	case len(fits) == 1:
		why = r.takeAuthority(ctx, fits[0], c, v)
	}
	if _, unapproved := errors.AsType[*ApprovalRefusal](why); unapproved || errors.Is(why, ErrAsked) {
		return why
	}
	if why != nil {
		return refuse("%q is the certificate of no issuer that has none yet: %w", c.Subject, why)
	}
	return nil
}

// fitting gives those of the issuers without certificate whose certificate it may be. One whose subject the configuration
// names comes before those of which it says nothing.
func (r *Room) fitting(c *x509.Certificate, open []string, wanted string) (fits []string, why error) {
	named := false
	for _, name := range open {
		if wanted != "" && wanted != name {
			why = cmp.Or(why, fmt.Errorf("it was to be of %s", wanted))
			continue
		}
		a := r.authorities[name]
		err := r.checkAdopted(a, c)
		if err == nil && a.Parent != "" {
			var parent *authority
			if parent, err = r.authority(a.Parent); err == nil {
				err = artifact.CheckIssued(c, parent.cert)
			}
		}
		says := a.Subject.CommonName != ""
		switch {
		case err != nil:
			why = cmp.Or(why, err)
		case says == named:
			fits = append(fits, name)
		case says:
			fits, named = []string{name}, true
		}
	}
	return fits, why
}

// takeAuthority makes a certificate that of an issuer.
func (r *Room) takeAuthority(ctx context.Context, name string, c *x509.Certificate, v *Verdict) error {
	v.Issuer = name
	if err := r.adoptCA(ctx, name, c); err != nil {
		return err
	}
	a := r.authorities[name]
	a.cert = c
	v.Name = public.Certificate(name)
	if err := r.tellInventory(ctx, a, artifact.Sum(c.RawSubjectPublicKeyInfo)); err != nil {
		return err
	}
	return r.buildPolicy(nil, []*x509.Certificate{c})
}

// crosses reports whether a certificate joins one of our CAs with a pinned partner, in either direction.
func (r *Room) crosses(c, partner *x509.Certificate) bool {
	of := func(x *x509.Certificate) bool {
		return artifact.SameName(c.RawSubject, x.RawSubject) && bytes.Equal(c.RawSubjectPublicKeyInfo, x.RawSubjectPublicKeyInfo)
	}
	for _, a := range r.authorities {
		if a.cert != nil && (of(partner) && artifact.CheckIssued(c, a.cert) == nil || of(a.cert) && artifact.CheckIssued(c, partner) == nil) {
			return true
		}
	}
	return false
}

// acceptCross takes a cross certificate, under a name made of its digest: it has none that both sides agreed on.
func (r *Room) acceptCross(ctx context.Context, c *x509.Certificate, v *Verdict) error {
	for i := range r.conf.Issuers {
		a := r.authorities[r.conf.Issuers[i].Name]
		if a.cert == nil || !bytes.Equal(c.RawSubjectPublicKeyInfo, a.cert.RawSubjectPublicKeyInfo) && artifact.CheckIssued(c, a.cert) != nil {
			continue
		}
		if err := v.of(a.Name); err != nil {
			return err
		}
		v.Kind = string(artifact.CrossCertificate)
		v.Name = public.Cross(a.Name + "-" + artifact.Sum(c.Raw).String()[:12])
		return r.acceptCertificate(ctx, certificateRecord(a.Name, artifact.CrossCertificate, v.Name, c), c, v)
	}
	return refuse("no issuer of the configuration stands on one side of the cross certificate of %q", c.Subject)
}

// acceptLink takes a link certificate between an issuer and the one that it succeeds.
func (r *Room) acceptLink(ctx context.Context, c *x509.Certificate, v *Verdict) error {
	for _, a := range r.authorities {
		old := r.authorities[a.Succeeds]
		if old == nil || a.cert == nil || old.cert == nil {
			continue
		}
		for n, side := range []struct{ signer, of *authority }{{old, a}, {a, old}} { // as IssueLinks numbers them
			if !bytes.Equal(c.RawSubjectPublicKeyInfo, side.of.cert.RawSubjectPublicKeyInfo) || artifact.CheckIssued(c, side.signer.cert) != nil {
				continue
			}
			if err := v.of(side.signer.Name); err != nil {
				return err
			}
			v.Name = public.Link(a.Name, n+1)
			return r.acceptCertificate(ctx, certificateRecord(side.signer.Name, artifact.LinkCertificate, v.Name, c), c, v)
		}
	}
	return refuse("it has the name of %q for issuer and subject, and joins no issuer of the configuration with the one that it succeeds", c.Subject)
}

// acceptCertificate records and stages a public certificate.
func (r *Room) acceptCertificate(ctx context.Context, rec inventory.ArtifactRecord, c *x509.Certificate, v *Verdict) error {
	if digest, there, err := r.current(ctx, rec.Name); err != nil {
		return err
	} else if there && digest == artifact.Sum(c.Raw) {
		v.Present = true
		return nil
	}
	if refusal := r.policy.Admit(artifact.Parse(c.Raw), sectiona.Evidence{InLedger: true, Claimed: rec.Kind}); refusal != nil {
		return refusal // before the inventory remembers it
	}
	if err := r.approveNow(ctx, act(approval.IssueCA, append([]string{"act", "accept", "name", rec.Name}, certified("certificate", c)...)...)); err != nil {
		return err
	}
	if a := r.authorities[rec.Issuer]; artifact.CheckIssued(c, a.cert) == nil {
		if err := r.recordAdopted(ctx, a.Name, c); err != nil {
			return err
		}
	}
	return r.stage(ctx, rec, c.Raw)
}

// foreign are certificates that stay in the private record, by issuer, until they are imported together.
type foreign struct {
	names    []string
	records  map[string][]inventory.Record
	verdicts map[string][]*Verdict
	digest   map[string][]byte
	seen     map[string]artifact.Digest // by issuer and serial
	count    int
}

// foreignBatch is how many certificates are held before they are imported.
const foreignBatch = 10000

// acceptEndEntity takes a certificate that is not published: a subscriber's, the document signer's, that of an OCSP signer
// whose key is elsewhere. That of an OCSP signer in the token is put to use.
func (r *Room) acceptEndEntity(ctx context.Context, c *x509.Certificate, v *Verdict, all *foreign) error {
	var issuer *authority
	var why error
	for i := range r.conf.Issuers {
		a := r.authorities[r.conf.Issuers[i].Name]
		if a.cert == nil || !artifact.SameName(c.RawIssuer, a.cert.RawSubject) {
			continue
		}
		if why = artifact.CheckIssued(c, a.cert); why == nil {
			issuer = a
			break
		}
	}
	switch {
	case issuer == nil && why != nil:
		return refuse("%w", why)
	case issuer == nil:
		return refuse("certificate %x of %q was issued by %q, which is no issuer of the configuration, "+
			"or one whose own certificate is not here yet: hand that over first", c.SerialNumber, c.Subject, c.Issuer)
	case !issuer.External():
		return refuse("certificate %x names issuer %s, whose key is in this room: it was signed past it", c.SerialNumber, issuer.Name)
	}
	if err := v.of(issuer.Name); err != nil {
		return err
	}
	if o := issuer.OCSP; o != nil && o.Responder != nil && checkPinnedKey(o.Responder.Key, c) == nil {
		v.Name, v.Present = public.Certificate(o.Responder.Name), issuer.responder.Equal(c)
		if err := r.adoptResponder(ctx, issuer, o.Responder, c); err != nil {
			return refuse("%w", err)
		}
		return nil
	}
	if why := r.policy.Irregular(c, issuer.cert); why != "" {
		return refuse("%s", why)
	}
	return all.add(ctx, r, issuer.Name, c, v)
}

// add puts a certificate among those that are imported together; one that contradicts the inventory is refused by itself.
func (f *foreign) add(ctx context.Context, r *Room, issuer string, c *x509.Certificate, v *Verdict) error {
	serial := artifact.SerialBytes(c)
	if err := inventory.CheckSignedSerial(serial); err != nil {
		return refuse("%w", err)
	}
	e, err := r.inv.Get(ctx, issuer, serial)
	if err != nil && !errors.Is(err, inventory.ErrNotFound) {
		return err
	}
	if err == nil && len(e.DER) > 0 {
		if !bytes.Equal(e.DER, c.Raw) {
			return refuse("the inventory has another certificate of %s under serial %x, of %q: the CA issued two with one serial", issuer, serial, e.Subject)
		}
		v.Present = true
		return nil
	}
	if f.records == nil {
		f.records, f.verdicts, f.digest = map[string][]inventory.Record{}, map[string][]*Verdict{}, map[string][]byte{}
		f.seen = map[string]artifact.Digest{}
	}
	sum := artifact.Sum(c.Raw)
	key := issuer + " " + string(serial)
	if other, ok := f.seen[key]; ok && other != sum {
		return refuse("another certificate of %s has serial %x, too: the CA issued two with one serial", issuer, serial)
	}
	f.seen[key] = sum
	rec := inventory.Record{Certificate: inventory.Certificate{Issuer: issuer, Serial: serial, Kind: artifact.SubscriberCertificate, DER: c.Raw,
		Subject: c.Subject.String(), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC()}, State: inventory.Issued, Proven: true, File: v.Input}
	if artifact.IsOCSPSigner(c) {
		rec.Kind = artifact.OCSPSignerCertificate
	}
	if _, known := f.records[issuer]; !known {
		f.names = append(f.names, issuer)
	}
	f.records[issuer] = append(f.records[issuer], rec)
	f.verdicts[issuer] = append(f.verdicts[issuer], v)
	f.count++
	f.digest[issuer] = append(f.digest[issuer], sum[:]...)
	return nil
}

// acceptForeign imports the certificates that were gathered. The inventory takes all or none: when it refuses, they are
// imported one by one, so that each has a verdict of its own and a wrong one holds no other up.
func (r *Room) acceptForeign(ctx context.Context, all *foreign) error {
	for _, issuer := range all.names {
		batch, verdicts := all.records[issuer], all.verdicts[issuer]
		err := r.importForeign(ctx, issuer, batch, verdicts, all.digest[issuer])
		if len(batch) > 1 && refused(err) {
			err = nil
			for n := range batch {
				sum := artifact.Sum(batch[n].DER)
				if one := r.importForeign(ctx, issuer, batch[n:n+1], verdicts[n:n+1], sum[:]); one != nil && !refused(one) {
					err = one
					break
				}
			}
		}
		if err != nil && !refused(err) {
			return fmt.Errorf("recording the certificates of %s: %w", issuer, err)
		}
	}
	*all = foreign{}
	return nil
}

// importForeign imports certificates together, and settles their verdicts.
func (r *Room) importForeign(ctx context.Context, issuer string, batch []inventory.Record, verdicts []*Verdict, digests []byte) error {
	src := &records{all: batch, info: inventory.SourceInfo{Name: "certificates", Format: "accepted certificates",
		Scope: inventory.Partial, NoStatus: true, Digest: artifact.Sum(digests)}}
	_, err := r.inv.Import(ctx, inventory.Import{Issuer: issuer, Source: src, DryRun: r.dryRun})
	for _, v := range verdicts {
		v.Refused, v.Failed = "", ""
		switch v.settle(err); {
		case err == nil && r.dryRun:
			v.add("for the private master and the inventory")
		case err == nil:
			v.add("recorded in the private master and in the inventory")
		}
	}
	return err
}

// records are an inventory source in memory.
type records struct {
	all  []inventory.Record
	info inventory.SourceInfo
}

func (s *records) Info() inventory.SourceInfo { return s.info }

func (s *records) Records(ctx context.Context) iter.Seq2[inventory.Record, error] {
	return func(yield func(inventory.Record, error) bool) {
		for _, rec := range s.all {
			if !yield(rec, ctx.Err()) {
				return
			}
		}
	}
}
